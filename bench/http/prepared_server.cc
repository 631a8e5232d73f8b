// The yardstick of a server that makes and renders nothing: answers every request with the bytes of
// a file, over and over, as fast as its one client takes them.
//
//   prepared_server FILE 'CONTENT-TYPE'
//
// Listens on a free port of 127.0.0.1, which it prints. One client at a time; the next may come
// when the one before has gone. Runs until it is killed.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace playload {
namespace {

// Of the file in one system call: as large as a server's writes can usefully be.
constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kPieces = 16;

int Fail(const char* message) {
  std::fprintf(stderr, "prepared_server: %s\n", message);
  return 1;
}

void Serve(int fd, const std::string& head, const std::string& bytes) {
  std::string request;
  char piece[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = recv(fd, piece, sizeof(piece), 0);
    if (got <= 0) return;
    request.append(piece, static_cast<std::size_t>(got));
  }
  if (send(fd, head.data(), head.size(), MSG_NOSIGNAL) < 0) return;
  for (std::size_t at = 0;;) {
    std::array<iovec, kPieces> pieces;
    std::size_t from = at;
    for (iovec& one : pieces) {
      const std::size_t size = std::min(kPieceBytes, bytes.size() - from);
      one = {.iov_base = const_cast<char*>(bytes.data() + from), .iov_len = size};
      from = (from + size) % bytes.size();
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0) return;
    at = (at + static_cast<std::size_t>(sent)) % bytes.size();
  }
}

int Main(int argc, char** argv) {
  if (argc != 3) return Fail("FILE CONTENT-TYPE");
  std::ifstream file(argv[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) return Fail("no bytes to serve");
  const std::string head =
      std::string("HTTP/1.1 200 OK\r\nContent-Type: ") + argv[2] + "\r\nConnection: close\r\n\r\n";
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 4) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Fail("cannot listen");
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    const int fd = accept(listener, nullptr, nullptr);
    if (fd < 0) return Fail("cannot accept");
    Serve(fd, head, bytes);
    close(fd);
  }
}

}  // namespace
}  // namespace playload

int main(int argc, char** argv) { return playload::Main(argc, argv); }
