#include "generator/run/destinations.h"

#include <doctest/doctest.h>

#include <string>

namespace playload {

TEST_CASE("Destinations: every form of --to") {
  CHECK(ParseAddress("stdout")->scheme == Address::Scheme::kStdout);
  CHECK(ParseAddress("null")->scheme == Address::Scheme::kNull);
  CHECK(ParseAddress("file:some/folder")->folder == "some/folder");
  CHECK(ParseAddress("kafka://127.0.0.1:9092,[::1]:9093")->kafka.brokers ==
        "127.0.0.1:9092,[::1]:9093");
  CHECK(ParseAddress("kafka://embedded")->kafka.embedded);
  CHECK(ParseAddress("http://127.0.0.1:8000")->http.port == 8'000);
  CHECK(ParseAddress("http://127.0.0.1:8000")->scheme == Address::Scheme::kHttp);
  CHECK(ParseAddress("http://[::1]:0/")->http.loopback);
  CHECK(!ParseAddress("http://0.0.0.0:80")->http.loopback);
}

TEST_CASE("Destinations: what is none is refused with the nearest form") {
  struct Wrong {
    const char* to;
    const char* says;
  };
  for (const Wrong& wrong : {Wrong{"kafak://x:1", "'kafka://HOST:PORT'"},
                             Wrong{"fiel:x", "'file:DIR'"},
                             Wrong{"stdot", "'stdout'"},
                             Wrong{"nul", "'null'"},
                             Wrong{"", "valid:"},
                             Wrong{"amqp://x", "valid:"},
                             Wrong{"file:", "names no folder"},
                             Wrong{"kafka", "'kafka://HOST:PORT'"},
                             Wrong{"kafka://", "--to"},
                             Wrong{"htpt://x:1", "'http://ADDRESS:PORT'"},
                             Wrong{"http", "'http://ADDRESS:PORT'"},
                             Wrong{"http:127.0.0.1:80", "http://ADDRESS:PORT is right"},
                             Wrong{"http://127.0.0.1", "PORT"},
                             Wrong{"http://:8000", "PORT"},
                             Wrong{"http://127.0.0.1:65536", "PORT"},
                             Wrong{"http://dash.example:80", "PORT"},
                             Wrong{"http://127.0.0.1:80/x", "names a path"},
                             Wrong{"http://127.0.0.1:80?x", "names a path"},
                             Wrong{"http://me:pw@127.0.0.1:80", "names a user"},
                             Wrong{"https://127.0.0.1:443", "put a proxy with TLS in front"}}) {
    CAPTURE(wrong.to);
    const Result<Address> address = ParseAddress(wrong.to);
    REQUIRE(!address.has_value());
    CHECK(address.error().code() == Code::kInvalid);
    CHECK_MESSAGE(address.error().message().find(wrong.says) != std::string::npos,
                  address.error().message());
    CHECK(address.error().message().find("pw@") == std::string::npos);
  }
}

TEST_CASE("Destinations: an HTTP server knows the run's scenario, forms and address") {
  const RunStart start;
  RunSpec spec;
  spec.scenario.name = "mine";
  spec.clock = Clock::kVirtual;
  const Destination destination =
      MakeDestination(*ParseAddress("http://127.0.0.1:8123"), spec, DestinationOptions(), start);
  REQUIRE(destination.http != nullptr);
  CHECK(destination.kafka == nullptr);
  CHECK(destination.transport->name() == "http://127.0.0.1:8123");
  CHECK(destination.transport->wants_records());
}

}  // namespace playload
