// JSON Schemas of the events of profile dataflow (docs/profile-dataflow.md): 2020-12, made only of
// what draft 7 has too and means the same by, so that validators of both take them.
//
// They say all that one event can say alone: every field is required and no other is allowed, ids
// and instants by pattern, names by what the catalog has, numbers by range, an item by its type, an
// amount by the price list of its currency. They cannot say the order of fields (`required` lists
// it), or that user_data.user_id is parameters.player_id.
//
// Threads: pure functions. Errors: kInvalid, naming the nearest valid kind.

#pragma once

#include <string>
#include <string_view>

#include "generator/base/status.h"
#include "generator/pace/timestamps.h"

namespace playload {

// As the run's options of the same names.
struct SchemaOptions {
  bool extended_types = false;
  TimestampForm timestamp_form = TimestampForm::kSeconds;
  std::string id_prefix;
  bool compat = false;  // the shop of the scenario `compat`
};

// `kind` is "player", "purchase" or "server". The text ends with a newline.
Result<std::string> EventSchema(std::string_view kind, const SchemaOptions& options);

}  // namespace playload
