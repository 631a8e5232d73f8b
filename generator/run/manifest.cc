#include "generator/run/manifest.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "generator/base/text.h"
#include "generator/run/json_file.h"
#include "generator/run/json_reader.h"
#include "generator/run/json_writer.h"
#include "generator/run/spec_text.h"
#include "generator/run/version.h"
#include "scenarios/load.h"

namespace playload {
namespace {

namespace dom = simdjson::dom;

constexpr std::uint64_t kManifestVersion = 1;
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxStampBytes = std::size_t{4} << 30;
constexpr std::size_t kMaxPartitions = 1'000'000;

std::string Hex(std::uint64_t value) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  std::string text(digits.data(), end.ptr);
  return std::string(16 - text.size(), '0') + text;
}

bool ParseHex(const std::string& text, std::uint64_t* value) {
  if (text.size() != 16) return false;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), *value, 16);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
}

void WriteDestination(JsonText& json, const ManifestDestination& destination) {
  json.BeginObject();
  json.Field("to", destination.to);
  json.Key("topics");
  json.BeginObject();
  for (std::size_t k = 0; k < kKinds; ++k) {
    json.Field(TopicName(static_cast<Kind>(k)), destination.topics[k]);
  }
  json.EndObject();
  json.Key("start_offsets");
  json.BeginObject();
  for (const auto& [topic, offsets] : destination.start_offsets) {
    json.Key(topic);
    json.BeginArrayOnOneLine();
    for (const std::int64_t offset : offsets) json.Value(offset);
    json.EndArray();
  }
  json.EndObject();
  json.Key("end");
  destination.end ? json.Value(*destination.end) : json.Null();
  json.Key("digest");
  destination.digest ? json.Value(Hex(*destination.digest)) : json.Null();
  if (destination.polled) {
    json.Key("polled");
    json.BeginObject();
    for (std::size_t k = 0; k < kKinds; ++k) {
      json.Field(TopicName(static_cast<Kind>(k)), (*destination.polled)[k]);
    }
    json.EndObject();
  }
  json.EndObject();
}

ManifestDestination ReadDestination(JsonReader& reader, dom::object object,
                                    const std::string& where) {
  ManifestDestination destination;
  destination.to = reader.Text(object, where, "to");
  const dom::object topics = reader.Object(object, where, "topics");
  for (std::size_t k = 0; k < kKinds; ++k) {
    const std::string name(TopicName(static_cast<Kind>(k)));
    destination.topics[k] = reader.Text(topics, where + "topics.", name.c_str());
  }
  for (const auto& [topic, element] : reader.Object(object, where, "start_offsets")) {
    dom::array offsets;
    std::vector<std::int64_t>& list = destination.start_offsets[std::string(topic)];
    bool valid = element.get(offsets) == simdjson::SUCCESS && offsets.size() <= kMaxPartitions;
    if (valid) {
      for (const dom::element offset : offsets) {
        std::int64_t number = 0;
        valid = valid && offset.get(number) == simdjson::SUCCESS && number >= 0;
        list.push_back(number);
      }
    }
    if (!valid) {
      reader.Fail("field '" + where + "start_offsets' is not one list of offsets per topic");
      break;
    }
  }
  if (reader.Has(object, "end")) destination.end = reader.Unsigned(object, where, "end");
  if (reader.Has(object, "digest")) {
    std::uint64_t digest = 0;
    if (ParseHex(reader.Text(object, where, "digest"), &digest)) {
      destination.digest = digest;
    } else {
      reader.Fail("field '" + where + "digest' is not 16 hexadecimal digits");
    }
  }
  if (reader.Has(object, "polled")) {
    const dom::object polled = reader.Object(object, where, "polled");
    destination.polled.emplace();
    for (std::size_t k = 0; k < kKinds; ++k) {
      const std::string name(TopicName(static_cast<Kind>(k)));
      (*destination.polled)[k] = reader.Unsigned(polled, where + "polled.", name.c_str());
    }
  }
  return destination;
}

