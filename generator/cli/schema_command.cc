#include <string>
#include <vector>

#include "generator/base/text.h"
#include "generator/cli/commands.h"
#include "generator/cli/output.h"
#include "generator/encode/schema.h"
#include "generator/run/spec_text.h"

namespace playload {

const CommandSyntax& SchemaSyntax() {
  static const CommandSyntax kSyntax = {
      "schema",
      "[player|purchase|server]",
      "print the JSON Schemas of the events",
      "Prints the JSON Schema of an event (2020-12, also valid as draft 7), or of all three, one "
      "JSON "
      "document each.",
      {{"event-types", "strict|extended", "as in run (default: strict)"},
       {"timestamp-precision", "s|ms|us|naive", "as in run (default: s)"},
       {"id-prefix", "TEXT", "as in run"},
       {"compat", "", "of the scenario compat, whose purchases cost what they like"}},
      0,
      1,
      ""};
  return kSyntax;
}

Status SchemaCommand(const Flags& flags, const Invocation& /*invocation*/) {
  SchemaOptions options;
  if (flags.Has("event-types")) {
    const Result<EventTypes> types = ParseEventTypes(flags.Text("event-types"));
    if (!types) return flags.Wrong("event-types", types.error().message());
    options.extended_types = *types == EventTypes::kExtended;
  }
  if (flags.Has("timestamp-precision")) {
    const Result<TimestampForm> form = ParseTimestampForm(flags.Text("timestamp-precision"));
    if (!form) return flags.Wrong("timestamp-precision", form.error().message());
    options.timestamp_form = *form;
  }
  options.id_prefix = flags.Text("id-prefix");
  if (const Status valid = CheckIdPrefix(options.id_prefix); !valid.ok()) {
    return flags.Wrong("id-prefix", valid.message());
  }
  options.compat = flags.On("compat");
  std::vector<std::string> kinds = flags.arguments();
  if (kinds.empty()) kinds = {"player", "purchase", "server"};
  std::string text;
  for (const std::string& kind : kinds) {
    const Result<std::string> schema = EventSchema(kind, options);
    if (!schema) return schema.error();
    text += *schema;
  }
  return Print(text);
}

}  // namespace playload
