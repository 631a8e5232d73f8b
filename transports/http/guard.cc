#include "transports/http/guard.h"

#include <array>
#include <cstdint>

#include "transports/http/words.h"

namespace playload {
namespace {

// What a byte may be part of (RFC 9110 5.6.2, RFC 3986, RFC 9112).
enum Class : std::uint8_t {
  kToken = 1,
  kTarget = 2,
  kHex = 4,
  kValue = 8,
  kHost = 16,
  kBinary = 32
};

constexpr std::array<std::uint8_t, 256> MakeClasses() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool visible = c > 0x20 && c < 0x7f;
    const std::string_view marks = "!#$%&'*+-.^_`|~";
    const std::string_view host_marks = "-._~%:[]";
    const char byte = static_cast<char>(c);
    unsigned set = 0;
    if (digit || alpha || marks.find(byte) != marks.npos) set |= kToken;
    // A fragment is never sent: '#' in a target would have two readings.
    if (visible && c != '#') set |= kTarget;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) set |= kHex;
    if (visible || c == ' ' || c == '\t' || c >= 0x80) set |= kValue;
    if (digit || alpha || host_marks.find(byte) != host_marks.npos) set |= kHost;
    if (c >= 0x7f || (c < 0x20 && c != '\r' && c != '\n' && c != '\t')) set |= kBinary;
    classes[c] = static_cast<std::uint8_t>(set);
  }
  return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = MakeClasses();

bool Is(char byte, Class what) { return (kClasses[static_cast<unsigned char>(byte)] & what) != 0; }

// Longer than every registered method.
constexpr std::size_t kMaxMethodBytes = 20;
constexpr int kMaxEmptyLines = 2;

// Reads from left to right and stops at the first byte that decides. So what has come so far gets
// the verdict of the whole, or "wait"; the order of the checks is the order of the bytes.
class HeadScan {
 public:
  explicit HeadScan(std::string_view bytes) : bytes_(bytes.substr(0, kMaxHeadBytes)) {}

  HeadCheck Run() {
    if (EmptyLines() && Method() && Target() && Version() && Headers()) {
      verdict_ = {HeadCheck::State::kWhole, at_, 0, ""};
    }
    return verdict_;
  }

 private:
  // Each step returns whether to go on; when not, verdict_ says why.
  bool Refuse(int status, const char* message) {
    verdict_ = {HeadCheck::State::kRefused, 0, status, message};
    return false;
  }
  bool Wait() {
    if (bytes_.size() == kMaxHeadBytes) return Refuse(431, "the head is longer than 16 KiB");
    verdict_ = {};
    return false;
  }
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

  // The byte `expected`, else a 400.
  bool Byte(char expected, const char* message) {
    if (at_end()) return Wait();
    if (bytes_[at_] != expected) return Refuse(400, message);
    ++at_;
    return true;
  }
  bool LineEnd(const char* message) {
    return Byte('\r', message) && Byte('\n', "a line does not end with CR LF");
  }

  // Some old clients send an empty line behind a body (RFC 9112 2.2).
  bool EmptyLines() {
    for (int lines = 0; lines < kMaxEmptyLines; ++lines) {
      if (at_end()) return Wait();
      if (bytes_[at_] != '\r') return true;
      if (!LineEnd("")) return false;
    }
    return true;
  }

