// libFuzzer target: any bytes, through the guard and the reader.
//
//   guard_fuzz --write-seeds DIR         writes the heads of head_cases.h there, a file each
//   guard_fuzz [libFuzzer flags] DIR...  fuzzes
//
// Holds: what is passed has no more than kMaxHeadBytes and ends with an empty line; its lines have
// no control byte; a prefix gets the verdict of the whole, or "wait"; what follows a head does not
// matter; whatever is passed can be read by the library, in the same way each time, and a refusal
// is JSON of a documented status in ASCII.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/http/head_cases.h"
#include "transports/http/guard.h"
#include "transports/http/request.h"
#include "transports/http/response.h"

namespace playload {
namespace {

// More than any verdict needs; what is longer only slows the fuzzer down.
constexpr std::size_t kMaxSeedBytes = 20'000;

// Stays on in every build, unlike assert.
void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

bool Same(const HeadCheck& a, const HeadCheck& b) {
  return a.state == b.state && a.bytes == b.bytes && a.status == b.status &&
         std::strcmp(a.message, b.message) == 0;
}

bool IsPrintable(std::string_view text) {
  for (const char c : text) {
    if (c < ' ' || c > '~') return false;
  }
  return true;
}

void CheckVerdict(std::string_view bytes, const HeadCheck& check) {
  switch (check.state) {
    case HeadCheck::State::kWhole:
      Require(check.bytes <= kMaxHeadBytes && check.bytes <= bytes.size(), "a bounded head");
      Require(bytes.substr(0, check.bytes).ends_with("\r\n\r\n"), "an empty line at the end");
      Require(Same(CheckHead(bytes.substr(0, check.bytes)), check), "only the head matters");
      break;
    case HeadCheck::State::kRefused: {
      bool known = false;
      for (const int status : {400, 405, 413, 414, 431, 501, 505}) {
        known = known || check.status == status;
      }
      Require(known && check.message[0] != '\0', "a documented status and a message");
      break;
    }
    case HeadCheck::State::kIncomplete:
      Require(bytes.size() < kMaxHeadBytes, "a full head is decided");
      break;
    case HeadCheck::State::kForeign:
      break;
  }
}

void CheckPrefixes(std::string_view bytes, const HeadCheck& last) {
  // Every prefix of what is short, some of what is long: the table's test takes all.
  const std::size_t step = bytes.size() / 32 + 1;
  bool decided = false;
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    const HeadCheck now = CheckHead(bytes.substr(0, size));
    decided = decided || now.state != HeadCheck::State::kIncomplete;
    Require(decided ? Same(now, last) : Same(now, HeadCheck{}), "a prefix waits or decides alike");
  }
}

void CheckLines(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    Require(end != head.npos, "lines end with CR LF");
    for (const char c : head.substr(0, end)) {
      Require((c < 0 || c >= ' ' || c == '\t') && c != '\x7f', "no control byte");
    }
    head.remove_prefix(end + 2);
  }
}

void CheckRequest(const Request& request) {
  Require(request.user_agent.size() <= 128 && IsPrintable(request.user_agent), "a tame User-Agent");
  Require(request.origin.empty() || request.origin == "https://dash.example", "a named origin");
  if (const auto* stream = std::get_if<StreamRequest>(&request.what)) {
    Require(stream->form.kinds >= 1 && stream->form.kinds <= 7, "kinds");
    Require(!stream->form.named || stream->form.format == StreamFormat::kSse, "names in SSE");
    Require(stream->form.id() < Form::kIds, "a form");
    Require(stream->interval_ps == 0 ||
                (stream->interval_ps >= 100'000 && stream->interval_ps <= 1'000'000'000'000'000),
            "a rate");
  } else if (const auto* poll = std::get_if<PollRequest>(&request.what)) {
    Require(poll->count >= 1 && poll->count <= 10'000, "a count");
    Require(poll->array || poll->count == 1, "one object, or an array");
  } else if (const auto* response = std::get_if<Response>(&request.what)) {
    Require(IsPrintable(response->body), "an answer in ASCII");
    Require(response->body.find("cannot be read") == std::string::npos, "the library can read it");
    bool known = false;
    for (const int status : {204, 400, 401, 404, 406, 421}) {
      known = known || response->status == status;
    }
    Require(known, "a documented status");
    const std::string text =
        ResponseText(*response, {.head = request.head, .origin = request.origin});
    Require(text.find("\r\n\r\n") != text.npos, "an answer has an end of its head");
  }
}

HttpSettings Closed() {
  HttpSettings settings;
  settings.token = "s3cret";
  settings.cors_origins = {"https://dash.example"};
  return settings;
}
HttpSettings Open() {
  HttpSettings settings;
  settings.listen.loopback = false;
  return settings;
}

void CheckReading(std::string_view head) {
  static const HttpSettings closed = Closed();
  static const HttpSettings open = Open();
  static RequestReader closed_reader(closed);
  static RequestReader open_reader(open);
  for (RequestReader* reader : {&closed_reader, &open_reader}) {
    const Request request = reader->Read(head);
    CheckRequest(request);
    const Request again = reader->Read(head);
    Require(request.what.index() == again.what.index() && request.head == again.head &&
                request.keep_alive == again.keep_alive && request.user_agent == again.user_agent,
            "a head is always read alike");
  }
}

// One connection's bytes, with its pipelined requests.
void CheckConnection(std::string_view bytes) {
  for (;;) {
    const HeadCheck check = CheckHead(bytes);
    CheckVerdict(bytes, check);
    CheckPrefixes(bytes, check);
    if (check.state != HeadCheck::State::kWhole) return;
    CheckLines(bytes.substr(0, check.bytes));
    CheckReading(bytes.substr(0, check.bytes));
    bytes.remove_prefix(check.bytes);
  }
}

void WriteSeeds(const std::string& folder) {
  int number = 0;
  for (const HeadCase& head : HeadCases()) {
    std::ofstream file(folder + "/" + std::to_string(number++), std::ios::binary);
    file << head.bytes.substr(0, kMaxSeedBytes);
    Require(file.flush().good(), "a seed is written");
  }
}

}  // namespace
}  // namespace playload

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  if (*count == 3 && std::strcmp((*arguments)[1], "--write-seeds") == 0) {
    playload::WriteSeeds((*arguments)[2]);
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  playload::CheckConnection(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