// A text field that one of our parsers understands.
template <typename Parse, typename T>
void ReadParsed(JsonReader& reader, dom::object root, const char* key, Parse parse, T* out) {
  const std::string text = reader.Text(root, "", key);
  if (!reader.ok()) return;
  auto value = parse(text);
  if (value) {
    *out = *value;
  } else {
    reader.Fail("field '" + std::string(key) + "': " + value.error().message());
  }
}

void CheckVersions(JsonReader& reader, dom::object root) {
  const std::uint64_t version = reader.Unsigned(root, "", "version");
  if (reader.ok() && version != kManifestVersion) {
    reader.Fail("is a manifest of version " + std::to_string(version) +
                ", this playload reads version " + std::to_string(kManifestVersion));
  }
  const std::string program = reader.Text(root, "", "playload");
  if (reader.ok() && program != Version()) {
    reader.Fail("was written by playload " + Quoted(program) + ", this is playload '" +
                std::string(Version()) +
                "'; another version may make other events: use the one that made the run");
  }
}

void ReadScenario(JsonReader& reader, dom::object root, Scenario* scenario) {
  const dom::object object = reader.Object(root, "", "scenario");
  const std::string text = reader.Text(object, "scenario.", "text");
  const std::string hash = reader.Text(object, "scenario.", "sha256");
  if (!reader.ok()) return;
  if (hash != Sha256Hex(text)) {
    reader.Fail(
        "the scenario's text does not have the hash that stands beside it; the file was "
        "changed after the run, restore it");
    return;
  }
  Result<Scenario> parsed = ParseScenario(reader.file() + ": field 'scenario.text'", text, {});
  if (!parsed) {
    reader.Fail(parsed.error().message());
    return;
  }
  if (!parsed->weave.sources.empty()) {
    reader.Fail("the scenario's text asks for the probes of rules; a run's has the probes");
    return;
  }
  *scenario = std::move(*parsed);
}

}  // namespace

std::string ManifestJson(const Manifest& manifest) {
  const RunSpec& spec = manifest.spec;
  const std::string scenario = ResolvedText(spec.scenario);
  JsonText json;
  json.BeginObject();
  json.Field("version", kManifestVersion);
  json.Field("playload", Version());
  json.Field("run", manifest.run_id);
  json.Field("finished", manifest.finished);
  json.Key("scenario");
  json.BeginObject();
  json.Field("name", spec.scenario.name);
  json.Field("sha256", Sha256Hex(scenario));
  json.Field("text", scenario);
  json.EndObject();
  json.Field("seed", spec.seed);
  json.Field("start", FormatInstant(spec.start_ns));
  json.Field("clock", ClockName(spec.clock));
  json.Field("rate_max", spec.rate_max);
  json.Field("run_ns", spec.run_ns);
  json.Key("end");
  spec.end != RunSpec::kNoEnd ? json.Value(spec.end) : json.Null();
  json.Key("shard");
  json.BeginObject();
  json.Field("index", std::uint64_t{spec.shard});
  json.Field("of", std::uint64_t{spec.shards});
  json.EndObject();
  json.Field("event_types", EventTypesName(spec.event_types));
  json.Field("timestamp_precision", TimestampFormName(spec.timestamp_form));
  json.Field("id_prefix", spec.id_prefix);
  json.Field("checkpoints", manifest.checkpoints);
  json.Key("stamps");
  spec.rate_max ? json.Value("stamps.bin") : json.Null();
  json.Key("digest");
  if (!manifest.destinations.empty() && manifest.destinations[0].digest) {
    json.Value(Hex(*manifest.destinations[0].digest));
  } else {
    json.Null();
  }
  json.Key("destinations");
  json.BeginArray();
  for (const ManifestDestination& destination : manifest.destinations) {
    WriteDestination(json, destination);
  }
  json.EndArray();
  json.EndObject();
  return json.Text();
}

