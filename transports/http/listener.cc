#include "transports/http/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "generator/base/system.h"

namespace playload {
namespace {

// Connections that the system holds until they are accepted: enough for thousands at once.
constexpr int kBacklog = 4'096;

socklen_t Fill(const ListenAddress& address, sockaddr_storage* out) {
  std::memset(out, 0, sizeof(*out));
  auto* const v4 = reinterpret_cast<sockaddr_in*>(out);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    return sizeof(sockaddr_in);
  }
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(out);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) != 1) return 0;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(address.port);
  return sizeof(sockaddr_in6);
}

Status CannotListen(const ListenAddress& address, int error) {
  std::string why = ErrnoText(error);
  if (error == EADDRINUSE) {
    why = "another program listens there; take another port, or 0 for a free one";
  }
  if (error == EADDRNOTAVAIL) why = "this machine has no such address";
  if (error == EACCES) why = "ports below 1,024 are root's";
  return {Code::kCannotListen, "cannot listen on " + address.text() + ": " + why};
}

}  // namespace

Result<Listener> Listener::Open(const ListenAddress& address) {
  sockaddr_storage at{};
  const socklen_t size = Fill(address, &at);
  if (size == 0) return CannotListen(address, EINVAL);
  const int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return CannotListen(address, errno);
  Listener listener(fd, address);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), size) != 0 || listen(fd, kBacklog) != 0) {
    return CannotListen(address, errno);
  }
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bound_size) != 0) {
    return CannotListen(address, errno);
  }
  listener.address_.port =
      ntohs(bound.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(&bound)->sin_port
                                       : reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port);
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), address_(std::move(other.address_)) {}

Listener::~Listener() { Close(); }

void Listener::Close() {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

}  // namespace playload
