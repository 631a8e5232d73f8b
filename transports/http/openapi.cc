#include <string>
#include <string_view>

#include "generator/encode/schema.h"
#include "transports/http/names.h"
#include "transports/http/page_files.h"
#include "transports/http/pages.h"

namespace playload {

// page/openapi.json has everything but what the run decides. It is JSON itself: what is filled in
// stands in the place of a whole string.
Response OpenApiPage(const HttpSettings& settings) {
  Response response;
  response.type = "application/json";
  response.body = PageFile("openapi");
  FillIn("{{version}}", PLAYLOAD_VERSION, &response.body);
  FillIn("\"{{security}}\"", settings.token.empty() ? "[]" : R"([{"token": []}])", &response.body);
  for (const std::string_view kind : kKindNames) {
    const Result<std::string> schema = EventSchema(kind, settings.events);
    FillIn("\"{{" + std::string(kind) + "}}\"", schema ? *schema : "{}", &response.body);
  }
  return response;
}

}  // namespace playload
