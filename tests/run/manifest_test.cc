#include "generator/run/manifest.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "generator/run/json_file.h"
#include "generator/stream/stamp_log.h"
#include "scenarios/load.h"
#include "tests/run/fakes.h"

namespace playload {
namespace {

Manifest Sample() {
  Manifest manifest;
  manifest.run_id = "20260101T000000Z-fraud-ring-7";
  const Result<Scenario> scenario = LoadScenario("fraud-ring", {});
  REQUIRE_MESSAGE(scenario.has_value(), scenario.error().message());
  manifest.spec.scenario = *scenario;
  manifest.spec.seed = ~std::uint64_t{0};
  manifest.spec.start_ns = 1'767'225'600'123'456'789;
  manifest.spec.shard = 3;
  manifest.spec.shards = 5;
  manifest.spec.end = (std::uint64_t{1} << 53) + 1;  // not a double
  manifest.spec.event_types = EventTypes::kExtended;
  manifest.spec.timestamp_form = TimestampForm::kNaiveMicros;
  manifest.spec.id_prefix = "nightly-2";
  manifest.finished = true;
  ManifestDestination kafka;
  kafka.to = "kafka://127.0.0.1:9092";
  kafka.topics = {"player-events", "my-topic", "server-metrics"};
  kafka.start_offsets = {{"my-topic", {0, 17, 9'007'199'254'740'993}}, {"fraud-alerts", {}}};
  kafka.end = 12'345;
  kafka.digest = 0x00ff'0000'1234'5678;
  ManifestDestination file;
  file.to = "file:out \"quoted\"";
  file.topics = {"player-events", "purchase-events", "server-metrics"};
  file.polled = {{7, 0, 9'007'199'254'740'993}};
  manifest.destinations = {kafka, file};
  return manifest;
}

// Replaces the first `from`; it must be there.
std::string With(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, from);
  return text.replace(at, from.size(), to);
}

std::string Refusal(const std::string& json) {
  const Result<Manifest> manifest = ParseManifest("dir/manifest.json", json);
  if (manifest) return "";
  CHECK(manifest.error().code() == Code::kInvalid);
  CHECK(manifest.error().message().find('\n') == std::string::npos);
  CHECK(manifest.error().message().starts_with("dir/manifest.json: "));
  return manifest.error().message();
}

}  // namespace

TEST_CASE("Manifest: what is written is what is read") {
  const Manifest written = Sample();
  const std::string json = ManifestJson(written);
  const Result<Manifest> read = ParseManifest("manifest.json", json);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(read->run_id == written.run_id);
  CHECK(read->finished);
  CHECK(ResolvedText(read->spec.scenario) == ResolvedText(written.spec.scenario));
  CHECK(read->spec.seed == written.spec.seed);
  CHECK(read->spec.start_ns == written.spec.start_ns);
  CHECK(read->spec.clock == Clock::kLive);
  CHECK(read->spec.shard == 3);
  CHECK(read->spec.shards == 5);
  CHECK(read->spec.end == written.spec.end);
  CHECK(read->spec.event_types == EventTypes::kExtended);
  CHECK(read->spec.timestamp_form == TimestampForm::kNaiveMicros);
  CHECK(read->spec.id_prefix == "nightly-2");
  REQUIRE(read->destinations.size() == 2);
  CHECK(read->destinations[0].to == written.destinations[0].to);
  CHECK(read->destinations[0].topics == written.destinations[0].topics);
  CHECK(!read->destinations[0].polled.has_value());
  CHECK(read->destinations[1].polled == written.destinations[1].polled);
  CHECK(read->destinations[0].start_offsets == written.destinations[0].start_offsets);
  CHECK(read->destinations[0].end == 12'345);
  CHECK(read->destinations[0].digest == written.destinations[0].digest);
  CHECK(read->destinations[1].to == written.destinations[1].to);
  CHECK(!read->destinations[1].end);
  CHECK(!read->destinations[1].digest);
  // And again the same bytes.
  CHECK(ManifestJson(*read) == json);
}

TEST_CASE("Manifest: an endless run at rate max, and a run on the virtual clock") {
  Manifest manifest = Sample();
  manifest.spec.rate_max = true;
  manifest.spec.run_ns = 90'000'000'000;
  manifest.spec.end = RunSpec::kNoEnd;
  Result<Manifest> read = ParseManifest("manifest.json", ManifestJson(manifest));
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(read->spec.rate_max);
  CHECK(read->spec.run_ns == 90'000'000'000);
  CHECK(read->spec.end == RunSpec::kNoEnd);

  manifest = Sample();
  manifest.spec.clock = Clock::kVirtual;
  read = ParseManifest("manifest.json", ManifestJson(manifest));
  REQUIRE(read.has_value());
  CHECK(read->spec.clock == Clock::kVirtual);
}

TEST_CASE("Manifest: what was changed is refused, and the message says what is wrong") {
  const std::string json = ManifestJson(Sample());
  struct Change {
    std::string from, to, says;
  };
  const std::vector<Change> changes = {
      {R"("version": 1)", R"("version": 2)", "manifest of version 2"},
      {R"("version": 1)", R"("version": "1")", "'version' is not a whole number"},
      {R"("version": 1,)", "", "'version' is missing"},
      {R"("playload": ")", R"("playload": "9.)", "written by playload '9."},
      {R"("finished": true)", R"("finished": 1)", "'finished' is not true or false"},
      {R"("sha256": ")", R"("sha256": "0)", "does not have the hash"},
      {R"(seed": 18446744073709551615)", R"(seed": 18446744073709551616)", "not JSON"},
      {R"(seed": 18446744073709551615)", R"(seed": -1)", "'seed' is not"},
      {R"(seed": 18446744073709551615)", R"(seed": 1.5)", "'seed' is not"},
      {R"("start": "2026)", R"("start": "yesterday 2026)", "'start'"},
      {R"("clock": "live")", R"("clock": "sundial")", "'clock'"},
      {R"("rate_max": false)", R"("rate_max": null)", "'rate_max'"},
      {R"("run_ns": 0)", R"("run_ns": -4)", "'run_ns' is negative"},
      {R"("end": 9007199254740993)", R"("end": "never")", "'end'"},
      {R"("index": 3)", R"("index": 5)", "'shard'"},
      {R"("of": 5)", R"("of": 0)", "'shard'"},
      {R"("shard": {)", R"("shards": {)", "'shard' is missing"},
      {R"("event_types": "extended")", R"("event_types": "all")", "'event_types'"},
      {R"("timestamp_precision": "naive")", R"("timestamp_precision": "ns")",
       "'timestamp_precision'"},
      {R"("id_prefix": "nightly-2")", R"("id_prefix": "a_b")", "'id_prefix'"},
      {R"("destinations": [)", R"("destinations": [ 7,)", "'destinations[0]' is not an object"},
      {R"("destinations": [)", R"("destination": [)", "'destinations' is missing"},
      {R"("to": ")", R"("for": ")", "'destinations[0].to' is missing"},
      {R"("purchase-events": "my-topic")", R"("purchases": "my-topic")",
       "'destinations[0].topics.purchase-events' is missing"},
      {R"([0, 17,)", R"([0, -17,)", "start_offsets"},
      {R"([0, 17,)", R"([0, "17",)", "start_offsets"},
      {R"("end": 12345)", R"("end": -1)", "'destinations[0].end'"},
      {"\n      \"digest\": \"00ff", "\n      \"digest\": \"+0ff", "16 hexadecimal digits"},
  };
  REQUIRE(Refusal(json).empty());
  for (const Change& change : changes) {
    CAPTURE(change.from);
    CAPTURE(change.to);
    const std::string refusal = Refusal(With(json, change.from, change.to));
    CHECK_MESSAGE(refusal.find(change.says) != std::string::npos, refusal);
  }
  CHECK(Refusal("").find("not JSON") != std::string::npos);
  CHECK(Refusal("[]").find("not a JSON object") != std::string::npos);
  CHECK(Refusal(json.substr(0, json.size() / 2)).find("not JSON") != std::string::npos);
  CHECK(Refusal("{}").find("'version' is missing") != std::string::npos);
}

// Whatever is cut off, the rest is refused and nothing falls over.
TEST_CASE("Manifest: no prefix of a manifest is one") {
  const std::string json = ManifestJson(Sample());
  for (std::size_t length = 0; length + 2 < json.size(); length += 13) {
    CHECK(!Refusal(json.substr(0, length)).empty());
  }
}

TEST_CASE("Manifest: a scenario's text that was changed no longer has its hash") {
  std::string json = ManifestJson(Sample());
  const std::size_t at = json.find("players: ");
  REQUIRE(at != std::string::npos);
  json[at + 9] = json[at + 9] == '9' ? '8' : '9';
  CHECK(Refusal(json).find("hash") != std::string::npos);
}

TEST_CASE("Manifest: a scenario that still asks for probes of rules is none that was run") {
  Manifest manifest = Sample();
  manifest.spec.scenario.weave.sources = {{"velocity", 0}};
  CHECK(Refusal(ManifestJson(manifest)).find("asks for the probes of rules") != std::string::npos);
}

TEST_CASE("Manifest: the spec of a destination ends where that destination's events ended") {
  const test::ScratchFolder folder;
  REQUIRE(WriteManifest(folder.path(), Sample()).ok());
  Result<RunSpec> spec = SpecFromManifest(folder.path());
  REQUIRE(spec.has_value());
  CHECK(spec->end == 12'345);
  spec = SpecFromManifest(folder.path(), 1);
  REQUIRE(spec.has_value());
  CHECK(spec->end == Sample().spec.end);

  const Result<RunSpec> none = SpecFromManifest(folder / "nowhere");
  REQUIRE(!none.has_value());
  CHECK(none.error().code() == Code::kInvalid);
  CHECK(none.error().message().find("nowhere/manifest.json") != std::string::npos);
}

TEST_CASE("Stamps: come back as they were, and what is cut off or overflows is refused") {
  const test::ScratchFolder folder;
  const std::vector<std::int64_t> stamps = {1'767'225'600'123'456'789, 1'767'225'600'123'456'789,
                                            1'767'225'600'123'456'916, 1'767'225'600'123'473'300,
                                            1'799'999'999'999'999'999};
  const auto write = [&folder](const std::vector<std::int64_t>& all) {
    std::size_t next = 0;
    StampLog log([&] { return all[next++]; });
    REQUIRE(log.SpoolTo(StampsFile(folder.path())).ok());
    if (!all.empty()) CHECK(log.At(all.size() - 1) == all.back());
    REQUIRE(log.Finish().ok());
  };
  write(stamps);
  const Result<std::vector<std::int64_t>> read = ReadStamps(folder.path());
  REQUIRE(read.has_value());
  CHECK(*read == stamps);
  // Batches that follow each other within 2 ms take three bytes.
  const Result<std::string> bytes = ReadWholeFile(folder / "stamps.bin", 1'000);
  REQUIRE(bytes.has_value());
  CHECK(bytes->size() == 9 + 1 + 1 + 3 + 8);

  REQUIRE(std::filesystem::remove(StampsFile(folder.path())));
  write({});
  REQUIRE(ReadStamps(folder.path()).has_value());
  CHECK(ReadStamps(folder.path())->empty());
  for (const std::string& wrong :
       {std::string("\x80"), std::string(9, '\xff') + "\x7f",
        std::string(8, '\xff') + "\x7f" + std::string(8, '\xff') + "\x7f"}) {
    REQUIRE(WriteFileAtomically(folder / "stamps.bin", wrong).ok());
    CHECK(!ReadStamps(folder.path()).has_value());
  }
}

}  // namespace playload
