// StreamCheck: holds what one client of /stream_events received against docs/http.md, over all its
// connections: sequence numbers ascend, without holes where nothing was filtered, also across a
// resume; a gap says what it skips; every record is whole.
//
// Threads: a value type, one owner. Cheap enough for millions of events a second.

#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace playload {

// What was wrong. All zero: nothing.
struct StreamFaults {
  std::uint64_t order = 0;  // a number that is not above the one before
  std::uint64_t hole = 0;   // numbers left out without a gap
  std::uint64_t gap = 0;    // a gap that misstates what it skips, or is followed by another event
  std::uint64_t malformed = 0;  // a record of no documented form
  std::uint64_t cut = 0;        // the server ended the stream within a record

  [[nodiscard]] std::uint64_t total() const { return order + hole + gap + malformed + cut; }
  void Add(const StreamFaults& other) {
    order += other.order;
    hole += other.hole;
    gap += other.gap;
    malformed += other.malformed;
    cut += other.cut;
  }
};

class StreamCheck {
 public:
  static constexpr std::array<std::string_view, 3> kReasons = {"window", "slow", "ahead"};

  // `lines`: NDJSON, which has no numbers; else SSE. `whole`: the stream is not filtered.
  StreamCheck(bool lines, bool whole) : lines_(lines), whole_(whole) {}

  // The client has everything up to `position`.
  void StartAfter(std::uint64_t position) { last_ = position, known_ = true; }

  // Takes the whole records at the front of `bytes` and returns how many bytes they are.
  std::size_t Take(std::string_view bytes) { return lines_ ? TakeLines(bytes) : TakeSse(bytes); }

  // A new connection, which goes on behind position().
  void Resume() { gap_next_ = 0; }

  // The server closed the connection, with `left` bytes of an unfinished record.
  void Ended(std::size_t left) {
    if (left > 0) ++faults_.cut;
  }

  // The number of the last event; has_position() is false before the first.
  [[nodiscard]] bool has_position() const { return known_; }
  [[nodiscard]] std::uint64_t position() const { return last_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] const std::array<std::uint64_t, 3>& gaps() const { return gaps_; }
  [[nodiscard]] std::uint64_t missed() const { return missed_; }
  [[nodiscard]] const StreamFaults& faults() const { return faults_; }

 private:
  // One SSE event as its lines come.
  struct Lines {
    std::string_view data, name;
    std::uint64_t id = 0;
    bool has_id = false, has_name = false, other = false, bad = false;
  };

