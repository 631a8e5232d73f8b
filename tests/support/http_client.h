// One GET over a blocking socket, for tests of a server on this machine.

#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace playload::test {

class HttpClient {
 public:
  HttpClient(const std::string& url, const std::string& target) {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
    const std::string head =
        "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    connected_ = connected_ && send(socket_, head.data(), head.size(), MSG_NOSIGNAL) ==
                                   static_cast<ssize_t>(head.size());
  }
  ~HttpClient() { close(socket_); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Reads on; false at the end of the stream.
  bool Read() {
    std::array<char, 65'536> part{};
    const ssize_t n = recv(socket_, part.data(), part.size(), 0);
    if (n > 0) text_.append(part.data(), static_cast<std::size_t>(n));
    return n > 0;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] std::string_view body() const {
    const std::size_t head = text_.find("\r\n\r\n");
    return head == std::string::npos ? std::string_view()
                                     : std::string_view(text_).substr(head + 4);
  }

 private:
  int socket_ = -1;
  bool connected_ = false;
  std::string text_;
};

}  // namespace playload::test
