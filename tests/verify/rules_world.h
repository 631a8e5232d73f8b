// A run into files, for tests of the rules over it.

#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/run/run.h"
#include "generator/verify/rules_expect.h"
#include "generator/verify/verify.h"
#include "scenarios/load.h"

namespace playload::testing {

inline const std::atomic<bool> kGoOn{false};

inline RunSpec RulesSpec(const std::string& scenario, Position end) {
  const Result<Scenario> loaded = LoadScenario(scenario, {});
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().message());
  RunSpec spec;
  spec.scenario = *loaded;
  spec.seed = 11;
  spec.start_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
  spec.clock = Clock::kVirtual;
  spec.end = end;
  spec.scenario.plan = {{4'000'000, 4'000'000, 0}};  // 4,000/s, so that incidents come early
  return spec;
}

// In a folder of its own: events/, run/ and outputs/.
class RulesRun {
 public:
  // `to`: instead of the files in events/.
  explicit RulesRun(const RunSpec& spec, const std::string& to = "") {
    std::string name = (std::filesystem::temp_directory_path() / "playload-rules-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    RunOptions options;
    options.spec = spec;
    options.start_given = true;
    const Result<Address> address = ParseAddress(to.empty() ? "file:" + folder + "/events" : to);
    REQUIRE_MESSAGE(address.has_value(), address.error().message());
    options.to = {*address};
    options.run_dir = run_dir();
    Progress progress(Progress::Style::kQuiet, STDERR_FILENO);
    const RunResult result = Execute(std::move(options), kGoOn, kGoOn, progress);
    REQUIRE_MESSAGE(result.status.ok(), result.status.message());
  }
  ~RulesRun() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  RulesRun(const RulesRun&) = delete;
  RulesRun& operator=(const RulesRun&) = delete;

  [[nodiscard]] std::string run_dir() const { return folder + "/run"; }

  [[nodiscard]] std::string Expected(const RuleSet& rules, const std::string& only = "") const {
    std::string text;
    const Status made =
        ExpectRules({run_dir(), "", only, "", 2}, rules, [&](std::string_view lines) {
          text += lines;
          return true;
        });
    REQUIRE_MESSAGE(made.ok(), made.message());
    return text;
  }

  // Writes outputs/TOPIC.ndjson.
  void Write(const std::string& topic, const std::vector<std::string>& lines) const {
    std::filesystem::create_directories(folder + "/outputs");
    std::ofstream file(folder + "/outputs/" + topic + ".ndjson");
    for (const std::string& line : lines) file << line << '\n';
  }

  [[nodiscard]] Verification Judge(const RuleSet& rules,
                                   const std::vector<std::string>& only = {}) const {
    VerifyOptions options;
    options.run_dir = run_dir();
    options.from = "file:" + folder + "/outputs";
    options.rules = rules;
    options.only = only;
    options.causes = true;
    Result<Verification> result = Verify(options, kGoOn);
    REQUIRE_MESSAGE(result.has_value(), result.error().message());
    return *result;
  }

  std::string folder;
};

inline std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace playload::testing
