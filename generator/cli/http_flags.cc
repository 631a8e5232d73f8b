#include "generator/cli/http_flags.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "generator/base/text.h"

namespace playload {
namespace {

constexpr std::uint64_t kMostEvents = std::uint64_t{1} << 59;
constexpr std::uint64_t kMostConnections = 1'000'000;
constexpr std::size_t kMostOrigins = 64;
constexpr std::size_t kLongestOrigin = 256;
constexpr std::size_t kShortestToken = 16;
constexpr std::size_t kLongestToken = 256;

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

Status ReadCountFlag(const Flags& flags, std::string_view name, std::uint64_t max,
                     std::uint64_t* value) {
  if (!flags.Has(name)) return {};
  const std::string text = flags.Text(name);
  const Result<std::uint64_t> count = ParseCount(text);
  if (!count) return flags.Wrong(name, count.error().message());
  if (*count < 1 || *count > max) {
    return flags.Wrong(name, Quoted(text) + " is not from 1 to " + FormatCount(max));
  }
  *value = *count;
  return {};
}

// One of two words; *second says whether it is the second one.
Status ReadChoice(const Flags& flags, std::string_view name, const char* first, const char* second,
                  bool* is_second) {
  if (!flags.Has(name)) return {};
  const std::string text = flags.Text(name);
  if (text != first && text != second) {
    return flags.Wrong(name, Quoted(text) + " is neither " + first + " nor " + second);
  }
  *is_second = text == second;
  return {};
}

// What is wrong with an origin as a browser sends it: scheme://host[:port], in lower case and
// without the scheme's own port, for it is compared byte by byte. "" when nothing is.
std::string WrongInOrigin(std::string_view origin) {
  const std::size_t colon = origin.find("://");
  const std::string_view scheme = origin.substr(0, colon);
  if (origin == "*") return "everybody is no origin; name those that may read";
  if (colon == std::string_view::npos || scheme.empty() || origin.size() > kLongestOrigin) {
    return "an origin is scheme://host or scheme://host:port";
  }
  if (std::any_of(origin.begin(), origin.end(), IsUpper)) return "browsers send it in lower case";
  const bool scheme_ok =
      IsLower(scheme.front()) && std::all_of(scheme.begin(), scheme.end(), [](char c) {
        return IsLower(c) || IsDigit(c) || c == '+' || c == '-' || c == '.';
      });
  std::string_view host = origin.substr(colon + 3);
  if (host.find_first_of("/?#") != std::string_view::npos) {
    return "an origin has no path, not even a slash at its end";
  }
  std::string_view port;
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return "its address has no closing bracket";
  if (const std::size_t at = host.find(':', bracket); at != std::string_view::npos) {
    port = host.substr(at + 1);
    host = host.substr(0, at);
    unsigned number = 0;
    const auto end = std::from_chars(port.data(), port.data() + port.size(), number);
    if (end.ec != std::errc() || end.ptr != port.data() + port.size() || number < 1 ||
        number > 65'535 || port.front() == '0') {
      return "its port is not from 1 to 65535";
    }
    if ((scheme == "http" && number == 80) || (scheme == "https" && number == 443)) {
      return "browsers leave the scheme's own port out";
    }
  }
  const bool host_ok = !host.empty() && std::all_of(host.begin(), host.end(), [&](char c) {
    return IsLower(c) || IsDigit(c) || c == '.' || c == '-' ||
           (bracket > 0 && (c == '[' || c == ']' || c == ':'));
  });
  if (!scheme_ok || !host_ok) return "an origin is scheme://host or scheme://host:port";
  return "";
}

Status ReadOrigins(const Flags& flags, std::vector<std::string>* origins) {
  for (const std::string& origin : flags.Texts("cors-origin")) {
    if (const std::string wrong = WrongInOrigin(origin); !wrong.empty()) {
      return flags.Wrong("cors-origin", Quoted(origin) + ": " + wrong);
    }
    if (std::find(origins->begin(), origins->end(), origin) != origins->end()) {
      return flags.Wrong("cors-origin", Quoted(origin) + " is given twice");
    }
    origins->push_back(origin);
  }
  if (origins->size() > kMostOrigins) {
    return flags.Wrong("cors-origin", "more than " + std::to_string(kMostOrigins) + " origins");
  }
  return {};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

// The file's first line, or what is wrong with it; never both a message and a part of the token.
Result<std::string> ReadToken(const std::string& path) {
  const auto wrong = [&path](const std::string& what) {
    return Invalid(Quoted(path) + " " + what);
  };
  const auto unreadable = [&] {
    return wrong(std::string("cannot be read: ") + std::strerror(errno));
  };
  if (path.empty()) return Invalid("names no file");
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat about {};
  if (file.get() < 0 || fstat(file.get(), &about) != 0) return unreadable();
  if (!S_ISREG(about.st_mode)) return wrong("is not a regular file");
  // As ssh does with a private key: what is mine must be mine alone; a file of another owner is
  // what somebody has arranged (a mounted secret).
  if (about.st_uid == geteuid() && (about.st_mode & 077) != 0) {
    return wrong("can be read or written by others; chmod 600 ends that");
  }
  std::array<char, kLongestToken + 2> text{};  // with "\r\n" of a longest one
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = read(file.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable();
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  std::string_view line(text.data(), size);
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() < kShortestToken || line.size() > kLongestToken ||
      std::any_of(line.begin(), line.end(), [](char c) { return c < '!' || c > '~'; })) {
    return wrong(
        "has no token in its first line: 16 to 256 printable ASCII characters without "
        "blanks, as from: openssl rand -hex 24");
  }
  return std::string(line);
}

}  // namespace

std::vector<Flag> HttpFlags() {
  return {
      {"slow-client", "gap|close",
       "a client that does not keep up goes on live after a gap, or is disconnected (default: "
       "gap)"},
      {"slow-after", "N",
       "from how many events behind on (default: 100,000 or 5 s of the plan, whichever is more)"},
      {"window", "N", "how far back clients may begin or resume (default: the whole run)"},
      {"at-end", "stay|close",
       "streams at the end of the run stay open and idle, or are closed (default: stay)"},
      {"token-file", "FILE", "ask for 'Authorization: Bearer' and this file's first line"},
      {"allow-anonymous", "", "serve beyond this machine without a token"},
      {"cors-origin", "ORIGIN", "pages of this origin may read: https://dash.example", true},
      {"max-connections", "N", "in all (default: 16,000)"},
      {"max-per-address", "N", "of one address (default: 1,024; on loopback all)"},
  };
}

Result<HttpSettings> ReadHttpSettings(const Flags& flags) {
  HttpSettings http;
  if (Status s = ReadChoice(flags, "slow-client", "gap", "close", &http.slow_closes); !s.ok()) {
    return s;
  }
  if (Status s = ReadChoice(flags, "at-end", "stay", "close", &http.end_closes); !s.ok()) return s;
  if (Status s = ReadCountFlag(flags, "slow-after", kMostEvents, &http.slow_after); !s.ok()) {
    return s;
  }
  if (Status s = ReadCountFlag(flags, "window", kMostEvents, &http.window); !s.ok()) return s;
  std::uint64_t in_all = http.max_connections;
  std::uint64_t of_one = http.max_per_address;
  if (Status s = ReadCountFlag(flags, "max-connections", kMostConnections, &in_all); !s.ok()) {
    return s;
  }
  if (Status s = ReadCountFlag(flags, "max-per-address", kMostConnections, &of_one); !s.ok()) {
    return s;
  }
  if (of_one > in_all) {
    return flags.Wrong("max-per-address", FormatCount(of_one) + " of one address are more than " +
                                              FormatCount(in_all) + " in all (--max-connections)");
  }
  http.max_connections = static_cast<std::uint32_t>(in_all);
  http.max_per_address = static_cast<std::uint32_t>(of_one);
  if (Status s = ReadOrigins(flags, &http.cors_origins); !s.ok()) return s;
  if (flags.Has("token-file")) {
    if (flags.On("allow-anonymous")) {
      return flags.Wrong("allow-anonymous", "and a token (--token-file) exclude each other");
    }
    Result<std::string> token = ReadToken(flags.Text("token-file"));
    if (!token) return flags.Wrong("token-file", token.error().message());
    http.token = std::move(*token);
  }
  return http;
}

Status CheckWhoMayRead(const Flags& flags, std::string_view flag, const std::vector<Address>& to) {
  if (flags.Has("token-file") || flags.On("allow-anonymous")) return {};
  for (const Address& address : to) {
    if (address.scheme != Address::Scheme::kHttp || address.http.loopback) continue;
    return flags.Wrong(flag, address.http.text() +
                                 " is open to more than this machine; say who may read: "
                                 "--token-file FILE, or --allow-anonymous");
  }
  return {};
}

std::string WhoMayRead(std::string_view url, const ListenAddress& listen,
                       const HttpSettings& settings) {
  std::string text = std::string(url) + "/ serves to ";
  if (listen.loopback) {
    text += "this machine alone";
    if (!settings.token.empty()) text += ", with the token";
  } else {
    text += "everybody who can reach it";
    if (!settings.token.empty()) text += " and has the token";
  }
  return text;
}

}  // namespace playload
