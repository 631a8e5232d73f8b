// The lines of events that a data fault has touched: valid or not as their record says, judged by
// the reference pipeline, which reads JSON and knows no records; and otherwise what they were.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/encode/damage.h"
#include "generator/encode/dataflow.h"
#include "generator/event/fault.h"
#include "generator/reference/reference_pipeline.h"
#include "generator/simulate/lanes.h"
#include "tests/support/world.h"

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'767'225'600'000'000'000;
constexpr std::uint32_t kRecords = 64'000;  // of each lane
constexpr std::uint64_t kLanes = 2;

Scenario Faulty() {
  Scenario scenario = test::World(1'000, {"casual", "regular", "whale", "card-tester"});
  scenario.servers.report_every_ms = 30'000;
  scenario.servers.players_per_server = 16;
  return test::WithFaults(std::move(scenario));
}

struct Line {
  Record record;
  std::uint64_t lane;
  Position position;
  std::string key;
  std::string text;  // with its newline
  std::uint16_t mark;
};

// One record's line, in the way that is asked for.
Line Encode(const DataflowEncoder& encoder, TimestampCursor& time, const Record& record,
            std::uint64_t lane, Position position, bool by_kind) {
  std::vector<std::vector<char>> buffers(3, std::vector<char>(kMaxLine + kSlack));
  EventRef ref{};
  DataflowEncoder::Output out{};
  for (unsigned k = 0; k < 3; ++k) out.begin[k] = out.end[k] = buffers[k].data();
  out.events = &ref;
  encoder.EncodeRun(&record, 1, lane, position, time, by_kind, &out);
  const auto kind = static_cast<unsigned>(KindOf(record.action));
  const std::vector<char>& buffer = buffers[by_kind ? kind : 0];
  CHECK(out.kinds[kind] == 1);
  CHECK(out.end[by_kind ? kind : 0] - buffer.data() == ref.length);
  CHECK(ref.kind == KindOf(record.action));
  Line line{record, lane, position, {}, {buffer.data() + ref.begin, ref.length}, ref.fault};
  line.key = line.text.substr(ref.key_begin, ref.key_length);
  return line;
}

std::vector<Line> Lines(const Model& model, const DataflowEncoder& encoder, const Plan& plan,
                        TimestampForm form, bool by_kind) {
  Lanes lanes(model);
  TimestampCursor time(plan, kStart, form);
  std::vector<Line> lines;
  std::vector<Record> records(kRecords);
  for (std::uint64_t lane = 0; lane < kLanes; ++lane) {
    lanes.Simulate(lane, records.data(), kRecords);
    for (std::uint32_t k = 0; k < kRecords; ++k) {
      const Position position =
          (k / kRunLength * model.lanes() + lane) * kRunLength + k % kRunLength;
      lines.push_back(Encode(encoder, time, records[k], lane, position, by_kind));
    }
  }
  return lines;
}

std::string TimeIn(const std::string& line) {
  constexpr std::string_view kField = R"("event_timestamp":")";
  const std::size_t at = line.find(kField) + kField.size();
  return line.substr(at, line.find('"', at) - at);
}

std::string TimeText(std::int64_t instant, TimestampForm form) {
  char text[kTimestampMax];
  return {text, static_cast<std::size_t>(RenderTimestamp(instant, form, text))};
}

