#include "scenarios/brief.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "scenarios/load.h"

namespace playload {
namespace {

using Lines = std::vector<std::string>;

std::size_t Indent(const std::string& line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

std::string Joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Lines Split(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

// What may be left out is what the reader fills in by itself. So it is asked, block by block: a
// line, with all that is indented below it.
std::string BriefText(const Scenario& scenario) {
  const std::string resolved = ResolvedText(scenario);
  const auto means_the_same = [&](const Lines& lines) {
    const Result<Scenario> parsed = ParseScenario(scenario.file, Joined(lines), {});
    return parsed && ResolvedText(*parsed) == resolved;
  };
  Lines lines = Split(resolved);
  for (std::size_t at = 0; at < lines.size();) {
    std::size_t end = at + 1;
    while (end < lines.size() && Indent(lines[end]) > Indent(lines[at])) ++end;
    Lines without = lines;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(at),
                  without.begin() + static_cast<std::ptrdiff_t>(end));
    if (means_the_same(without)) {
      lines = std::move(without);
    } else {
      ++at;
    }
  }
  return Joined(lines);
}

}  // namespace playload
