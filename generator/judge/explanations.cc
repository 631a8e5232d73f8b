#include "generator/judge/explanations.h"

#include "generator/base/text.h"
#include "generator/run/json_writer.h"

namespace playload {

namespace {

std::string KeysText(const Explanations& of, const Explanation& found) {
  const std::uint64_t keys = found.tried.value_or(of.differing);
  std::string text = "what came for " + FormatCount(found.explains) + " of " + FormatCount(keys) +
                     (keys == 1 ? " key with differences" : " keys with differences");
  if (keys < of.differing) text += " (tried of " + FormatCount(of.differing) + ")";
  const std::uint64_t agreeing = found.agreeing_tried.value_or(of.agreeing);
  if (found.agrees && agreeing > 0) {
    text += ", and for " + (*found.agrees == agreeing ? "all" : FormatCount(*found.agrees)) +
            " of " + FormatCount(agreeing) + " without";
  }
  return text;
}

std::string PlaceText(const Explanation::Example& example) {
  const std::string first = FormatCount(example.place.first);
  const std::string last = FormatCount(example.place.last);
  if (example.events == 0) {
    return first == last ? "before event " + first : "between events " + first + " and " + last;
  }
  if (example.events == 1) {
    return example.certain ? "event " + first : "one of the events " + first + " to " + last;
  }
  return FormatCount(example.events) + " events" +
         (example.certain ? " from " : " in a row among ") + first + " to " + last;
}

std::string RecordText(const RecordFinding& finding) {
  std::string text = "records: " + finding.what + ", in " + FormatCount(finding.records) + " of " +
                     FormatCount(finding.of);
  if (!finding.expected.empty())
    return text + ", as " + finding.got + " instead of " + finding.expected;
  return finding.got.empty() ? text : text + ", as in '" + finding.got + "'";
}

std::string PartitionsText(const Explanations& explanations) {
  const Explanations::Partitions& where = *explanations.partitions;
  std::string text = where.differing.size() == 1 ? "partition " : "partitions ";
  for (std::size_t i = 0; i < where.differing.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(where.differing[i]);
  }
  return "all " + FormatCount(explanations.differing) + " keys with differences come from " + text +
         " of " + std::to_string(where.of) + ", where " +
         (where.agreeing == 0 ? "every key has some" : FormatCount(where.agreeing) + " have none");
}

void WritePlace(const Explanation::Place& place, JsonText* json) {
  json->Field("first", place.first);
  json->Field("last", place.last);
}

}  // namespace

std::string ExplanationsText(const std::string& output, const Explanations& explanations) {
  std::string text = output + ": what explains it\n";
  for (const RecordFinding& finding : explanations.records) {
    text += "  " + RecordText(finding) + "\n";
  }
  if (explanations.partitions) text += "  " + PartitionsText(explanations) + "\n";
  if (explanations.found.empty()) {
    if (!explanations.records.empty() || explanations.partitions) return text;
    return text + "  nothing of what is tried explains half of " +
           FormatCount(explanations.differing) + " keys with differences\n";
  }
  for (const Explanation& found : explanations.found) {
    text += "  " + found.what + ": " + KeysText(explanations, found) + "\n";
    if (found.place) {
      text += "    between event " + FormatCount(found.place->first) + " at " +
              FormatInstant(found.place->first_ns) + " and event " +
              FormatCount(found.place->last) + " at " + FormatInstant(found.place->last_ns) + "\n";
    }
    for (const Explanation::Example& example : found.examples) {
      text += "    " + example.key + ": " + PlaceText(example) + "\n";
    }
  }
  return text;
}

void WriteExplanations(const Explanations& explanations, JsonText* json) {
  json->BeginObject();
  json->Key("keys");
  json->BeginObject();
  json->Field("differing", explanations.differing);
  json->Field("agreeing", explanations.agreeing);
  json->EndObject();
  if (explanations.partitions) {
    json->Key("partitions");
    json->BeginObject();
    json->Key("differing");
    json->BeginArray();
    for (const std::uint32_t partition : explanations.partitions->differing) {
      json->Value(std::uint64_t{partition});
    }
    json->EndArray();
    json->Field("of", std::uint64_t{explanations.partitions->of});
    json->Field("agreeing", explanations.partitions->agreeing);
    json->EndObject();
  }
  json->Key("records");
  json->BeginArray();
  for (const RecordFinding& finding : explanations.records) {
    json->BeginObject();
    json->Field("what", std::string_view(finding.what));
    json->Field("records", finding.records);
    json->Field("of", finding.of);
    json->Field("expected", std::string_view(finding.expected));
    json->Field("got", std::string_view(finding.got));
    json->EndObject();
  }
  json->EndArray();
  json->Key("explanations");
  json->BeginArray();
  for (const Explanation& found : explanations.found) {
    json->BeginObject();
    json->Field("what", std::string_view(found.what));
    json->Field("rule", std::string_view(found.rule));
    json->Field("explains", found.explains);
    if (found.tried) json->Field("tried", *found.tried);
    if (found.agrees) json->Field("agrees", *found.agrees);
    if (found.agreeing_tried) json->Field("agreeing_tried", *found.agreeing_tried);
    if (found.place) {
      WritePlace(*found.place, json);
      json->Key("examples");
      json->BeginArray();
      for (const Explanation::Example& example : found.examples) {
        json->BeginObject();
        json->Field("key", std::string_view(example.key));
        json->Field("events", example.events);
        json->Field("certain", example.certain);
        WritePlace(example.place, json);
        json->EndObject();
      }
      json->EndArray();
    }
    json->EndObject();
  }
  json->EndArray();
  json->EndObject();
}

}  // namespace playload
