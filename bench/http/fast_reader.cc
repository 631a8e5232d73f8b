// The least that a correct reader of /stream_events can do: how fast one client gets its events
// when the client costs next to nothing. Checks what stream_check.h checks.
//
//   fast_reader PORT 'QUERY' SECONDS [wrap]
//
// Reads for a second, then measures for SECONDS. With "wrap" the ids may begin anew: the bytes come
// from prepared_server. Prints {"events": N, "bytes": N, "seconds": S}. Loopback only.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http/stream_check.h"

namespace playload {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBufferBytes = 256 << 10;

int Fail(const char* message) {
  std::fprintf(stderr, "fast_reader: %s\n", message);
  return 1;
}

int Main(int argc, char** argv) {
  if (argc < 4) return Fail("PORT QUERY SECONDS [wrap]");
  const std::string query = argv[2];
  const double seconds = std::atof(argv[3]);
  const bool wrap = argc > 4 && std::string_view(argv[4]) == "wrap";
  const bool lines = query.find("format=ndjson") != std::string::npos;

  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return Fail("cannot connect");
  }
  const std::string request =
      "GET /stream_events?" + query + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return Fail("cannot ask");

  std::vector<char> buffer(kBufferBytes);
  std::size_t kept = 0;
  bool head = true;
  StreamCheck check(lines, true);
  std::uint64_t bytes = 0, events_before = 0, bytes_before = 0;
  const Clock::time_point begin = Clock::now() + std::chrono::seconds(1);
  Clock::time_point began{};
  for (;;) {
    const ssize_t got = recv(fd, buffer.data() + kept, buffer.size() - kept, 0);
    if (got <= 0) return Fail("the stream ended");
    bytes += static_cast<std::uint64_t>(got);
    std::string_view have(buffer.data(), kept + static_cast<std::size_t>(got));
    if (head) {
      const std::size_t end = have.find("\r\n\r\n");
      if (end == std::string_view::npos) return Fail("the answer's head came in pieces");
      if (!have.starts_with("HTTP/1.1 200 ")) return Fail("not 200");
      have.remove_prefix(end + 4);
      head = false;
    }
    have.remove_prefix(check.Take(have));
    if (have.size() == buffer.size()) return Fail("a record that does not end");
    std::memmove(buffer.data(), have.data(), have.size());
    kept = have.size();

    const Clock::time_point now = Clock::now();
    if (began == Clock::time_point{}) {
      if (now < begin) continue;
      began = now;
      events_before = check.events();
      bytes_before = bytes;
    }
    const double took = std::chrono::duration<double>(now - began).count();
    if (took < seconds) continue;
    const StreamFaults& faults = check.faults();
    if (faults.total() > (wrap ? faults.order : 0)) return Fail("the stream is not as documented");
    std::printf("{\"events\": %lu, \"bytes\": %lu, \"seconds\": %.6f}\n",
                check.events() - events_before, bytes - bytes_before, took);
    close(fd);
    return 0;
  }
}

}  // namespace
}  // namespace playload

int main(int argc, char** argv) { return playload::Main(argc, argv); }
