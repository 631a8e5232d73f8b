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
}

TEST_CASE("Destinations: what is none is refused with the nearest form") {
  struct Wrong {
    const char* to;
    const char* says;
  };
  for (const Wrong& wrong :
       {Wrong{"kafak://x:1", "'kafka://HOST:PORT'"}, Wrong{"fiel:x", "'file:DIR'"},
        Wrong{"stdot", "'stdout'"}, Wrong{"nul", "'null'"}, Wrong{"", "valid:"},
        Wrong{"amqp://x", "valid:"}, Wrong{"file:", "names no folder"},
        Wrong{"kafka", "'kafka://HOST:PORT'"}, Wrong{"kafka://", "--to"}}) {
    CAPTURE(wrong.to);
    const Result<Address> address = ParseAddress(wrong.to);
    REQUIRE(!address.has_value());
    CHECK(address.error().code() == Code::kInvalid);
    CHECK_MESSAGE(address.error().message().find(wrong.says) != std::string::npos,
                  address.error().message());
  }
}

}  // namespace playload
