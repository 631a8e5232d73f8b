#include "generator/replay/fault_lines.h"

#include <cstdio>
#include <cstdlib>

#include "generator/event/fault.h"

namespace playload {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

std::string SecondsText(std::int64_t ns) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s%lld.%09lld", ns < 0 ? "-" : "",
                static_cast<long long>(std::llabs(ns) / kNsPerSecond),
                static_cast<long long>(std::llabs(ns) % kNsPerSecond));
  return text.data();
}

class FaultLines {
 public:
  FaultLines(const Replay& replay, const Arrivals& arrivals,
             const std::array<std::string, kKinds>& topics)
      : facts_(replay),
        encoder_(replay.tables().encoder),
        rules_(replay.tables().model.faults),
        arrivals_(arrivals),
        topics_(topics) {}

  // The lines of an event, none where no fault has touched it; live until the next call.
  std::string_view Of(const ReplayedRun& run, std::uint32_t i) {
    lines_.clear();
    const Record& record = run.records[i];
    if (!IsFaulty(record)) return lines_;
    const Fault fault = FaultOf(record);
    const Position position = run.first + i;
    for (std::size_t k = 0; k < kKinds; ++k) {
      for (std::uint32_t n = 0; n < fault.lost[k]; ++n) {
        if (Begin(static_cast<Kind>(k), position, "null", FaultLabel::kDrop)) End();
      }
    }
    const Kind kind = KindOf(record.action);
    key_ = "\"" + std::string(facts_.Text(run, i).key) + "\"";
    const auto begin = [&](FaultLabel label) {
      if (!Begin(kind, position, key_, label)) return false;
      lines_ += std::string(R"(,"valid":)") + (fault.valid() ? "true" : "false");
      return true;
    };
    if (fault.duplicate()) {
      if (begin(FaultLabel::kDuplicate)) {
        lines_ += R"(,"of":)" + std::to_string(rules_.Before(position, fault.distance));
        End();
      }
      return lines_;
    }
    if (fault.late() && begin(FaultLabel::kLate)) {
      By(rules_.Delay(run.lane, rules_.IndexOf(position), fault.detail));
    }
    if (fault.skews != 0 && begin(FaultLabel::kClockSkew)) {
      By(rules_.Skew(encoder_.ServerNumber(record, run.lane) - 1, fault.skews));
    }
    if (fault.corrupt() && begin(LabelOf(fault.how()))) End();
    return lines_;
  }

 private:
  // False: no event of that kind can have arrived there.
  bool Begin(Kind kind, Position position, const std::string& key, FaultLabel label) {
    if (arrivals_.Of(kind, position) == Arrival::kNever) return false;
    lines_ += R"({"position":)" + std::to_string(position) + R"(,"topic":")" +
              topics_[static_cast<std::size_t>(kind)] + R"(","key":)" + key + R"(,"fault":")" +
              kFaultLabelNames[static_cast<std::size_t>(label)] + "\"";
    return true;
  }
  void By(std::int64_t ns) {
    lines_ += R"(,"seconds":)" + SecondsText(ns);
    End();
  }
  void End() { lines_ += "}\n"; }

  RecordFacts facts_;
  const DataflowEncoder& encoder_;
  const FaultRules& rules_;
  const Arrivals& arrivals_;
  const std::array<std::string, kKinds>& topics_;
  std::string key_;
  std::string lines_;
};

}  // namespace

Status WriteFaults(const Replay& replay, const Arrivals& arrivals,
                   const std::array<std::string, kKinds>& topics,
                   const std::function<bool(std::string_view lines)>& sink) {
  FaultLines lines(replay, arrivals, topics);
  return replay.Walk([&](const ReplayedRun& run) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      if (const std::string_view text = lines.Of(run, i); !text.empty() && !sink(text)) {
        return false;
      }
    }
    return true;
  });
}

}  // namespace playload