Result<Manifest> ParseManifest(const std::string& file, std::string_view text) {
  JsonReader reader(file);
  const dom::object root = reader.Parse(text);
  Manifest manifest;
  RunSpec& spec = manifest.spec;
  CheckVersions(reader, root);
  manifest.run_id = reader.Text(root, "", "run");
  manifest.finished = reader.Boolean(root, "", "finished");
  ReadScenario(reader, root, &spec.scenario);
  spec.seed = reader.Unsigned(root, "", "seed");
  ReadParsed(reader, root, "start", ParseInstant, &spec.start_ns);
  ReadParsed(reader, root, "clock", ParseClock, &spec.clock);
  spec.rate_max = reader.Boolean(root, "", "rate_max");
  if (reader.ok() && spec.rate_max && spec.clock == Clock::kVirtual) {
    reader.Fail("field 'rate_max' is true, which the virtual clock excludes");
  }
  spec.run_ns = reader.Signed(root, "", "run_ns");
  if (reader.ok() && spec.run_ns < 0) reader.Fail("field 'run_ns' is negative");
  if (reader.Has(root, "end")) spec.end = reader.Unsigned(root, "", "end");
  const dom::object shard = reader.Object(root, "", "shard");
  const std::uint64_t index = reader.Unsigned(shard, "shard.", "index");
  const std::uint64_t of = reader.Unsigned(shard, "shard.", "of");
  if (reader.ok() && (of < 1 || of > UINT32_MAX || index >= of)) {
    reader.Fail("field 'shard' is not an index below the number of shards");
  }
  spec.shard = static_cast<std::uint32_t>(index);
  spec.shards = static_cast<std::uint32_t>(of);
  ReadParsed(reader, root, "event_types", ParseEventTypes, &spec.event_types);
  ReadParsed(reader, root, "timestamp_precision", ParseTimestampForm, &spec.timestamp_form);
  spec.id_prefix = reader.Text(root, "", "id_prefix");
  if (const Status prefix = CheckIdPrefix(spec.id_prefix); !prefix.ok()) {
    reader.Fail("field 'id_prefix': " + prefix.message());
  }
  manifest.checkpoints = reader.Text(root, "", "checkpoints");
  std::size_t number = 0;
  for (const dom::element element : reader.Array(root, "", "destinations")) {
    std::string where = "destinations[";
    where += std::to_string(number++);
    where += "]";
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      reader.Fail("field '" + where + "' is not an object");
    }
    if (!reader.ok()) break;
    manifest.destinations.push_back(ReadDestination(reader, object, where + "."));
  }
  if (!reader.ok()) return reader.status();
  return manifest;
}

Status WriteManifest(const std::string& run_dir, const Manifest& manifest) {
  return WriteFileAtomically(run_dir + "/manifest.json", ManifestJson(manifest));
}

Result<Manifest> ReadManifest(const std::string& run_dir) {
  const std::string file = run_dir + "/manifest.json";
  const Result<std::string> text = ReadWholeFile(file, kMaxBytes);
  if (!text) return text.error();
  return ParseManifest(file, *text);
}

Result<RunSpec> SpecFromManifest(const std::string& run_dir, std::size_t destination) {
  Result<Manifest> manifest = ReadManifest(run_dir);
  if (!manifest) return manifest.error();
  RunSpec spec = std::move(manifest->spec);
  if (destination < manifest->destinations.size() && manifest->destinations[destination].end) {
    spec.end = std::min(spec.end, *manifest->destinations[destination].end);
  }
  return spec;
}

std::string StampsFile(const std::string& run_dir) { return run_dir + "/stamps.bin"; }

Result<std::vector<std::int64_t>> ReadStamps(const std::string& run_dir) {
  const std::string file = StampsFile(run_dir);
  const Result<std::string> bytes = ReadWholeFile(file, kMaxStampBytes);
  if (!bytes) return bytes.error();
  std::vector<std::int64_t> stamps;
  std::uint64_t stamp = 0;
  std::uint64_t difference = 0;
  unsigned shift = 0;
  for (const char c : *bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (shift > 56) return Invalid(file + ": not a list of stamps (a number is too long)");
    difference |= static_cast<std::uint64_t>(byte & 127) << shift;
    shift += 7;
    if (byte >= 128) continue;
    if (difference > static_cast<std::uint64_t>(INT64_MAX) - stamp) {
      return Invalid(file + ": not a list of stamps (an instant is too late)");
    }
    stamp += difference;
    stamps.push_back(static_cast<std::int64_t>(stamp));
    difference = 0;
    shift = 0;
  }
  if (shift != 0) return Invalid(file + ": cut off in the middle of a stamp");
  return stamps;
}

}  // namespace playload
