// Progress: what a run does, on stderr: one live line on a terminal, rewritten several times a
// second; elsewhere (a file, TERM=dumb) a line every 10 s. Other lines may be said in between.
//
// Threads: any; lines never mix.

#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace playload {

struct ProgressSample {
  struct Readers {
    std::uint64_t clients = 0;  // open streams
    std::uint64_t handed = 0;   // events, over all of them
  };
  struct Destination {
    std::string to;
    std::uint64_t released = 0;
    std::uint64_t acked = 0;
    std::uint64_t lost = 0;  // failed, unknown, shed
    std::int64_t behind_ns = 0;
    std::optional<Readers> readers = {};  // of a server; nobody there is no loss
  };
  std::int64_t elapsed_ns = 0;  // since the run's start; negative while it waits for it
  std::int64_t length_ns = 0;   // planned; 0: unknown
  std::uint64_t events = 0;     // planned in all; 0: unknown
  bool draining = false;        // all is sent, acknowledgements are awaited
  bool staying = false;         // all is sent, servers stay up
  std::vector<Destination> destinations;
  std::string beside;  // what runs beside it says of itself; may be empty
};

// One line without newline: "0:12 of 0:20  240,000 of 400,000 events  20,012/s  late 0.2 ms". The
// rate is that of the first destination since `before`.
std::string ProgressLine(const ProgressSample& sample, const ProgressSample& before);

class Progress {
 public:
  enum class Style { kQuiet, kLines, kLive };

  // From the environment and what `descriptor` is.
  static Style StyleFor(bool quiet, int descriptor, const char* term);

  Progress(Style style, int descriptor) : style_(style), descriptor_(descriptor) {}
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows the sample when its time has come; `now_ns` of the steady clock.
  void Show(const ProgressSample& sample, std::int64_t now_ns);
  // The same of a line that needs no sample.
  void Show(std::string_view line, std::int64_t now_ns);
  // A line of its own (without newline), also when quiet: what must be said.
  void Say(std::string_view line);
  // The same, not when quiet.
  void Note(std::string_view line);
  // Clears the live line.
  void Finish();

  [[nodiscard]] Style style() const { return style_; }

 private:
  void Clear();  // mutex held, this and the next two
  [[nodiscard]] bool Due(std::int64_t now_ns) const;
  void WriteLine(std::string line, std::int64_t now_ns);
  void Write(std::string_view text) const;

  const Style style_;
  const int descriptor_;
  std::mutex mutex_;   // guards what follows
  bool live_ = false;  // the live line is on the terminal
  bool shown_any_ = false;
  std::int64_t shown_ns_ = 0;
  ProgressSample shown_;
};

}  // namespace playload