  bool Method() {
    const std::size_t begin = at_;
    for (;; ++at_) {
      if (at_end()) return Wait();
      if (bytes_[at_] == ' ') break;
      if (Is(bytes_[at_], kBinary)) {
        verdict_.state = HeadCheck::State::kForeign;
        return false;
      }
      if (!Is(bytes_[at_], kToken)) return Refuse(400, kBadLine);
      if (at_ - begin == kMaxMethodBytes) return Refuse(501, kUnknownMethod);
    }
    const std::string_view method = bytes_.substr(begin, at_++ - begin);
    if (method.empty()) return Refuse(400, kBadLine);
    if (method == "GET" || method == "HEAD") return true;
    if (method == "OPTIONS") {
      may_be_star_ = true;
      return true;
    }
    if (method == "PRI") {
      may_be_star_ = http2_ = true;
      return true;
    }
    for (const std::string_view other :
         {"POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "QUERY"}) {
      if (method == other) return Refuse(405, "only GET, HEAD and OPTIONS are served");
    }
    return Refuse(501, kUnknownMethod);
  }

  bool Target() {
    if (at_end()) return Wait();
    if (may_be_star_ && bytes_[at_] == '*') {
      ++at_;
      return Byte(' ', kBadLine);
    }
    if (http2_) return Refuse(501, kUnknownMethod);
    if (bytes_[at_] != '/') return Refuse(400, "the target is not a path that begins with /");
    const std::size_t begin = at_;
    int hex_due = 0;
    for (;; ++at_) {
      if (at_end()) return Wait();
      const char c = bytes_[at_];
      if (hex_due > 0) {
        if (!Is(c, kHex)) return Refuse(400, "a % in the target is not followed by two hex digits");
        --hex_due;
      } else if (c == '%') {
        hex_due = 2;
      } else if (c == ' ') {
        break;
      }
      if (c == '\r') return Refuse(400, kBadLine);
      if (!Is(c, kTarget)) return Refuse(400, "the target holds a byte that a URL cannot hold");
      if (at_ - begin == kMaxTargetBytes) return Refuse(414, "the target is longer than 4 KiB");
    }
    ++at_;
    return true;
  }

  bool Version() {
    for (const char c : {'H', 'T', 'T', 'P', '/'}) {
      if (!Byte(c, kBadLine)) return false;
    }
    char major = 0;
    char minor = 0;
    if (!Digit(major) || !Byte('.', kBadLine) || !Digit(minor)) return false;
    if (major != '1' || minor > '1' || http2_) {
      return Refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken");
    }
    host_needed_ = minor == '1';
    return LineEnd(kBadLine);
  }
  bool Digit(char& digit) {
    if (at_end()) return Wait();
    digit = bytes_[at_];
    if (digit < '0' || digit > '9') return Refuse(400, kBadLine);
    ++at_;
    return true;
  }

  bool Headers() {
    for (std::size_t lines = 0;; ++lines) {
      if (at_end()) return Wait();
      if (bytes_[at_] == '\r') break;
      if (lines == kMaxHeaders) return Refuse(431, "the head has more than 100 lines");
      if (!Header()) return false;
    }
    if (!LineEnd("")) return false;
    if (host_needed_ && !has_host_) return Refuse(400, "HTTP/1.1 needs a Host");
    return true;
  }

  bool Header() {
    const std::size_t begin = at_;
    for (;; ++at_) {
      if (at_end()) return Wait();
      if (bytes_[at_] == ':' && at_ > begin) break;
      if (!Is(bytes_[at_], kToken)) return Refuse(400, "a header line is not NAME: VALUE");
    }
    const std::string_view name = bytes_.substr(begin, at_++ - begin);
    if (SameWord(name, "transfer-encoding")) return Refuse(413, kBody);
    const std::size_t value_begin = at_;
    while (!at_end() && Is(bytes_[at_], kValue)) ++at_;
    const std::string_view value = TrimBlanks(bytes_.substr(value_begin, at_ - value_begin));
    if (!LineEnd("a header holds a control byte")) return false;
    if (SameWord(name, "content-length")) return ContentLength(value);
    if (SameWord(name, "host")) return Host(value);
    return true;
  }

  bool ContentLength(std::string_view value) {
    if (has_length_) return Refuse(400, "Content-Length is repeated");
    has_length_ = true;
    if (value.empty() || value.find_first_not_of("0123456789") != value.npos) {
      return Refuse(400, "Content-Length is not a number");
    }
    if (value.find_first_not_of('0') != value.npos) return Refuse(413, kBody);
    return true;
  }

  bool Host(std::string_view value) {
    if (has_host_) return Refuse(400, "Host is repeated");
    has_host_ = true;
    for (const char c : value) {
      if (!Is(c, kHost)) return Refuse(400, "Host is not a name or address with a port");
    }
    return true;
  }

  static constexpr const char* kBadLine = "the request line is not METHOD /PATH HTTP/1.1";
  static constexpr const char* kUnknownMethod = "the method is not known here";
  static constexpr const char* kBody = "requests with a body are not served";

  std::string_view bytes_;
  std::size_t at_ = 0;
  HeadCheck verdict_;
  bool may_be_star_ = false;
  bool http2_ = false;
  bool host_needed_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
};

}  // namespace

HeadCheck CheckHead(std::string_view bytes) { return HeadScan(bytes).Run(); }

}  // namespace playload
