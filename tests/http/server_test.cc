// The whole server in one process, with real sockets: what clients get, byte for byte, while the
// test alone decides how far the run has come.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/system.h"
#include "generator/stream/stream.h"
#include "scenarios/load.h"
#include "transports/http/http_transport.h"

namespace playload {
namespace {

RunSpec MakeSpec() {
  const Result<Scenario> scenario = LoadScenario("fraud-and-overload", {});
  REQUIRE(scenario);
  RunSpec spec;
  spec.scenario = *scenario;
  spec.seed = 7;
  spec.start_ns = 1'767'225'600'000'000'000;
  return spec;
}

// The lines of the stream, from the first on, each without its '\n'.
std::vector<std::string> Lines(const RunSpec& spec, std::size_t count) {
  Stream stream(spec, StreamOptions{});
  REQUIRE(stream.Start().ok());
  std::vector<std::string> lines;
  while (Batch* batch = stream.Next()) {
    for (std::uint32_t i = 0; i < batch->count && lines.size() < count; ++i) {
      lines.emplace_back(batch->value(i));
    }
    stream.Recycle(batch);
    if (lines.size() == count) break;
  }
  return lines;
}

// A server whose run goes on when the test says so.
class TestServer {
 public:
  explicit TestServer(HttpSettings settings = {}, RunSpec spec = MakeSpec())
      : spec_(std::move(spec)), deliveries_([](Position) { return std::int64_t{-1}; }) {
    settings.listen = {"127.0.0.1", 0, true};
    transport_ = std::make_unique<HttpTransport>(settings, &deliveries_);
    REQUIRE(transport_->Open(never_).ok());
    const std::string name = transport_->name();
    port_ = static_cast<std::uint16_t>(std::stoi(name.substr(name.rfind(':') + 1)));
  }

  void Begin() {
    REQUIRE(transport_->Begin(spec_, SteadyNow(), nullptr).ok());
    StreamOptions options;
    options.records = true;
    options.index = false;
    options.snapshots = transport_->snapshots();
    stream_ = std::make_unique<Stream>(spec_, options);
    REQUIRE(stream_->Start().ok());
  }

  // Releases events until there are `head` of them.
  void Release(std::uint64_t head) {
    while (head_ < head) {
      if (batch_ == nullptr) {
        batch_ = stream_->Next();
        at_ = 0;
        REQUIRE(batch_ != nullptr);
      }
      const auto to =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(batch_->count, at_ + (head - head_)));
      for (std::uint32_t i = at_; i < to; ++i) deliveries_.Generated(batch_->kind(i), 1);
      REQUIRE(transport_->Offer(*batch_, at_, to) == to - at_);
      head_ += to - at_;
      at_ = to;
      if (at_ == batch_->count) {
        stream_->Recycle(batch_);
        batch_ = nullptr;
      }
    }
  }
  void End() { transport_->End(true); }
  // Waits for the readers, 10 s at most, and closes.
  void Finish() {
    static_cast<void>(
        transport_->Flush(std::chrono::steady_clock::now() + std::chrono::seconds(10), never_));
    static_cast<void>(transport_->Close());
  }

  [[nodiscard]] const RunSpec& spec() const { return spec_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] HttpTransport& transport() { return *transport_; }
  [[nodiscard]] const Deliveries& deliveries() const { return deliveries_; }
  [[nodiscard]] std::uint64_t Count(Fate fate) const {
    std::uint64_t sum = 0;
    for (int k = 0; k < kKinds; ++k) sum += deliveries_.fate(fate, static_cast<Kind>(k));
    return sum;
  }

