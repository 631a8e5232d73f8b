// StreamTables: all that is fixed once a run's spec is: made once, shared by whoever makes its
// events again at other places than the stream itself.
//
// Threads: constant after construction. Ownership: neither copied nor moved (the encoder and
// cursors point into it).

#pragma once

#include "generator/encode/dataflow.h"
#include "generator/pace/plan.h"
#include "generator/simulate/model.h"
#include "generator/stream/layout.h"
#include "generator/stream/spec.h"

namespace playload {

struct StreamTables {
  explicit StreamTables(const RunSpec& run_spec)
      : spec(run_spec),
        model(run_spec.scenario, run_spec.seed, run_spec.start_ns),
        plan(run_spec.scenario.plan),
        layout(model.lanes(), run_spec.shard, run_spec.shards, run_spec.end),
        encoder(model, EncoderOptionsOf(run_spec)) {}
  StreamTables(const StreamTables&) = delete;
  StreamTables& operator=(const StreamTables&) = delete;

  const RunSpec spec;
  const Model model;
  const Plan plan;
  const Layout layout;
  const DataflowEncoder encoder;
};

}  // namespace playload
