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
  if (found.agrees && of.agreeing > 0) {
    text += ", and for " + (*found.agrees == of.agreeing ? "all" : FormatCount(*found.agrees)) +
            " of " + FormatCount(of.agreeing) + " without";
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

void WritePlace(const Explanation::Place& place, JsonText* json) {
  json->Field("first", place.first);
  json->Field("last", place.last);
}

}  // namespace

std::string ExplanationsText(const std::string& output, const Explanations& explanations) {
  std::string text = output + ": what explains it\n";
  if (explanations.found.empty()) {
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
  json->Key("explanations");
  json->BeginArray();
  for (const Explanation& found : explanations.found) {
    json->BeginObject();
    json->Field("what", std::string_view(found.what));
    json->Field("rule", std::string_view(found.rule));
    json->Field("explains", found.explains);
    if (found.tried) json->Field("tried", *found.tried);
    if (found.agrees) json->Field("agrees", *found.agrees);
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
