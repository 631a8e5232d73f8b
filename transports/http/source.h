// Source: everything from which the events of a run can be had, once its clock is set: the newest
// blocks, older ones, and those of the polled endpoints.
//
// Threads: made by the sender; window and progress are written by it and read by the reactor; the
// rest is the reactor's, as each header says.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>

#include "generator/stream/stream.h"
#include "generator/stream/tables.h"
#include "transports/http/history.h"
#include "transports/http/live_window.h"
#include "transports/http/poll_source.h"

namespace playload {

struct Source {
  static constexpr std::uint64_t kSnapshotBytes = std::uint64_t{128} << 20;

  Source(const RunSpec& spec, std::int64_t zero, StampLog* stamp_log,
         const std::function<void()>& history_ready, const std::function<void()>& polls_ready)
      : tables(spec),
        zero_ns(zero),
        paced(spec.clock == Clock::kLive && !spec.rate_max),
        snapshots(kSnapshotBytes),
        history(tables, stamp_log, &snapshots, History::Options{}, history_ready),
        polls(tables, polls_ready) {}

  const StreamTables tables;
  const std::int64_t zero_ns;  // the run's start on the steady clock
  const bool paced;            // else the fastest reader is the pace
  Snapshots snapshots;
  LiveWindow window;
  History history;
  PollSource polls;

  // Of the events before window.head(): how many of each kind, and one past the ordinal of the
  // latest (0: none yet). Written by the sender.
  std::array<std::atomic<std::uint64_t>, kKinds> released{};
  std::array<std::atomic<Ordinal>, kKinds> latest{};
  // The latest group of events that was released, after the planned instant of its first.
  std::atomic<std::int64_t> behind_ns{0};
  // Since it was looked at last, events were released long after their instant: a start in the past
  // is made up for, as fast as it goes.
  std::atomic<bool> raced{false};
};

}  // namespace playload
