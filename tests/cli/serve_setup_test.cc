#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "generator/cli/http_flags.h"
#include "generator/cli/run_setup.h"

namespace playload {
namespace {

Result<RunSetup> Read(const std::vector<std::string>& words,
                      const std::vector<const char*>& environment) {
  std::vector<const char*> list = environment;
  list.push_back(nullptr);
  const Result<Flags> flags = Flags::Parse(ServeSyntax(), words, list.data());
  if (!flags) return flags.error();
  return ReadRunSetup(*flags, list.data(), SetupOf::kServe);
}

RunSetup Served(const std::vector<std::string>& words,
                const std::vector<const char*>& environment = {}) {
  Result<RunSetup> setup = Read(words, environment);
  REQUIRE_MESSAGE(setup.has_value(), setup.error().message());
  return *setup;
}

std::string ServeRefusal(const std::vector<std::string>& words) {
  const Result<RunSetup> setup = Read(words, {});
  if (setup) return "";
  CHECK(setup.error().code() == Code::kInvalid);
  return setup.error().message();
}

}  // namespace

TEST_CASE("Serve's flags: what is served where nothing is said") {
  const RunSetup setup = Served({});
  CHECK(setup.run.spec.scenario.name == "fraud-and-overload");
  REQUIRE(setup.run.spec.scenario.plan.size() == 1);
  CHECK(setup.run.spec.scenario.plan[0].from_milli_rate == 100'000);
  CHECK(setup.run.spec.scenario.plan[0].lasts_ns == 0);
  CHECK(setup.run.spec.end == RunSpec::kNoEnd);
  REQUIRE(setup.run.to.size() == 1);
  CHECK(setup.run.to[0].scheme == Address::Scheme::kHttp);
  CHECK(setup.run.to[0].text == "http://127.0.0.1:8000");
  CHECK(setup.run.stay_ns == RunOptions::kUntilSignal);
  CHECK(setup.run.drain_timeout_ns == 5'000'000'000);
  const HttpSettings& http = setup.run.destinations.http;
  CHECK(http.token.empty());
  CHECK(!http.slow_closes);
  CHECK(!http.end_closes);
  CHECK(http.window == 0);
}

TEST_CASE("Serve's flags: each reaches its place") {
  const RunSetup setup = Served({"launch-day",
                                 "--listen",
                                 "[::1]:0",
                                 "--rate",
                                 "2k",
                                 "--events",
                                 "10",
                                 "--drain-timeout",
                                 "1s",
                                 "--slow-client",
                                 "close",
                                 "--slow-after",
                                 "5k",
                                 "--window",
                                 "1M",
                                 "--at-end",
                                 "close",
                                 "--cors-origin",
                                 "https://dash.example",
                                 "--cors-origin",
                                 "http://[::1]:3000",
                                 "--max-connections",
                                 "500",
                                 "--max-per-address",
                                 "7"});
  CHECK(setup.run.spec.scenario.name == "launch-day");
  CHECK(setup.run.spec.scenario.plan[0].from_milli_rate == 2'000'000);
  CHECK(setup.run.spec.end == 10);
  CHECK(setup.run.to[0].http.host == "::1");
  CHECK(setup.run.to[0].http.port == 0);
  CHECK(setup.run.drain_timeout_ns == 1'000'000'000);
  const HttpSettings& http = setup.run.destinations.http;
  CHECK(http.slow_closes);
  CHECK(http.slow_after == 5'000);
  CHECK(http.window == 1'000'000);
  CHECK(http.end_closes);
  CHECK(http.cors_origins == std::vector<std::string>{"https://dash.example", "http://[::1]:3000"});
  CHECK(http.max_connections == 500);
  CHECK(http.max_per_address == 7);

  CHECK(Served({}, {"PLAYLOAD_LISTEN=127.0.0.1:9", "PLAYLOAD_WINDOW=5"}).run.to[0].http.port == 9);
  // What the environment says of destinations is of no use here.
  CHECK(Served({}, {"PLAYLOAD_TO=null"}).run.to.size() == 1);
}

TEST_CASE("Serve's flags: each wrong value is refused by its name") {
  struct Wrong {
    std::vector<std::string> words;
    const char* says;
  };
  const std::vector<Wrong> all = {
      {{"--listen", ""}, "--listen"},
      {{"--listen", ":8000"}, "--listen"},
      {{"--listen", "127.0.0.1"}, "--listen"},
      {{"--listen", "127.0.0.1:65536"}, "--listen"},
      {{"--listen", "example.com:8000"}, "--listen"},
      {{"--listen", "0.0.0.0:8000"}, "--allow-anonymous"},
      {{"--listen", "0.0.0.0:8000"}, "--token-file"},
      {{"--listen", "[::]:8000"}, "--token-file"},
      {{"--rate", "0"}, "--rate"},
      {{"--clock", "virtual"}, "--duration or --events"},
      {{"--slow-client", "drop"}, "--slow-client: 'drop' is neither gap nor close"},
      {{"--slow-after", "0"}, "--slow-after"},
      {{"--slow-after", "soon"}, "--slow-after"},
      {{"--window", "0"}, "--window"},
      {{"--window", "-1"}, "--window"},
      {{"--at-end", "leave"}, "--at-end: 'leave' is neither stay nor close"},
      {{"--max-connections", "0"}, "--max-connections"},
      {{"--max-connections", "2M"}, "--max-connections"},
      {{"--max-per-address", "0"}, "--max-per-address"},
      {{"--max-connections", "5", "--max-per-address", "6"}, "--max-per-address"},
      {{"--cors-origin", "*"}, "everybody"},
      {{"--cors-origin", "null"}, "scheme://host"},
      {{"--cors-origin", ""}, "scheme://host"},
      {{"--cors-origin", "dash.example"}, "scheme://host"},
      {{"--cors-origin", "https://"}, "scheme://host"},
      {{"--cors-origin", "https://a b"}, "scheme://host"},
      {{"--cors-origin", "https://me@dash.example"}, "scheme://host"},
      {{"--cors-origin", "1https://dash.example"}, "scheme://host"},
      {{"--cors-origin", "https://dash.example/"}, "no path"},
      {{"--cors-origin", "https://dash.example/x"}, "no path"},
      {{"--cors-origin", "https://Dash.example"}, "lower case"},
      {{"--cors-origin", "https://dash.example:443"}, "own port"},
      {{"--cors-origin", "https://dash.example:0"}, "port"},
      {{"--cors-origin", "https://dash.example:"}, "port"},
      {{"--cors-origin", "https://[::1"}, "bracket"},
      {{"--cors-origin", "https://a", "--cors-origin", "https://a"}, "twice"},
      {{"--token-file", "/nowhere/token"}, "--token-file: '/nowhere/token' cannot be read"},
      {{"--token-file", "/"}, "not a regular file"},
      {{"--token-file", "/dev/null"}, "not a regular file"},
      {{"--token-file", ""}, "--token-file"},
      {{"--to", "null"}, "--to"},
      {{"--hold", "1s"}, "--hold"},
  };
  for (const Wrong& wrong : all) {
    std::string line;
    for (const std::string& word : wrong.words) line += " " + word;
    CAPTURE(line);
    const std::string refusal = ServeRefusal(wrong.words);
    CHECK_MESSAGE(refusal.find(wrong.says) != std::string::npos, refusal);
    CHECK(refusal.find('\n') == std::string::npos);
  }
}

TEST_CASE("Serve's flags: a token is the first line of a file that is its owner's alone") {
  std::string name = (std::filesystem::temp_directory_path() / "playload-token-XXXXXX").string();
  const int file = mkstemp(name.data());  // mode 0600
  REQUIRE(file >= 0);
  const auto write = [&](const std::string& text) { std::ofstream(name, std::ios::trunc) << text; };
  const auto refusal = [&] { return ServeRefusal({"--token-file", name}); };
  const std::string token = "0123456789abcdef";
  for (const std::string& text : {token, token + "\n", token + "\r\nmore\n"}) {
    write(text);
    CHECK(Served({"--token-file", name}).run.destinations.http.token == token);
  }
  const std::string longest(256, '~');
  write(longest + "\r\n");
  CHECK(Served({"--listen", "0.0.0.0:0", "--token-file", name}).run.destinations.http.token ==
        longest);
  const std::vector<std::string> wrong = {"",
                                          "\n" + token,
                                          "secret-too-short",
                                          token + "\t",
                                          "secret " + token,
                                          token + "\x80",
                                          std::string(257, 's')};
  for (std::string text : wrong) {
    if (text == "secret-too-short") text.pop_back();
    CAPTURE(text);
    write(text);
    CHECK(refusal().find("16 to 256") != std::string::npos);
    CHECK(refusal().find("secret") == std::string::npos);
    CHECK(refusal().find(token) == std::string::npos);
  }
  write(token);
  CHECK(ServeRefusal({"--token-file", name, "--allow-anonymous"}).find("exclude") !=
        std::string::npos);
  for (const auto mode : {0640u, 0604u, 0620u, 0601u}) {
    CAPTURE(mode);
    REQUIRE(fchmod(file, mode) == 0);
    CHECK(refusal().find("chmod 600") != std::string::npos);
  }
  close(file);
  std::filesystem::remove(name);
}

TEST_CASE("Serve: what is said about who may read") {
  HttpSettings settings;
  const ListenAddress here = *ParseListenAddress("127.0.0.1:1");
  const ListenAddress everywhere = *ParseListenAddress("0.0.0.0:1");
  CHECK(WhoMayRead("http://127.0.0.1:1", here, settings) ==
        "http://127.0.0.1:1/ serves to this machine alone");
  CHECK(WhoMayRead("http://0.0.0.0:1", everywhere, settings)
            .ends_with("serves to everybody who can reach it"));
  settings.token = "0123456789abcdef";
  CHECK(WhoMayRead("http://127.0.0.1:1", here, settings).ends_with("alone, with the token"));
  CHECK(WhoMayRead("http://0.0.0.0:1", everywhere, settings)
            .ends_with("everybody who can reach it and has the token"));
}

}  // namespace playload
