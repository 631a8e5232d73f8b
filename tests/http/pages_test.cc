#include "transports/http/pages.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <simdjson.h>

#include <array>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "generator/encode/schema.h"

namespace playload {
namespace {

namespace dom = simdjson::dom;

std::string HeaderOf(const Response& response, std::string_view name) {
  for (const auto& [header, value] : response.headers) {
    if (header == name) return value;
  }
  return {};
}

ServerStatus SomeStatus() {
  ServerStatus status;
  status.scenario = "fraud-and-overload";
  status.seed = 7;
  status.begun = true;
  status.planned_rate = 100;
  status.released_rate = 99.5;
  status.head = 88'211;
  status.behind_ns = 210'000;
  status.released = {50'000, 20'000, 18'211};
  status.acked = {50'000, 19'000, 18'211};
  status.latest = {R"({"event_name":"player_action"})", "",
                   R"({"event_name":"server_metric"})"
                   "\n"};
  status.streams = {2, 1, 0};
  status.stream_events = {10, 20, 30};
  status.stream_bytes = {1'000, 2'000, 3'000};
  status.gaps = {1, 2, 3};
  status.missed = 1'204;
  status.answers = {{200, 5}, {404, 1}};
  ClientSession client;
  client.number = 3;
  client.address = "127.0.0.1:40312";
  client.user_agent = "curl/7.88.1";
  client.form.kinds = 5;
  client.form.format = StreamFormat::kNdjson;
  client.last = 88'200;
  status.clients.total = 9;
  status.clients.sessions = {client};
  return status;
}

TEST_CASE("Status: what the server knows is there, under its names") {
  dom::parser parser;
  const Response page = StatusPage(SomeStatus());
  CHECK(page.status == 200);
  CHECK(page.type == "application/json");
  const dom::element root = parser.parse(page.body);
  CHECK(std::string_view(root["scenario"]) == "fraud-and-overload");
  CHECK(std::uint64_t(root["head"]) == 88'211);
  CHECK(double(root["rate"]["planned"]) == 100);
  CHECK(double(root["late_seconds"]) == doctest::Approx(210e-6));
  CHECK(std::uint64_t(root["kinds"]["purchase"]["acked"]) == 19'000);
  CHECK(std::string_view(root["kinds"]["player"]["latest"]["event_name"]) == "player_action");
  CHECK(std::string_view(root["kinds"]["server"]["latest"]["event_name"]) == "server_metric");
  CHECK(root["kinds"]["purchase"]["latest"].is_null());
  CHECK(std::uint64_t(root["streams"]["ndjson"]["bytes"]) == 2'000);
  CHECK(std::uint64_t(root["gaps"]["ahead"]) == 3);
  CHECK(std::uint64_t(root["answers"]["404"]) == 1);
  const dom::element client = root["clients"].at(0);
  CHECK(std::string_view(client["format"]) == "ndjson");
  CHECK(dom::array(client["type"]).size() == 2);
  CHECK(std::string_view(client["type"].at(1)) == "server");
}

TEST_CASE("Status: what nothing plans, and what is no number, is null") {
  ServerStatus status = SomeStatus();
  status.paced = false;
  status.released_rate = std::numeric_limits<double>::quiet_NaN();
  status.cpu_seconds = std::numeric_limits<double>::infinity();
  dom::parser parser;
  const std::string body = StatusPage(status).body;
  const dom::element root = parser.parse(body);
  CHECK(root["rate"]["planned"].is_null());
  CHECK(root["rate"]["released"].is_null());
  CHECK(root["process"]["cpu_seconds"].is_null());
}

// Whatever a client calls itself, it is one string of printable ASCII.
TEST_CASE("Status: a hostile user agent is text") {
  for (const std::string& hostile :
       {std::string("</script><img src=x onerror=alert(1)>"), std::string("\",\"seed\":0,\"x\":\""),
        std::string("\\\"\\u0000"), std::string("a\0b\x01\x7f\r\n", 8), std::string("\xff\xc3\x28"),
        std::string(100'000, '"')}) {
    ServerStatus status = SomeStatus();
    status.clients.sessions[0].user_agent = hostile;
    const std::string body = StatusPage(status).body;
    dom::parser parser;
    const dom::element root = parser.parse(body);
    CHECK(std::uint64_t(root["seed"]) == 7);
    const std::string_view agent = root["clients"].at(0)["user_agent"];
    CHECK(agent.size() == hostile.size());
    for (std::size_t i = 0; i < agent.size(); ++i) {
      const bool printable = hostile[i] >= 0x20 && hostile[i] <= 0x7e;
      CHECK(agent[i] == (printable ? hostile[i] : '?'));
    }
  }
}

struct Family {
  std::string type;
  std::set<std::string> series;
};

bool IsName(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
}

// The families of a text in format 0.0.4, in which each stands as one group behind its HELP and
// TYPE.
std::map<std::string, Family> ReadMetrics(std::string_view text) {
  std::map<std::string, Family> families;
  std::string helped;
  std::string name;
  REQUIRE(text.ends_with('\n'));
  while (!text.empty()) {
    const std::string line(text.substr(0, text.find('\n')));
    text.remove_prefix(line.size() + 1);
    CAPTURE(line);
    if (line.starts_with("# HELP ")) {
      helped = line.substr(7, line.find(' ', 7) - 7);
      CHECK(line.size() > 7 + helped.size() + 5);
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      name = line.substr(7, line.find(' ', 7) - 7);
      CHECK(name == helped);
      CHECK(IsName(name));
      CHECK(families.count(name) == 0);
      families[name].type = line.substr(8 + name.size());
      continue;
    }
    const std::string series = line.substr(0, line.rfind(' '));
    CHECK(series.substr(0, series.find('{')) == name);
    CHECK(families[name].series.insert(series).second);
    if (const std::size_t brace = series.find('{'); brace != std::string::npos) {
      const std::size_t equals = series.find("=\"");
      REQUIRE(equals != std::string::npos);
      CHECK(IsName(series.substr(brace + 1, equals - brace - 1)));
      CHECK(series.ends_with("\"}"));
    }
    std::size_t end = 0;
    static_cast<void>(std::stod(line.substr(line.rfind(' ') + 1), &end));
    CHECK(end == line.size() - line.rfind(' ') - 1);
  }
  return families;
}

TEST_CASE("Metrics: families in groups, counters called _total, a series once") {
  const Response page = MetricsPage(SomeStatus());
  CHECK(page.type == "text/plain; version=0.0.4; charset=utf-8");
  const std::map<std::string, Family> families = ReadMetrics(page.body);
  CHECK(families.size() > 20);
  for (const auto& [name, family] : families) {
    CAPTURE(name);
    CHECK((name.starts_with("playload_") || name.starts_with("process_")));
    CHECK((family.type == "counter" || family.type == "gauge"));
    CHECK(name.ends_with("_total") == (family.type == "counter"));
    CHECK(!family.series.empty());
  }
  CHECK(page.body.find("\nplayload_released_events_total{kind=\"purchase\"} 20000\n") !=
        std::string::npos);
  CHECK(page.body.find("\nplayload_streams{format=\"ndjson\"} 1\n") != std::string::npos);
  CHECK(page.body.find("\nplayload_stream_gaps_total{reason=\"slow\"} 2\n") != std::string::npos);
  CHECK(page.body.find("\nplayload_http_responses_total{status=\"404\"} 1\n") != std::string::npos);
  CHECK(page.body.find("\nplayload_release_lateness_seconds 0.00021\n") != std::string::npos);
}

TEST_CASE("Metrics: clients make no series") {
  ServerStatus status = SomeStatus();
  const std::size_t before = MetricsPage(status).body.size();
  for (std::uint64_t i = 0; i < 100; ++i) {
    ClientSession client;
    client.number = i;
    client.user_agent = "agent-" + std::to_string(i);
    status.clients.sessions.push_back(client);
  }
  const std::string after = MetricsPage(status).body;
  CHECK(after.size() == before);
  CHECK(after.find("agent") == std::string::npos);
}

TEST_CASE("Health is always there, readiness once the run has begun") {
  CHECK(HealthPage().status == 200);
  ServerStatus status = SomeStatus();
  CHECK(ReadyPage(status).status == 200);
  status.begun = false;
  const Response refusal = ReadyPage(status);
  CHECK(refusal.status == 503);
  CHECK(HeaderOf(refusal, "Retry-After") == "1");
  dom::parser parser;
  CHECK(std::int64_t(parser.parse(refusal.body)["error"]["code"]) == 503);
}

// As a browser does it: over the text between the tags, to the byte.
std::string HashOf(std::string_view html, std::string_view tag) {
  const std::string open = "<" + std::string(tag) + ">";
  const std::size_t begin = html.find(open) + open.size();
  const std::size_t end = html.find("</" + std::string(tag) + ">", begin);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(html.data() + begin), end - begin, digest.data());
  std::array<char, 64> base64{};
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()), digest.data(), digest.size());
  return "'sha256-" + std::string(base64.data()) + "'";
}

TEST_CASE("Index: the policy allows its own script and style, and nothing else") {
  const Response page = IndexPage({});
  const std::string policy = HeaderOf(page, "Content-Security-Policy");
  CHECK(policy == "default-src 'none'; script-src " + HashOf(page.body, "script") + "; style-src " +
                      HashOf(page.body, "style") +
                      "; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                      "frame-ancestors 'none'");
  CHECK(page.type == "text/html; charset=utf-8");
}

TEST_CASE("Index: nothing in it would break the policy, or is from elsewhere") {
  const std::string html = IndexPage({}).body;
  for (const std::string_view never :
       {"{{", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
        "localStorage", "sessionStorage", "cookie", " style=", " onclick=", " onload=", "@import",
        "url(", "https://", " src=", "\r"}) {
    CAPTURE(never);
    CHECK(html.find(never) == std::string::npos);
  }
  // Addresses are those of lines to copy, and the name of SVG.
  for (std::size_t at = html.find("http://"); at != std::string::npos;
       at = html.find("http://", at + 1)) {
    const std::string_view address = std::string_view(html).substr(at);
    CHECK((address.starts_with("http://127.0.0.1:8000") ||
           address.starts_with("http://www.w3.org/2000/svg")));
  }
}

TEST_CASE("Index: says whether a token is needed, and nothing of the run") {
  HttpSettings settings;
  settings.scenario = "secret-scenario";
  CHECK(IndexPage(settings).body.find("data-token=\"no\"") != std::string::npos);
  settings.token = "s3cret";
  const std::string html = IndexPage(settings).body;
  CHECK(html.find("data-token=\"yes\"") != std::string::npos);
  CHECK(html.find("s3cret") == std::string::npos);
  CHECK(html.find("secret-scenario") == std::string::npos);
}

TEST_CASE("OpenAPI: every endpoint, and the events as `playload schema` has them") {
  HttpSettings settings;
  settings.events.id_prefix = "blue";
  settings.events.extended_types = true;
  const Response page = OpenApiPage(settings);
  CHECK(page.type == "application/json");
  dom::parser parser;
  const dom::element root = parser.parse(page.body);
  CHECK(page.body.find("{{") == std::string::npos);
  CHECK(std::string_view(root["openapi"]) == "3.1.0");
  std::set<std::string> paths;
  for (const auto field : dom::object(root["paths"])) paths.emplace(field.key);
  CHECK(paths == std::set<std::string>{"/", "/healthz", "/metrics", "/openapi.json",
                                       "/player_event", "/purchase_event", "/readyz",
                                       "/server_metric", "/status", "/stream_events"});
  const std::array<std::array<std::string, 2>, 3> kinds = {
      {{"player", "PlayerEvent"}, {"purchase", "PurchaseEvent"}, {"server", "ServerMetric"}}};
  for (const auto& [kind, name] : kinds) {
    dom::parser other;
    const std::string schema = *EventSchema(kind, settings.events);
    CHECK(simdjson::minify(dom::element(root["components"]["schemas"][name])) ==
          simdjson::minify(dom::element(other.parse(schema))));
  }
}

TEST_CASE("OpenAPI: a token is asked for where one is needed") {
  HttpSettings settings;
  dom::parser parser;
  const std::string open = OpenApiPage(settings).body;
  CHECK(dom::array(parser.parse(open)["security"]).size() == 0);
  settings.token = "s3cret";
  const std::string closed = OpenApiPage(settings).body;
  CHECK(closed.find("s3cret") == std::string::npos);
  const dom::element root = parser.parse(closed);
  CHECK(root["security"].at(0)["token"].error() == simdjson::SUCCESS);
  for (const char* free : {"/", "/healthz", "/readyz"}) {
    CHECK(dom::array(root["paths"].at_key(free)["get"]["security"]).size() == 0);
  }
  CHECK(root["paths"].at_key("/status")["get"]["security"].error() != simdjson::SUCCESS);
}

// Of StatusPage: the description has a name for each field, and no other.
void CheckAgainst(dom::element root, dom::object schema, dom::element value,
                  const std::string& where) {
  CAPTURE(where);
  if (schema["$ref"].error() == simdjson::SUCCESS) {
    const std::string_view reference = schema["$ref"];
    CheckAgainst(root, root.at_pointer(reference.substr(1)), value, where);
    return;
  }
  dom::object properties;
  if (schema["properties"].get(properties) == simdjson::SUCCESS) {
    std::set<std::string> described;
    std::set<std::string> there;
    for (const auto field : properties) described.emplace(field.key);
    for (const auto field : dom::object(value)) {
      there.emplace(field.key);
      if (described.count(std::string(field.key)) == 0) continue;
      CheckAgainst(root, properties.at_key(field.key), field.value,
                   where + "/" + std::string(field.key));
    }
    CHECK(described == there);
  }
  dom::object items;
  if (schema["items"].get(items) == simdjson::SUCCESS) {
    for (const dom::element item : dom::array(value)) CheckAgainst(root, items, item, where + "/0");
  }
}

TEST_CASE("OpenAPI: describes each field of the status, and no other") {
  dom::parser documents;
  dom::parser pages;
  const std::string document = OpenApiPage({}).body;
  const std::string page = StatusPage(SomeStatus()).body;
  const dom::element root = documents.parse(document);
  CheckAgainst(root, root["components"]["schemas"]["Status"], pages.parse(page), "");
}

TEST_CASE("Gaps have the documented reasons") {
  CHECK(std::string(GapReasonName(GapReason::kWindow)) == "window");
  CHECK(std::string(GapReasonName(GapReason::kSlow)) == "slow");
  CHECK(std::string(GapReasonName(GapReason::kAhead)) == "ahead");
}

}  // namespace
}  // namespace playload
