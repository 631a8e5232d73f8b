#include "generator/measure/report.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace playload {
namespace {

Figures Row(BenchStage stage, std::string label, double rate) {
  Figures row;
  row.stage = stage;
  row.label = std::move(label);
  row.bytes_per_event = stage == BenchStage::kSimulate ? 0 : 250;
  row.Add(static_cast<std::uint64_t>(rate), 1'000'000'000, 500'000'000);
  return row;
}

BenchReport Report() {
  BenchReport report;
  report.machine.cpu = "Abacus 3000";
  report.machine.cores = 4;
  report.machine.cpu_quota = 1.5;
  report.machine.memory_bytes = std::uint64_t{2} << 30;
  report.machine.kernel = "Linux 6 x86_64";
  report.machine.load_average = 3.5;
  report.rows = {Row(BenchStage::kYardstick, "RapidJSON's Writer", 2'000'000),
                 Row(BenchStage::kSimulate, "simulate", 30'000'000),
                 Row(BenchStage::kGenerate, "generate, 1 thread", 10'000'000),
                 Row(BenchStage::kGenerate, "generate, 3 threads", 27'000'000),
                 Row(BenchStage::kFile, "into files", 4'000'000),
                 Row(BenchStage::kKafka, "kafka://b:9092", 123'456)};
  report.rows[3].threads = 3;
  report.rows[4].plain = PlainLoop{{2e9, 1e9, 3e9}};
  return report;
}

BenchOptions Options() {
  BenchOptions options;
  options.run.spec.scenario.name = "steady";
  options.run.spec.scenario.population.players = 10'000;
  options.run.spec.seed = 1;
  options.run.threads = 3;
  options.run.destinations.topics = {{"player-events", "mine"}};
  return options;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Bench report: three digits, and each stage beside the yardstick") {
  const std::string text = BenchText(Options(), Report(), std::nullopt);
  CAPTURE(text);
  CHECK(Has(text, "steady, 10,000 players, seed 1; 2s a stage\n"));
  CHECK(Has(text, "Abacus 3000, 4 cores (1.5 of them allowed), 2 GiB, Linux 6 x86_64; playload"));
  CHECK(Has(text,
            "\nsimulate               30,000,000   30,000,000   30,000,000        -     0.017"
            "     15.0\n"));
  CHECK(Has(text,
            "\nkafka://b:9092            123,000      123,000      123,000     30.9     4.050"
            "     0.06\n"));
  CHECK(Has(text, "\n3 threads make 2.70x of what one makes\n"));
  CHECK(Has(text, "\ninto files: 0.50x of a plain loop of write()"));
  CHECK(Has(text, "2,000 MB/s"));
  CHECK(Has(text, "kafka://b:9092: its events stay in mine, purchase-events, server-metrics"));
  CHECK_FALSE(Has(text, "busy"));
  CHECK_FALSE(Has(text, "planned"));
}

TEST_CASE("Bench report: what limits a plan") {
  const BenchReport report = Report();
  const std::string text = BenchText(Options(), report, FindLimits(200'000, 3, report.rows));
  CAPTURE(text);
  CHECK(Has(text, "\nplanned: 200,000 events/s, 50.0 MB/s; it fits into\n"));
  CHECK(Has(text, "generate, 3 threads          135x\n"));
  CHECK(Has(text,
            "kafka://b:9092              0.62x  limits the run: it would send at most "
            "123,000/s\n"));
  CHECK_FALSE(Has(text, "none of them"));
  const std::string small = BenchText(Options(), report, FindLimits(1'000, 3, report.rows));
  CHECK(Has(small,
            "none of them limits this plan; the first that would, kafka://b:9092, does at "
            "123,000/s\n"));
}

TEST_CASE("Bench report: a stage that failed says why") {
  BenchReport report = Report();
  report.rows[4].slices.clear();
  report.rows[4].status = {Code::kDestination, "disk full"};
  const std::string text = BenchText(Options(), report, FindLimits(1'000, 3, report.rows));
  CAPTURE(text);
  CHECK(Has(text, "\ninto files           failed: disk full\n"));
  CHECK(Has(text, "into files           not known\n"));
  CHECK_FALSE(Has(text, "plain loop"));
  CHECK(RowLine(report.rows[4]) == "into files: disk full");
  CHECK(RowLine(report.rows[1]) == "simulate: 30,000,000 events/s");
}

TEST_CASE("Bench report: a busy machine is said, by whom") {
  BenchReport report = Report();
  report.rows[1].load = {1'000, 40, 0};
  report.rows[4].load = {1'000, 900, 0};  // a disk's threads are no strangers
  CHECK(BusyNote(report).empty());
  report.rows[2].load = {1'000, 700, 200};
  CHECK(BusyNote(report) ==
        "the machine was busy: 37 % of its CPU time was taken by others, 10 % by other virtual "
        "machines; its load average was 3.50 before. Idle, it is faster than this\n");
  report.rows[2].load = {};
  report.rows[0].waited = 0.21;
  report.machine.load_average.reset();
  CHECK(BusyNote(report) ==
        "the machine was busy: a thread with work to do had no core for up to 21 % of the time. "
        "Idle, it is faster than this\n");
}

}  // namespace playload