  static bool Number(std::string_view text, std::uint64_t* value) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, *value);
    return read.ec == std::errc() && read.ptr == end;
  }

  static bool IsObject(std::string_view text) {
    return text.size() >= 2 && text.front() == '{' && text.back() == '}';
  }

  std::size_t TakeLines(std::string_view bytes) {
    std::size_t done = 0;
    while (const void* end = std::memchr(bytes.data() + done, '\n', bytes.size() - done)) {
      const auto at = static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data());
      ++events_;
      if (!IsObject(bytes.substr(done, at - done))) ++faults_.malformed;
      done = at + 1;
    }
    return done;
  }

  // An event of the plain form "data: {...}\nid: N\n\n" at the front of `bytes`: its size; 0 when
  // it is anything else, or not all there. Nearly all are of it, and this is a third of the time.
  std::size_t TakePlain(std::string_view bytes) {
    if (!bytes.starts_with("data: {")) return 0;
    const void* found = std::memchr(bytes.data(), '\n', bytes.size());
    if (found == nullptr) return 0;
    const char* at = static_cast<const char*>(found);
    const char* const end = bytes.data() + bytes.size();
    if (at[-1] != '}' || end - at < 8 || std::memcmp(at + 1, "id: ", 4) != 0) return 0;
    at += 5;
    std::uint64_t id = 0;
    const char* const digits = at;
    while (at != end && *at >= '0' && *at <= '9') id = id * 10 + static_cast<unsigned>(*at++ - '0');
    if (at == digits || at - digits > 18 || end - at < 2 || at[0] != '\n' || at[1] != '\n') {
      return 0;
    }
    Numbered(id);
    return static_cast<std::size_t>(at + 2 - bytes.data());
  }

  std::size_t TakeSse(std::string_view bytes) {
    std::size_t done = 0;
    while (const std::size_t size = TakePlain(bytes.substr(done))) done += size;
    std::size_t at = done;
    Lines lines;
    while (const void* found = std::memchr(bytes.data() + at, '\n', bytes.size() - at)) {
      const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
      if (end == at) {  // an empty line: the event is whole
        Event(lines);
        lines = Lines();
        done = end + 1;
        while (const std::size_t size = TakePlain(bytes.substr(done))) done += size;
        at = done;
      } else {
        Line(bytes.substr(at, end - at), &lines);
        at = end + 1;
      }
    }
    return done;
  }

  static void Line(std::string_view line, Lines* lines) {
    if (line.starts_with("data: ")) {
      // The id stands behind the data: a client that is cut off between them repeats, never loses.
      lines->bad |= !lines->data.empty() || lines->has_id;
      lines->data = line.substr(6);
    } else if (line.starts_with("id: ")) {
      lines->bad |= lines->has_id || !Number(line.substr(4), &lines->id);
      lines->has_id = true;
    } else if (line.starts_with("event: ")) {
      lines->bad |= lines->has_name;
      lines->name = line.substr(7);
      lines->has_name = true;
    } else {
      std::uint64_t milliseconds;
      lines->other = true;
      lines->bad |=
          line[0] != ':' && !(line.starts_with("retry: ") && Number(line.substr(7), &milliseconds));
    }
  }

  void Event(const Lines& lines) {
    if (lines.data.empty() && !lines.has_id && !lines.has_name && lines.other && !lines.bad) {
      return;  // a comment or retry
    }
    if (lines.bad || !IsObject(lines.data)) {
      ++faults_.malformed;
      return;
    }
    if (lines.has_name && lines.name == "gap") return Gap(lines);
    if (!lines.has_id) {
      ++faults_.malformed;
      return;
    }
    Numbered(lines.id);
  }

  void Numbered(std::uint64_t id) {
    ++events_;
    if (gap_next_ != 0) {
      // A filter may leave out the event that the gap names.
      if (whole_ ? id != gap_next_ : id < gap_next_) ++faults_.gap;
      gap_next_ = 0;
    } else if (known_ && id <= last_) {
      ++faults_.order;
    } else if (known_ && whole_ && id != last_ + 1) {
      ++faults_.hole;
    }
    last_ = id;
    known_ = true;
  }

  // {"missed":1204,"next":88211,"reason":"slow"}
  void Gap(const Lines& lines) {
    std::string_view rest = lines.data;
    const auto skip = [&rest](std::string_view text) {
      if (!rest.starts_with(text)) return false;
      rest.remove_prefix(text.size());
      return true;
    };
    const auto number = [&rest](std::uint64_t* value) {
      const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), *value);
      if (read.ec != std::errc()) return false;
      rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
      return true;
    };
    std::uint64_t missed = 0, next = 0;
    const bool begun = !lines.has_id && skip("{\"missed\":");
    const bool ahead = begun && skip("null");
    bool good = begun && (ahead || number(&missed)) && skip(",\"next\":") && number(&next) &&
                skip(",\"reason\":\"");
    std::size_t reason = 0;
    while (reason < kReasons.size() && !rest.starts_with(kReasons[reason])) ++reason;
    good = good && reason < kReasons.size() && rest.substr(kReasons[reason].size()) == "\"}";
    if (!good || next == 0) {
      ++faults_.malformed;
      return;
    }
    ++gaps_[reason];
    missed_ += missed;
    // What lies ahead of the run is not missed; all else counts from where the client was. Under a
    // filter that may be behind its last event.
    const std::uint64_t place = gap_next_ != 0 ? gap_next_ - 1 : last_;
    const bool counted = !known_ || (whole_ ? missed == next - 1 - place : missed < next - place);
    if (ahead != (kReasons[reason] == "ahead") || (!ahead && !counted)) ++faults_.gap;
    gap_next_ = next;
  }

  bool lines_;
  bool whole_;
  bool known_ = false;
  std::uint64_t last_ = 0;
  std::uint64_t gap_next_ = 0;  // what the gap before promised; 0: there was none
  std::uint64_t events_ = 0;
  std::uint64_t missed_ = 0;
  std::array<std::uint64_t, 3> gaps_{};
  StreamFaults faults_;
};

}  // namespace playload
