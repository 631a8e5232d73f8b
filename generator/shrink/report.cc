#include "generator/shrink/report.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "generator/base/text.h"
#include "generator/judge/history.h"
#include "generator/run/destinations.h"
#include "generator/run/spec_text.h"
#include "scenarios/brief.h"

namespace playload {
namespace {

constexpr std::string_view kShown = "#   ";

// "1 event", "400,000 events".
std::string Some(std::uint64_t n, const std::string& one, const std::string& many) {
  return FormatCount(n) + " " + (n == 1 ? one : many);
}

std::string SizeOf(const Candidate& candidate) {
  return Some(candidate.events, "event", "events") + " of " +
         Some(candidate.scenario.population.players, "player", "players") + ", " +
         Some(TimelineEntries(candidate.scenario), "timeline entry", "timeline entries");
}

// The failure and its first example, a line each.
std::vector<std::string> ExampleLines(const ShrinkFound& found) {
  std::vector<std::string> lines = {found.failure.output + ", " +
                                    kFlawNames[static_cast<unsigned>(found.failure.flaw)]};
  if (!found.smallest.verification) return lines;
  const FlawExample* const example = ExampleOf(found.smallest.verification->verdict, found.failure);
  if (example == nullptr) return lines;
  lines.push_back("  " + (example->key.empty() ? std::string("(no key)") : example->key));
  if (!example->expected.empty()) lines.push_back("    expected: " + example->expected);
  if (!example->got.empty()) lines.push_back("    got:      " + example->got);
  return lines;
}

// What happened to the example's key. The command that prints it speaks of a run directory that is
// gone.
std::vector<std::string> HistoryLinesOf(const ShrinkFound& found) {
  if (!found.smallest.verification || !found.smallest.verification->history) return {};
  const FlawExample* const example = ExampleOf(found.smallest.verification->verdict, found.failure);
  if (example == nullptr) return {};
  std::vector<std::string> lines =
      found.smallest.verification->history(found.failure.output, example->key);
  lines.erase(std::remove_if(lines.begin(), lines.end(),
                             [](const std::string& l) { return l.starts_with("all of it: "); }),
              lines.end());
  return lines;
}

std::string AgainText(const ShrinkFound& found) {
  if (found.again == 0) return "It was not tried once more";
  if (found.again_failed == found.again) {
    return "It showed in all of " + std::to_string(found.again) + " more re-runs";
  }
  return "IT SHOWS ONLY SOMETIMES: in " + std::to_string(found.again_failed) + " of " +
         std::to_string(found.again) + " more re-runs";
}

std::string EndText(const ShrinkFound& found) {
  switch (found.shrunk.end) {
    case Shrunk::End::kSmallest:
      return "";
    case Shrunk::End::kAttempts:
      return "The attempts were used up (--shrink-attempts): there may be a smaller one";
    case Shrunk::End::kStopped:
      return "Ended early (" + found.shrunk.error.message() + "): there may be a smaller one";
  }
  return "";
}

// The flags of `playload run` that make the same events.
std::string RunFlags(const ShrinkFound& found) {
  const RunSpec& spec = found.spec;
  std::string flags = " --seed " + std::to_string(spec.seed);
  if (found.shrunk.smallest.scenario.duration_ns == 0) {
    flags += " --events " + std::to_string(found.shrunk.smallest.events);
  }
  flags += " --start " + FormatInstant(spec.start_ns) + " --clock virtual";
  if (spec.event_types != EventTypes::kStrict) {
    flags += " --event-types " + std::string(EventTypesName(spec.event_types));
  }
  if (spec.timestamp_form != TimestampForm::kSeconds) {
    flags += " --timestamp-precision " + std::string(TimestampFormName(spec.timestamp_form));
  }
  if (!spec.id_prefix.empty()) flags += " --id-prefix " + spec.id_prefix;
  if (spec.shards > 1) {
    flags += " --shard " + std::to_string(spec.shard) + "/" + std::to_string(spec.shards);
  }
  return flags;
}

std::string VerifyFlags(const ShrinkFound& found) {
  std::string flags;
  for (const std::string& word : found.verify_words) flags += " " + ForShell(word);
  return flags;
}

// The commands that show it again, from the folder that the command expects to be in.
std::vector<std::string> FileCommands(const ShrinkFound& found) {
  const std::string stem = std::filesystem::path(found.file).replace_extension().string();
  const std::string again = ForShell(stem + "-again");
  std::string topics;
  for (int k = 0; k < kKinds; ++k) {
    const std::string usual(TopicName(static_cast<Kind>(k)));
    const std::string name = TopicFor(found.names, usual);
    if (name != usual) topics += " --topic " + ForShell(usual + "=" + name);
  }
  std::vector<std::string> lines = {
      "playload run " + ForShell(found.file) + RunFlags(found) + topics + " --to file:" + again +
          "/events --run-dir " + again + "/run",
      "mkdir " + again + "/outputs", "export PLAYLOAD_EVENTS_DIR=\"$PWD\"/" + again + "/events",
      "export PLAYLOAD_OUTPUTS_DIR=\"$PWD\"/" + again + "/outputs"};
  if (std::filesystem::path(found.file).is_absolute()) {
    lines[2] = "export PLAYLOAD_EVENTS_DIR=" + again + "/events";
    lines[3] = "export PLAYLOAD_OUTPUTS_DIR=" + again + "/outputs";
  }
  lines.push_back(found.command);
  if (!found.smallest.not_there.empty()) {
    lines.emplace_back("touch");
    for (const std::string& file : found.smallest.not_there) {
      lines.back() += " " + again + "/outputs/" + ForShell(file);
    }
  }
  lines.push_back("playload verify " + again + "/run --from file:" + again + "/outputs" +
                  VerifyFlags(found));
  return lines;
}

// With topics of their own; the command must make those that it writes to where the cluster does
// not make them by itself.
std::vector<std::string> KafkaCommands(const ShrinkFound& found) {
  const std::string stem = std::filesystem::path(found.file).replace_extension().string();
  const std::string run_dir = ForShell(stem + "-again");
  std::vector<std::string> lines = {
      "export PLAYLOAD_BROKERS=" + found.kafka.substr(std::string_view("kafka://").size()),
      "export PLAYLOAD_PREFIX=again-$$-"};
  std::string inputs;
  for (const std::string& usual : found.inputs) {
    inputs += " --topic " + usual + "=\"$" + TopicVariable(usual) + "\"";
  }
  std::string outputs;
  for (const std::string& usual : found.outputs) {
    outputs += " --topic " + usual + "=\"$" + TopicVariable(usual) + "\"";
  }
  for (const auto* const topics : {&found.inputs, &found.outputs}) {
    for (const std::string& usual : *topics) {
      lines.push_back("export " + TopicVariable(usual) + "=\"$PLAYLOAD_PREFIX\"" + usual);
    }
  }
  lines.push_back("playload run " + ForShell(found.file) + RunFlags(found) + inputs + " --to " +
                  found.kafka + " --create-topics partitions=" + std::to_string(found.partitions) +
                  ",replication=1 --run-dir " + run_dir);
  lines.push_back(found.command);
  lines.push_back("playload verify " + run_dir + " --from " + found.kafka + outputs +
                  VerifyFlags(found));
  return lines;
}

// Lines of a text, which may have several.
void Comment(std::string_view head, std::string_view text, std::string* out) {
  while (true) {
    const std::size_t end = text.find('\n');
    std::string line = std::string(head) + std::string(text.substr(0, end));
    while (!line.empty() && line.back() == ' ') line.pop_back();
    *out += line + "\n";
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string SmallestFile(const ShrinkFound& found) {
  std::string text;
  Comment("# ",
          "The smallest scenario that was found to show a failure of run " + found.run_id + ":",
          &text);
  Comment("# ", "", &text);
  for (const std::string& line : ExampleLines(found)) Comment("#  ", line, &text);
  Comment("# ", "", &text);
  Comment("# ", SizeOf(found.shrunk.smallest) + "; the run had " + SizeOf(found.whole) + ".",
          &text);
  Comment("# ", AgainText(found) + ".", &text);
  if (const std::string end = EndText(found); !end.empty()) Comment("# ", end + ".", &text);
  Comment("# ", "To see it again, where the pipeline's command works:", &text);
  Comment("# ", "", &text);
  for (const std::string& line : found.kafka.empty() ? FileCommands(found) : KafkaCommands(found)) {
    Comment(kShown, line, &text);
  }
  return text + BriefText(found.shrunk.smallest.scenario);
}

std::string ShrinkText(const ShrinkFound& found) {
  const Scenario& before = found.whole.scenario;
  const Scenario& after = found.shrunk.smallest.scenario;
  const auto change = [](std::uint64_t from, std::uint64_t to) {
    return FormatCount(from) + " -> " + FormatCount(to);
  };
  std::string text = "\nshrunk in " + Some(found.shrunk.attempts, "attempt", "attempts") + "\n";
  text += "  events            " + change(found.whole.events, found.shrunk.smallest.events) + "\n";
  text +=
      "  players           " + change(before.population.players, after.population.players) + "\n";
  text += "  timeline entries  " + change(TimelineEntries(before), TimelineEntries(after)) + "\n";
  text += "  personas          " + change(before.personas.size(), after.personas.size()) + "\n";
  for (const std::string& line : ExampleLines(found)) text += line + "\n";
  for (const std::string& line : HistoryLinesOf(found)) text += "      " + line + "\n";
  text += AgainText(found) + ".\n";
  if (const std::string end = EndText(found); !end.empty()) text += end + ".\n";
  if (!found.others.empty()) {
    text += "seen on the way, and not looked at:\n";
    for (const auto& [what, attempt] : found.others) {
      text += "  " + what + " (attempt " + std::to_string(attempt) + ")\n";
    }
  }
  if (!found.kept.empty()) text += "all attempts are in " + found.kept + "\n";
  return text + "written: " + found.file + "; its head has the commands that show it again\n";
}

}  // namespace playload
