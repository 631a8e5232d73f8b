#include "generator/run/progress.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

ProgressSample At(std::int64_t elapsed_ns, std::uint64_t released, std::uint64_t acked) {
  ProgressSample sample;
  sample.elapsed_ns = elapsed_ns;
  sample.length_ns = 20 * kSecond;
  sample.events = 400'000;
  sample.destinations = {{"null", released, acked, 0, 0}};
  return sample;
}

// What a Progress writes, through a pipe.
struct Pipe {
  Pipe() { REQUIRE(pipe(ends.data()) == 0); }
  ~Pipe() {
    if (ends[1] >= 0) close(ends[1]);
    close(ends[0]);
  }
  std::string Read() {
    close(ends[1]);
    ends[1] = -1;
    std::string text;
    std::array<char, 4'096> part{};
    for (ssize_t n = 0; (n = read(ends[0], part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(n));
    }
    return text;
  }
  std::array<int, 2> ends{};
};

}  // namespace

TEST_CASE("Progress: a line says time, events, rate and what is not acknowledged") {
  CHECK(ProgressLine(At(12 * kSecond, 240'000, 239'000), At(11 * kSecond, 220'000, 219'000)) ==
        "0:12 of 0:20  240,000 of 400,000 events  20,000/s  1,000 not acknowledged yet");
}

TEST_CASE("Progress: losses, lateness, waiting for the start and the end have their words") {
  ProgressSample sample = At(12 * kSecond, 240'000, 239'000);
  sample.destinations[0].lost = 30;
  sample.destinations[0].behind_ns = 2'500'000'000;
  const std::string line = ProgressLine(sample, At(11 * kSecond, 220'000, 0));
  CHECK(line.find("970 not acknowledged yet") != std::string::npos);
  CHECK(line.find("30 lost") != std::string::npos);
  CHECK(line.find("late 2.5 s") != std::string::npos);
  CHECK(ProgressLine(At(-90 * kSecond, 0, 0), At(-91 * kSecond, 0, 0)) == "starts in 1:30");
  sample.draining = true;
  CHECK(ProgressLine(sample, At(11 * kSecond, 220'000, 0)).ends_with("flushing"));
}

TEST_CASE(
    "Progress: what runs beside has the last word, and lines of its own when the run is over") {
  ProgressSample sample = At(12 * kSecond, 240'000, 240'000);
  sample.beside = "verify: 7 matched";
  CHECK(ProgressLine(sample, At(11 * kSecond, 220'000, 0)).ends_with("/s  verify: 7 matched"));
  Pipe pipe;
  Progress progress(Progress::Style::kLines, pipe.ends[1]);
  progress.Show(sample, 0);
  progress.Show(sample, 10 * kSecond);
  progress.Show("verify: 8 matched", 19 * kSecond);  // too soon
  progress.Show("verify: 9 matched", 20 * kSecond);
  const std::string text = pipe.Read();
  CHECK(text.ends_with("verify: 7 matched\nverify: 9 matched\n"));
}

TEST_CASE("Progress: a server's readers are counted, and nobody there is no loss") {
  ProgressSample sample = At(12 * kSecond, 240'000, 100);
  sample.destinations[0].lost = 7;
  sample.destinations[0].readers = ProgressSample::Readers{3, 1'234};
  CHECK(ProgressLine(sample, At(11 * kSecond, 220'000, 0)) ==
        "0:12 of 0:20  240,000 of 400,000 events  20,000/s  3 clients  1,234 handed");
  sample.staying = true;
  sample.destinations[0].readers->clients = 1;
  CHECK(ProgressLine(sample, At(11 * kSecond, 220'000, 0)) ==
        "0:12  240,000 of 400,000 events  1 client  1,234 handed  serving");
}

TEST_CASE("Progress: several destinations are named") {
  ProgressSample sample = At(kSecond, 10, 10);
  sample.destinations.push_back({"file:out", 7, 7, 0, 0});
  const std::string line = ProgressLine(sample, sample);
  CHECK(line.find("null: 10 of") != std::string::npos);
  CHECK(line.find("file:out: 7 of") != std::string::npos);
}

TEST_CASE(
    "Progress: elsewhere than on a terminal a line every ten seconds, without control bytes") {
  Pipe pipe;
  {
    Progress progress(Progress::Style::kLines, pipe.ends[1]);
    for (int tenth = 0; tenth <= 250; ++tenth) {
      progress.Show(At(tenth * kSecond / 10, 0, 0), tenth * kSecond / 10);
    }
    progress.Say("said");
  }
  const std::string text = pipe.Read();
  CHECK(text ==
        "0:10 of 0:20  0 of 400,000 events  0/s\n0:20 of 0:20  0 of 400,000 events  0/s\nsaid\n");
}

TEST_CASE("Progress: the live line is rewritten and cleared for what is said") {
  Pipe pipe;
  {
    Progress progress(Progress::Style::kLive, pipe.ends[1]);
    progress.Show(At(0, 0, 0), 0);
    progress.Show(At(kSecond, 0, 0), kSecond);
    progress.Say("said");
    progress.Show(At(2 * kSecond, 0, 0), 2 * kSecond);
  }
  CHECK(pipe.Read() ==
        "\r0:01 of 0:20  0 of 400,000 events  0/s\x1b[K\r\x1b[Ksaid\n"
        "\r0:02 of 0:20  0 of 400,000 events  0/s\x1b[K\r\x1b[K");
}

TEST_CASE("Progress: quiet says only what must be said") {
  Pipe pipe;
  {
    Progress progress(Progress::Style::kQuiet, pipe.ends[1]);
    progress.Show(At(0, 0, 0), 0);
    progress.Show(At(30 * kSecond, 0, 0), 30 * kSecond);
    progress.Note("a note");
    progress.Say("a warning");
  }
  CHECK(pipe.Read() == "a warning\n");
}

TEST_CASE("Progress: what is no terminal, or a dumb one, gets lines") {
  Pipe pipe;
  CHECK(Progress::StyleFor(false, pipe.ends[1], "xterm") == Progress::Style::kLines);
  CHECK(Progress::StyleFor(false, pipe.ends[1], nullptr) == Progress::Style::kLines);
  CHECK(Progress::StyleFor(true, pipe.ends[1], "xterm") == Progress::Style::kQuiet);
}

}  // namespace playload
