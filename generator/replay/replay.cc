#include "generator/replay/replay.h"

#include <algorithm>
#include <utility>

#include "generator/encode/dataflow.h"
#include "generator/event/catalog.h"
#include "generator/event/fault.h"
#include "generator/stream/stream.h"

namespace playload {

namespace {

RunSpec Unpaced(RunSpec spec, bool polled) {
  if (polled) {
    spec.end = RunSpec::kNoEnd;  // who polls makes the plan
    spec.rate_max = false;       // its stamps are those of the stream
  }
  spec.clock = spec.rate_max ? spec.clock : Clock::kVirtual;  // nothing waits here
  return spec;
}

}  // namespace

Replay::Replay(RunSpec spec, std::vector<std::int64_t> stamps,
               const std::optional<std::array<std::uint64_t, kKinds>>& polled, int threads)
    : tables_(std::make_unique<StreamTables>(Unpaced(std::move(spec), polled.has_value()))),
      stamps_(std::move(stamps)),
      polled_(polled),
      threads_(threads) {}

Status Replay::Walk(const Visitor& visit) const {
  if (!polled_) return WalkFrom({}, visit);
  std::array<std::uint64_t, kKinds> left = *polled_;
  std::uint64_t all = left[0] + left[1] + left[2];
  if (all == 0) return {};
  return WalkFrom({}, [&](const ReplayedRun& run) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      std::uint64_t& of_kind = left[static_cast<std::size_t>(KindOf(run.records[i].action))];
      if (of_kind == 0) continue;
      --of_kind;
      if (!visit({run.records + i, 1, run.lane, run.first + i, run.stamp_ns}) || --all == 0) {
        return false;
      }
    }
    return true;
  });
}

Status Replay::WalkFrom(const std::function<std::uint64_t(Lanes*)>& begin,
                        const Visitor& visit) const {
  StampLog log(stamps_);
  StreamOptions options;
  options.threads = threads_;
  options.records = true;
  options.begin = begin;
  options.stamps = tables_->spec.rate_max ? &log : nullptr;
  Stream stream(tables_->spec, options);
  if (Status started = stream.Start(); !started.ok()) return started;
  while (Batch* batch = stream.Next()) {
    std::uint32_t at = 0;
    for (const Position first : batch->runs) {
      const std::uint32_t count = std::min(kRunLength, batch->count - at);
      if (!visit({&batch->records[at], count, first / kRunLength % tables_->model.lanes(), first,
                  batch->stamp_ns})) {
        return {};
      }
      at += count;
    }
    stream.Recycle(batch);
  }
  return {};
}

RecordFacts::RecordFacts(const Replay& replay)
    : tables_(replay.tables()),
      time_(tables_.plan, tables_.spec.start_ns, tables_.spec.timestamp_form),
      line_(kMaxLine + kSlack) {}

PurchaseFacts RecordFacts::Purchase(const Record& record, std::uint64_t lane) const {
  PurchaseFacts facts;
  facts.user = Player(record, lane);
  facts.currency = record.b;
  if (tables_.model.compat) {
    facts.decimals = 2;
    facts.minor_units = record.c;
  } else {
    facts.decimals = kCurrencyTable[record.b].decimals;
    facts.minor_units = kPrices[kCatalog[record.a].tier][record.b];
  }
  return facts;
}

RecordFacts::Line RecordFacts::Text(const ReplayedRun& run, std::uint32_t i) {
  return Encode(run, i, WithoutCorruption(run.records[i]));
}

std::string_view RecordFacts::Sent(const ReplayedRun& run, std::uint32_t i) {
  return Encode(run, i, run.records[i]).value;
}

RecordFacts::Line RecordFacts::Encode(const ReplayedRun& run, std::uint32_t i,
                                      const Record& record) {
  if (tables_.spec.rate_max) time_.Fix(run.stamp_ns);
  EventRef ref{};
  DataflowEncoder::Output out{};
  out.begin.fill(line_.data());
  out.end.fill(line_.data());
  out.events = &ref;
  tables_.encoder.EncodeRun(&record, 1, run.lane, run.first + i, time_, false, &out);
  return {{line_.data() + ref.key_begin, ref.key_length},
          {line_.data(), static_cast<std::size_t>(ref.length) - 1}};
}

}  // namespace playload
