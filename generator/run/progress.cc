#include "generator/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "generator/base/text.h"

namespace playload {
namespace {

constexpr std::int64_t kLiveNs = 250'000'000;
constexpr std::int64_t kLineNs = 10'000'000'000;

// "0:07", "12:30", "3:02:01".
std::string Clock(std::int64_t ns) {
  const std::int64_t seconds = ns / 1'000'000'000;
  std::array<char, 48> text{};
  if (seconds >= 3'600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld",
                  static_cast<long long>(seconds / 3'600),
                  static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", static_cast<long long>(seconds / 60),
                  static_cast<long long>(seconds % 60));
  }
  return text.data();
}

std::string Behind(std::int64_t ns) {
  std::array<char, 32> text{};
  if (ns >= 1'000'000'000) {
    std::snprintf(text.data(), text.size(), "late %.1f s", static_cast<double>(ns) / 1e9);
  } else {
    std::snprintf(text.data(), text.size(), "late %.0f ms", static_cast<double>(ns) / 1e6);
  }
  return text.data();
}

}  // namespace

std::string ProgressLine(const ProgressSample& sample, const ProgressSample& before) {
  if (sample.elapsed_ns < 0) return "starts in " + Clock(-sample.elapsed_ns);
  std::string line = Clock(sample.elapsed_ns);
  if (sample.length_ns > 0 && !sample.staying) line += " of " + Clock(sample.length_ns);
  const std::int64_t passed = sample.elapsed_ns - before.elapsed_ns;
  for (std::size_t i = 0; i < sample.destinations.size(); ++i) {
    const ProgressSample::Destination& now = sample.destinations[i];
    line += "  ";
    if (sample.destinations.size() > 1) line += now.to + ": ";
    line += FormatCount(now.released);
    if (sample.events > 0) line += " of " + FormatCount(sample.events);
    line += " events";
    if (passed > 0 && i < before.destinations.size() && !sample.draining && !sample.staying) {
      const std::uint64_t sent = now.released - before.destinations[i].released;
      line += "  " +
              FormatCount(static_cast<std::uint64_t>(
                  std::llround(static_cast<double>(sent) * 1e9 / static_cast<double>(passed)))) +
              "/s";
    }
    if (now.readers) {
      line += "  " + FormatCount(now.readers->clients) +
              (now.readers->clients == 1 ? " client  " : " clients  ") +
              FormatCount(now.readers->handed) + " handed";
    } else if (now.acked < now.released) {
      line += "  " + FormatCount(now.released - now.acked - now.lost) + " not acknowledged yet";
    }
    if (now.lost > 0 && !now.readers) line += "  " + FormatCount(now.lost) + " lost";
    if (now.behind_ns >= 10'000'000 && !sample.draining && !sample.staying) {
      line += "  " + Behind(now.behind_ns);
    }
  }
  if (sample.draining) line += "  flushing";
  if (sample.staying) line += "  serving";
  if (!sample.beside.empty()) line += "  " + sample.beside;
  return line;
}

Progress::Style Progress::StyleFor(bool quiet, int descriptor, const char* term) {
  if (quiet) return Style::kQuiet;
  const bool capable = term != nullptr && *term != '\0' && std::strcmp(term, "dumb") != 0;
  return capable && isatty(descriptor) == 1 ? Style::kLive : Style::kLines;
}

void Progress::Show(const ProgressSample& sample, std::int64_t now_ns) {
  if (style_ == Style::kQuiet) return;
  const std::lock_guard lock(mutex_);
  if (!shown_any_) {
    // The first sample only starts the time.
    shown_any_ = true;
    shown_ns_ = now_ns;
    shown_ = sample;
    return;
  }
  if (!Due(now_ns)) return;
  WriteLine(ProgressLine(sample, shown_), now_ns);
  shown_ = sample;
}

void Progress::Show(std::string_view line, std::int64_t now_ns) {
  if (style_ == Style::kQuiet) return;
  const std::lock_guard lock(mutex_);
  if (Due(now_ns)) WriteLine(std::string(line), now_ns);
}

bool Progress::Due(std::int64_t now_ns) const {
  return now_ns - shown_ns_ >= (style_ == Style::kLive ? kLiveNs : kLineNs);
}

void Progress::WriteLine(std::string line, std::int64_t now_ns) {
  if (style_ == Style::kLive) {
    winsize size{};
    if (ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 &&
        line.size() >= size.ws_col) {
      line.resize(size.ws_col - 1u);  // a wrapped line could not be rewritten
    }
    Write("\r" + line + "\x1b[K");
    live_ = true;
  } else {
    Write(line + "\n");
  }
  shown_ns_ = now_ns;
}

void Progress::Say(std::string_view line) {
  const std::lock_guard lock(mutex_);
  Clear();
  Write(std::string(line) + "\n");
}

void Progress::Note(std::string_view line) {
  if (style_ != Style::kQuiet) Say(line);
}

void Progress::Finish() {
  const std::lock_guard lock(mutex_);
  Clear();
}

void Progress::Clear() {
  if (live_) Write("\r\x1b[K");
  live_ = false;
}

// Best effort: where stderr is gone, nobody reads it.
void Progress::Write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t n = write(descriptor_, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace playload