void CheckLines(const std::string& prefix, TimestampForm form, bool by_kind) {
  const Scenario scenario = Faulty();
  const Model model(scenario, 12);
  const Plan plan(scenario.plan);
  const DataflowEncoder encoder(model, {true, prefix, {"us-west", "eu-central"}});
  const std::vector<Line> lines = Lines(model, encoder, plan, form, by_kind);
  TimestampCursor time(plan, kStart, form);
  ReferencePipeline pipeline;
  std::vector<ReferencePipeline::OutputRecord> outputs;
  std::map<std::string, std::uint64_t> seen;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    CAPTURE(line.text);
    REQUIRE(line.text.size() <= kMaxLine);
    REQUIRE(line.text.find('\n') == line.text.size() - 1);
    REQUIRE(line.text.find(line.key) != std::string::npos);
    Fault fault;
    if (IsFaulty(line.record)) fault = FaultOf(line.record);
    const std::string_view value(line.text.data(), line.text.size() - 1);
    const auto input = static_cast<ReferencePipeline::Input>(KindOf(line.record.action));
    outputs.clear();
    REQUIRE(pipeline.Process(input, value, &outputs) == fault.valid());
    REQUIRE(((line.mark & FaultMark::kInvalid) == 0) == fault.valid());
    REQUIRE(((line.mark & FaultMark::kDuplicate) != 0) == fault.duplicate());
    if (!IsFaulty(line.record)) continue;
    if (fault.duplicate()) {
      REQUIRE(line.text == lines[i - fault.distance].text);
      REQUIRE(line.key == lines[i - fault.distance].key);
      ++seen["duplicate"];
      continue;
    }
    // Without its damage it is the event, at the instant that it says.
    const Line whole =
        Encode(encoder, time, WithoutCorruption(line.record), line.lane, line.position, !by_kind);
    REQUIRE(whole.key == line.key);
    std::int64_t instant = kStart + plan.PlannedAt(line.position);
    if (fault.late()) {
      const std::int64_t delay = model.faults.Delay(line.lane, i % kRecords, fault.detail);
      REQUIRE(delay >= kSecond);
      REQUIRE(delay <= 3'600 * kSecond);
      instant -= delay;
      ++seen["late"];
    }
    if (fault.skews != 0) {
      const std::uint64_t server = encoder.ServerNumber(line.record, line.lane) - 1;
      instant += model.faults.Skew(server, fault.skews);
      ++seen["skewed"];
    }
    REQUIRE(TimeIn(whole.text) == TimeText(instant, form));
    Line plain = Encode(encoder, time, PlainOf(line.record), line.lane, line.position, by_kind);
    const std::string planned = TimeIn(plain.text);
    plain.text.replace(plain.text.find(planned), planned.size(), TimeText(instant, form));
    REQUIRE(plain.text == whole.text);
    REQUIRE(plain.mark == 0);
    if (!fault.corrupt()) {
      REQUIRE(line.text == whole.text);
      continue;
    }
    REQUIRE(line.text != whole.text);
    ++seen[std::string(kCorruptionNames[static_cast<unsigned>(fault.how())]) + " " +
           kFaultedEvents[static_cast<unsigned>(KindOf(line.record.action))]];
    switch (fault.how()) {
      case Corruption::kCutOff:
        REQUIRE(whole.text.rfind(value, 0) == 0);
        break;
      case Corruption::kUnknownField:
        REQUIRE(WithoutUnknownField(line.text) == whole.text);
        REQUIRE((line.mark & FaultMark::kUnknownField) != 0);
        break;
      case Corruption::kBadUtf8:
        REQUIRE(line.text.size() == whole.text.size());
        REQUIRE(std::count_if(value.begin(), value.end(),
                              [](char c) { return static_cast<unsigned char>(c) > 127; }) == 1);
        break;
      case Corruption::kSchemaVersion:
        REQUIRE(line.text.rfind("{\"schema_version\":2,\"event_name\":", 0) == 0);
        break;
      case Corruption::kMissingField:
        REQUIRE(line.text.size() < whole.text.size());
        break;
      case Corruption::kWrongType:
        break;
    }
  }
  for (const char* what : {"duplicate", "late", "skewed"}) {
    CAPTURE(what);
    CHECK(seen[what] > 20);
  }
  for (const char* how : kCorruptionNames) {
    for (const char* kind : kFaultedEvents) {
      CAPTURE(how);
      CAPTURE(kind);
      CHECK(seen[std::string(how) + " " + kind] > 10);
    }
  }
}

TEST_CASE("Faulty lines: valid or not as the record says, and otherwise what the event was") {
  CheckLines("", TimestampForm::kSeconds, false);
  CheckLines("load-7", TimestampForm::kMicros, true);
  CheckLines(std::string(32, 'x'), TimestampForm::kMillis, false);
}

// The pieces that a line is encoded in do not matter, nor does an index.
TEST_CASE("Faulty lines: a run in one piece is its events one by one") {
  const Scenario scenario = Faulty();
  const Model model(scenario, 12);
  const Plan plan(scenario.plan);
  const DataflowEncoder encoder(model, {false, "", {"us-west", "eu-central"}});
  const std::vector<Line> lines = Lines(model, encoder, plan, TimestampForm::kSeconds, false);
  TimestampCursor time(plan, kStart, TimestampForm::kSeconds);
  std::vector<char> buffer(kRunLength * kMaxLine + kSlack);
  for (std::size_t i = 0; i < 16'000; i += kRunLength) {
    std::vector<Record> records;
    std::string expected;
    for (std::size_t n = 0; n < kRunLength; ++n) {
      records.push_back(lines[i + n].record);
      expected += lines[i + n].text;
    }
    DataflowEncoder::Output out{};
    out.begin.fill(buffer.data());
    out.end.fill(buffer.data());
    encoder.EncodeRun(records.data(), kRunLength, lines[i].lane, lines[i].position, time, false,
                      &out);
    REQUIRE(std::string(buffer.data(), out.end[0]) == expected);
    CHECK(out.kinds[0] + out.kinds[1] + out.kinds[2] == kRunLength);
  }
}

// At the instant of a request, or of a batch at full speed: that, not the planned one.
TEST_CASE("Faulty lines: late and shifted are counted from a fixed instant too") {
  const Scenario scenario = Faulty();
  const Model model(scenario, 12);
  const Plan plan(scenario.plan);
  const DataflowEncoder encoder(model, {false, "", {"us-west", "eu-central"}});
  const std::vector<Line> lines = Lines(model, encoder, plan, TimestampForm::kSeconds, false);
  const std::int64_t stamp = kStart + 7'777 * kSecond;
  TimestampCursor time(plan, kStart, TimestampForm::kSeconds);
  time.Fix(stamp);
  std::uint64_t late = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    if (!IsFaulty(line.record) || !FaultOf(line.record).late()) continue;
    const Fault fault = FaultOf(line.record);
    if (fault.duplicate() || fault.skews != 0) continue;
    const Line at = Encode(encoder, time, line.record, line.lane, line.position, false);
    const std::int64_t delay = model.faults.Delay(line.lane, i % kRecords, fault.detail);
    REQUIRE(TimeIn(at.text) == TimeText(stamp - delay, TimestampForm::kSeconds));
    ++late;
  }
  CHECK(late > 1'000);
}

}  // namespace
}  // namespace playload
