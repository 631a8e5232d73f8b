#include "transports/http/settings.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "generator/base/text.h"

namespace playload {
namespace {

Status NotAnAddress(std::string_view text) {
  return Invalid(Quoted(text) +
                 " is no address to listen on; write ADDRESS:PORT, such as 127.0.0.1:8000, "
                 "localhost:8000 or [::1]:8000");
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text.size() > 5 || port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

// The canonical text of the address, so that "[0::1]" is shown as "[::1]".
template <typename Address>
std::string AddressText(int family, const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, &address, text.data(), text.size());
  return text.data();
}

}  // namespace

std::string ListenAddress::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return NotAnAddress(text);
  const std::optional<std::uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port) return NotAnAddress(text);

  std::string host(text.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";
  // inet_pton reads up to a NUL.
  if (host.find('\0') != std::string::npos) return NotAnAddress(text);
  if (host.front() == '[' && host.back() == ']') {
    in6_addr address{};
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) != 1) {
      return NotAnAddress(text);
    }
    return ListenAddress{AddressText(AF_INET6, address), *port,
                         IN6_IS_ADDR_LOOPBACK(&address) != 0};
  }
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return NotAnAddress(text);
  return ListenAddress{AddressText(AF_INET, address), *port, ntohl(address.s_addr) >> 24 == 127};
}

}  // namespace playload