 private:
  const RunSpec spec_;
  const std::atomic<bool> never_{false};
  Deliveries deliveries_;
  std::unique_ptr<HttpTransport> transport_;
  std::unique_ptr<Stream> stream_;
  Batch* batch_ = nullptr;
  std::uint32_t at_ = 0;
  std::uint64_t head_ = 0;
  std::uint16_t port_ = 0;
};

class TestClient {
 public:
  // `small`: with as little room for what was not read yet as the system gives.
  explicit TestClient(const TestServer& server, bool small = false) {
    descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(descriptor_ >= 0);
    const int room = 65'536;
    if (small) setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
  }
  ~TestClient() { close(descriptor_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void Get(const std::string& target, const std::string& headers = "") {
    Say("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
  }
  void Say(std::string_view text) {
    REQUIRE(send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  void HalfClose() { shutdown(descriptor_, SHUT_WR); }

  // Reads until `text()` has so many bytes, or `mark` is in it, or the other side has closed.
  bool ReadBytes(std::size_t count) {
    return ReadUntil([&] { return text_.size() >= count; });
  }
  bool ReadMark(std::string_view mark) {
    return ReadUntil([&] { return text_.find(mark) != std::string::npos; });
  }
  void ReadAll() {
    ReadUntil([] { return false; });
    CHECK(closed_);
  }
  // Everything behind the head; takes it away.
  std::string TakeBody() {
    REQUIRE(ReadMark("\r\n\r\n"));
    const std::size_t head = text_.find("\r\n\r\n") + 4;
    head_ = text_.substr(0, head);
    return text_.substr(head);
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& head() const { return head_; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  template <typename Done>
  bool ReadUntil(Done done) {
    std::vector<char> buffer(1 << 20);
    while (!done()) {
      pollfd ready = {descriptor_, POLLIN, 0};
      // A bound for a server that hangs, far beyond what any step takes.
      if (poll(&ready, 1, 20'000) <= 0) return false;
      const ssize_t got = recv(descriptor_, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        closed_ = true;
        return done();
      }
      text_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return true;
  }

  int descriptor_ = -1;
  bool closed_ = false;
  std::string text_, head_;
};

std::string Sse(const std::vector<std::string>& lines, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) {
    text += "data: " + lines[i] + "\nid: " + std::to_string(i + 1) + "\n\n";
  }
  return text;
}

std::string Delimited(const std::vector<std::string>& lines, std::size_t from, std::size_t to,
                      const char* delimiter) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) text += lines[i] + delimiter;
  return text;
}

// Says where two texts part; they are too long to be shown.
bool Same(const std::string& got, const std::string& expected) {
  if (got == expected) return true;
  const auto parts = std::mismatch(got.begin(), got.end(), expected.begin(), expected.end());
  const auto at = static_cast<std::size_t>(parts.first - got.begin());
  MESSAGE("differs at byte ", at, " of ", got.size(), " (", expected.size(), " expected): ...",
          got.substr(at - std::min<std::size_t>(at, 80), 200));
  return false;
}

constexpr char kRetry[] = "retry: 2000\n\n";

TEST_CASE("a client gets what comes from now on, or everything behind its position") {
  TestServer server;
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), 5'000);
  server.Release(100);
  TestClient live(server), all(server), resumed(server), both(server);
  live.Get("/stream_events");
  all.Get("/stream_events?after=0");
  resumed.Get("/stream_events", "LAST-event-ID: 40\r\n");
  both.Get("/stream_events?after=7", "Last-Event-ID: 99\r\n");
  REQUIRE(live.ReadMark(kRetry));
  REQUIRE(both.ReadMark("id: 100\n\n"));
  server.Release(130);
  server.Release(4'000);
  server.End();
  CHECK(live.ReadMark("id: 4000\n\n"));
  CHECK(all.ReadMark("id: 4000\n\n"));
  CHECK(resumed.ReadMark("id: 4000\n\n"));
  CHECK(both.ReadMark("id: 4000\n\n"));
  CHECK(Same(live.TakeBody(), kRetry + Sse(lines, 100, 4'000)));
  CHECK(Same(all.TakeBody(), kRetry + Sse(lines, 0, 4'000)));
  CHECK(Same(resumed.TakeBody(), kRetry + Sse(lines, 40, 4'000)));
  CHECK(Same(both.TakeBody(), kRetry + Sse(lines, 99, 4'000)));
  CHECK(live.head().find("Content-Type: text/event-stream\r\n") != std::string::npos);
  CHECK_FALSE(live.closed());
  server.Finish();
  live.ReadAll();
  CHECK(server.Count(Fate::kAcked) == 4'000);
  CHECK(server.Count(Fate::kShed) == 0);
}

TEST_CASE("the forms, and an answer that ends after its limit") {
  TestServer server;
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), 1'000);
  server.Release(1'000);
  const auto body = [&](const std::string& target) {
    TestClient client(server);
    client.Get(target);
    client.ReadAll();
    return client.TakeBody();
  };
  CHECK(
      Same(body("/stream_events?after=0&limit=300&format=ndjson"), Delimited(lines, 0, 300, "\n")));
  CHECK(
      Same(body("/stream_events?after=10&limit=1&format=json"), Delimited(lines, 10, 11, "\n\n")));
  CHECK(Same(body("/stream_events?after=999&limit=1"), kRetry + Sse(lines, 999, 1'000)));
  std::string purchases;
  int left = 5;
  for (std::size_t i = 0; i < lines.size() && left > 0; ++i) {
    if (lines[i].find("\"transaction\"") == std::string::npos) continue;
    purchases += "event: purchase\ndata: " + lines[i] + "\nid: " + std::to_string(i + 1) + "\n\n";
    --left;
  }
  REQUIRE(left == 0);
  CHECK(
      Same(body("/stream_events?after=0&limit=5&events=named&type=purchase"), kRetry + purchases));
  server.Finish();
}

TEST_CASE("what lies ahead of the run, or behind the window, is said before the stream goes on") {
  HttpSettings settings;
  settings.window = 500;
  TestServer server(settings);
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), 2'010);
  server.Release(2'000);
  TestClient ahead(server), behind(server), inside(server), silent(server);
  ahead.Get("/stream_events?after=2001");
  behind.Get("/stream_events?after=1499");
  inside.Get("/stream_events?after=1500");
  silent.Get("/stream_events?after=0&format=ndjson");
  REQUIRE(ahead.ReadMark("\"ahead\"}\n\n"));
  REQUIRE(behind.ReadMark("\"window\"}\n\n"));
  REQUIRE(inside.ReadMark("id: 2000\n\n"));
  REQUIRE(silent.ReadMark("\r\n\r\n"));
  server.Release(2'010);
  CHECK(ahead.ReadMark("id: 2010\n\n"));
  CHECK(behind.ReadMark("id: 2010\n\n"));
  CHECK(inside.ReadMark("id: 2010\n\n"));
  CHECK(silent.ReadMark(lines[2'009] + "\n"));
  const std::string gap = std::string(kRetry) + "event: gap\ndata: {\"missed\":";
  CHECK(Same(ahead.TakeBody(),
             gap + "null,\"next\":2001,\"reason\":\"ahead\"}\n\n" + Sse(lines, 2'000, 2'010)));
  CHECK(Same(behind.TakeBody(),
             gap + "501,\"next\":2001,\"reason\":\"window\"}\n\n" + Sse(lines, 2'000, 2'010)));
  CHECK(Same(inside.TakeBody(), kRetry + Sse(lines, 1'500, 2'010)));
  CHECK(Same(silent.TakeBody(), Delimited(lines, 2'000, 2'010, "\n")));
  server.Finish();
  const ServerStatus status = server.transport().status();
  CHECK(status.gaps == std::array<std::uint64_t, kGapReasons>{2, 0, 1});
  CHECK(status.missed == 501 + 2'000);
}

// Events so many that no socket holds them.
constexpr std::uint64_t kMany = 120'000;

TEST_CASE("a client that does not read goes on live with a gap that adds up") {
  HttpSettings settings;
  settings.slow_after = 10'000;
  TestServer server(settings);
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), kMany + 100);
  TestClient slow(server, true), good(server);
  slow.Get("/stream_events?after=0");
  REQUIRE(slow.ReadMark(kRetry));
  server.Release(kMany);
  good.Get("/stream_events?after=0&format=ndjson");
  const std::string all = Delimited(lines, 0, kMany, "\n");
  REQUIRE(good.ReadMark("\r\n\r\n"));
  const std::size_t good_head = good.text().find("\r\n\r\n") + 4;
  CHECK(good.ReadBytes(good_head + all.size()));
  CHECK(Same(good.TakeBody(), all));  // the slow one slowed nobody
  // The server looks for slow ones once a second.
  bool found = false;
  while (!found) {
    TestClient asking(server);
    asking.Get("/metrics", "Connection: close\r\n");
    asking.ReadAll();
    found = asking.text().find("\nplayload_streams_slow 1\n") != std::string::npos;
    pollfd nothing = {-1, 0, 0};
    if (!found) poll(&nothing, 1, 50);
  }
  CHECK(slow.ReadMark("\"slow\"}\n\n"));
  server.Release(kMany + 100);
  CHECK(slow.ReadMark("id: " + std::to_string(kMany + 100) + "\n\n"));
  const std::string body = slow.TakeBody();
  const std::size_t gap = body.find("event: gap\n");
  REQUIRE(gap != std::string::npos);
  // As many whole events as went out before the gap, then the rest behind it.
  const std::size_t id = body.rfind("id: ", gap) + 4;
  const std::uint64_t has = std::stoull(body.substr(id));
  CHECK(Same(body, kRetry + Sse(lines, 0, has) + "event: gap\ndata: {\"missed\":" +
                       std::to_string(kMany - has) + ",\"next\":" + std::to_string(kMany + 1) +
                       ",\"reason\":\"slow\"}\n\n" + Sse(lines, kMany, kMany + 100)));
  server.Finish();
}

TEST_CASE("a slow client is disconnected where that was asked for") {
  HttpSettings settings;
  settings.slow_after = 10'000;
  settings.slow_closes = true;
  TestServer server(settings);
  server.Begin();
  TestClient slow(server, true);
  slow.Get("/stream_events?after=0");
  REQUIRE(slow.ReadMark(kRetry));
  server.Release(kMany);
  while (server.transport().activity().streams > 0) {
    pollfd nothing = {-1, 0, 0};
    poll(&nothing, 1, 5);
  }
  slow.ReadAll();
  CHECK(slow.text().find("event: gap") == std::string::npos);
  server.Finish();
  CHECK(server.transport().status().slow_closed == 1);
  const ClientSessions sessions = server.transport().clients();
  REQUIRE(sessions.sessions.size() == 1);
  CHECK(sessions.sessions[0].end == SessionEnd::kSlow);
}

TEST_CASE("events that left the memory are made again, for several clients at once") {
  TestServer server;
  server.Begin();
  // More than the live window holds.
  constexpr std::uint64_t kLong = 2'400'000;
  const std::vector<std::string> lines = Lines(server.spec(), 300'000);
  server.Release(kLong);
  const auto body = [&](const std::string& target) {
    TestClient client(server);
    client.Get(target);
    client.ReadAll();
    return client.TakeBody();
  };
  CHECK(Same(body("/stream_events?after=0&limit=150000&format=ndjson"),
             Delimited(lines, 0, 150'000, "\n")));
  TestClient one(server), two(server), three(server);
  one.Get("/stream_events?after=250000&limit=5000");
  two.Get("/stream_events?after=1000&limit=5000");
  three.Get("/stream_events?after=120000&limit=3&rate=1000");
  one.ReadAll();
  two.ReadAll();
  three.ReadAll();
  CHECK(Same(one.TakeBody(), kRetry + Sse(lines, 250'000, 255'000)));
  CHECK(Same(two.TakeBody(), kRetry + Sse(lines, 1'000, 6'000)));
  CHECK(Same(three.TakeBody(), kRetry + Sse(lines, 120'000, 120'003)));
  server.Finish();
  CHECK(server.Count(Fate::kAcked) == 155'000);
  CHECK(server.Count(Fate::kShed) == kLong - 155'000);
}

TEST_CASE("the end of the run leaves streams open, or ends them and answers 204") {
  HttpSettings settings;
  settings.end_closes = true;
  TestServer server(settings);
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), 1'000);
  std::size_t last_purchase = 0;
  for (std::size_t i = 0; i < 1'000; ++i) {
    if (lines[i].find("\"transaction\"") != std::string::npos) last_purchase = i + 1;
  }
  REQUIRE(last_purchase > 0);
  REQUIRE(last_purchase < 1'000);
  TestClient open(server);
  open.Get("/stream_events?after=0");
  REQUIRE(open.ReadMark(kRetry));
  server.Release(1'000);
  server.End();
  open.ReadAll();
  CHECK(Same(open.TakeBody(), kRetry + Sse(lines, 0, 1'000)));
  const auto status = [&](const std::string& target, const std::string& headers = "") {
    TestClient client(server);
    client.Get(target, "Connection: close\r\n" + headers);
    client.ReadAll();
    return client.text().substr(9, 3);
  };
  CHECK(status("/stream_events") == "204");
  CHECK(status("/stream_events?after=999") == "200");
  CHECK(status("/stream_events?after=1000") == "204");
  CHECK(status("/stream_events?after=5000") == "204");
  CHECK(status("/stream_events", "Last-Event-ID: 1000\r\n") == "204");
  CHECK(status("/stream_events?type=purchase&after=" + std::to_string(last_purchase)) == "204");
  CHECK(status("/stream_events?type=purchase&after=" + std::to_string(last_purchase - 1)) == "200");
  CHECK(status("/player_event") == "200");
  server.Finish();
}

TEST_CASE("before the run has begun there is life, and a 503") {
  TestServer server;
  TestClient client(server);
  client.Get("/healthz");
  CHECK(client.ReadMark("200 OK"));
  client.Get("/readyz");
  CHECK(client.ReadMark("503"));
  TestClient stream(server);
  stream.Get("/stream_events", "Connection: close\r\n");
  stream.ReadAll();
  CHECK(stream.text().find("HTTP/1.1 503") == 0);
  CHECK(stream.text().find("Retry-After: 1\r\n") != std::string::npos);
  server.Begin();
  server.Release(10);
  TestClient later(server);
  later.Get("/stream_events?after=0&limit=10");
  later.ReadAll();
  CHECK(later.text().find("id: 10\n\n") != std::string::npos);
  server.Finish();
}

TEST_CASE("polled events follow one another over all clients, each once") {
  RunSpec spec = MakeSpec();
  spec.clock = Clock::kVirtual;
  TestServer server({}, spec);
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), 200'000);
  std::vector<std::string> purchases;
  for (const std::string& line : lines) {
    if (line.find("\"transaction\"") != std::string::npos) purchases.push_back(line);
  }
  REQUIRE(purchases.size() > 1'500);
  TestClient a(server), b(server);
  std::size_t at = 0;
  const auto next = [&](TestClient& client, const std::string& query, std::size_t count,
                        const char* open, const char* between, const char* close) {
    std::string expected = open;
    for (std::size_t i = 0; i < count; ++i) expected += (i > 0 ? between : "") + purchases[at++];
    expected += close;
    const std::size_t before = client.text().size();
    client.Get("/purchase_event" + query);
    const std::size_t had = client.text().find("\r\n\r\n", before);
    REQUIRE(had == std::string::npos);
    CHECK(client.ReadBytes(before + expected.size() + 100));
    CHECK(client.text().ends_with("\r\n\r\n" + expected));
  };
  next(a, "", 1, "", "", "");
  next(b, "?count=1", 1, "[", ",", "]");
  next(a, "?count=1000", 1'000, "[", ",", "]");
  next(b, "?count=500&format=ndjson", 500, "", "\n", "\n");
  // HEAD takes none; requests that come together are answered one after the other.
  TestClient c(server);
  c.Say("HEAD /purchase_event HTTP/1.1\r\nHost: localhost\r\n\r\n");
  c.ReadAll();
  TestClient d(server);
  const std::string request = "GET /purchase_event HTTP/1.1\r\nHost: localhost\r\n\r\n";
  d.Say(request + request + request);
  d.HalfClose();
  d.ReadAll();
  std::size_t found = 0;
  for (int i = 0; i < 3; ++i) {
    found = d.text().find("\r\n\r\n" + purchases[at++], found);
    CHECK(found != std::string::npos);
  }
  server.Finish();
}

TEST_CASE("only what somebody wanted is acked") {
  TestServer server;
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), 3'000);
  std::uint64_t servers = 0;
  for (std::size_t i = 1'000; i < 3'000; ++i) {
    if (lines[i].find("\"server_metric\"") != std::string::npos) ++servers;
  }
  server.Release(1'000);
  TestClient client(server);
  client.Get("/stream_events?type=server");
  REQUIRE(client.ReadMark(kRetry));
  server.Release(3'000);
  server.End();
  server.Finish();
  CHECK(server.Count(Fate::kAcked) == servers);
  CHECK(server.Count(Fate::kShed) == 3'000 - servers);
}

TEST_CASE("a rate of its own: not faster, everything in order, never slow") {
  HttpSettings settings;
  settings.slow_after = 10;
  settings.slow_closes = true;
  TestServer server(settings);
  server.Begin();
  const std::vector<std::string> lines = Lines(server.spec(), 2'000);
  server.Release(2'000);
  TestClient client(server);
  const std::int64_t before = SteadyNow();
  client.Get("/stream_events?after=0&rate=500&limit=200");
  client.ReadAll();
  CHECK(SteadyNow() - before >= 199 * 2'000'000);
  CHECK(Same(client.TakeBody(), kRetry + Sse(lines, 0, 200)));
  server.Finish();
}

TEST_CASE("when the server ends, a client that does not read cannot hold it up") {
  TestServer server;
  server.Begin();
  TestClient stuck(server, true), reader(server);
  stuck.Get("/stream_events?after=0");
  REQUIRE(stuck.ReadMark(kRetry));
  server.Release(kMany);
  reader.Get("/stream_events?after=0&format=ndjson");
  REQUIRE(reader.ReadBytes(1'000'000));
  // Cut off in the middle of the run: everybody gets the event in hand to its end.
  server.transport().End(false);
  server.Finish();
  reader.ReadAll();
  CHECK(reader.text().ends_with("}\n"));
  CHECK(server.Count(Fate::kAcked) + server.Count(Fate::kShed) == kMany);
}

}  // namespace
}  // namespace playload
