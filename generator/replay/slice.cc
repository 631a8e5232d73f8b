#include "generator/replay/slice.h"

#include <algorithm>
#include <utility>

#include "generator/base/text.h"
#include "generator/replay/lane_pieces.h"
#include "generator/rules/json_text.h"
#include "generator/stream/skip.h"

namespace playload {
namespace {

// A lane alone is skipped in slices of so many runs.
constexpr std::uint64_t kLaneSliceRuns = 256;
constexpr std::size_t kSinkBytes = std::size_t{64} << 10;
// Of the original generator's world, which has one lane.
constexpr std::uint64_t kCompatServers = 3;

// Gathers lines for a sink.
class Lines {
 public:
  explicit Lines(const ExpectedLines::Sink& sink) : sink_(sink) {}

  bool Add(std::string_view text) {
    text_.append(text);
    return text_.size() < kSinkBytes || Flush();
  }
  bool Flush() {
    if (going_ && !text_.empty()) going_ = sink_(text_);
    text_.clear();
    return going_;
  }

 private:
  const ExpectedLines::Sink& sink_;
  std::string text_;
  bool going_ = true;
};

// Those of a lane among the first `runs` of the shard, where it is the `rel`-th of `lanes`.
std::uint64_t RunsOfLane(std::uint64_t runs, std::uint64_t rel, std::uint64_t lanes) {
  return runs > rel ? (runs - rel + lanes - 1) / lanes : 0;
}

}  // namespace

Result<RunInstant> ParseRunInstant(std::string_view text) {
  RunInstant instant;
  if (text.starts_with('+')) {
    const Result<std::int64_t> offset = ParseDuration(text.substr(1));
    if (!offset) return offset.error();
    instant.from_start = true;
    instant.ns = *offset;
    return instant;
  }
  const Result<std::int64_t> utc = ParseInstant(text);
  if (!utc) {
    return Invalid(Quoted(text) +
                   " is neither an instant like 2026-01-01T00:00:05Z nor a time from the run's "
                   "start like +90s");
  }
  instant.ns = *utc;
  return instant;
}

Result<SliceEntity> ParseSliceEntity(const StreamTables& tables, const std::string& id) {
  const Model& model = tables.model;
  const IdForm players("player", tables.spec.id_prefix);
  const IdForm servers("server", "");
  SliceEntity who;
  const std::optional<std::uint64_t> player = players.Number(id);
  const std::optional<std::uint64_t> server = servers.Number(id);
  who.server = server.has_value();
  who.number = player ? *player : server.value_or(0);
  const std::uint64_t all_servers = model.compat ? kCompatServers : model.servers();
  if (who.number == 0 || (who.server && who.number > all_servers)) {
    return Invalid(Quoted(id) + " is no player or server of this run; ids look like " +
                   players.head() + "1, or server_1" +
                   (who.server ? " to server_" + std::to_string(all_servers) : ""));
  }
  if (who.server && model.compat) {
    who.index = static_cast<std::uint32_t>(who.number - 1);
  } else if (who.server) {
    who.lane = (who.number - 1) / model.servers_per_lane();
    who.index = static_cast<std::uint32_t>((who.number - 1) % model.servers_per_lane());
  } else {
    const std::uint64_t place = (who.number - 1) % model.players();
    who.lane = place / model.lane_players();
    who.index = static_cast<std::uint32_t>(place % model.lane_players());
    who.life = (who.number - 1) / model.players();
  }
  const RunSpec& spec = tables.spec;
  if (who.lane % spec.shards != spec.shard) {
    return Invalid(id + " is in shard " + std::to_string(who.lane % spec.shards) + " of " +
                   std::to_string(spec.shards) + ", and this run is shard " +
                   std::to_string(spec.shard));
  }
  return who;
}

SliceWalk::SliceWalk(const Replay& replay, const Arrivals& arrivals, Slice slice, bool state,
                     Checkpoints* checkpoints)
    : replay_(replay),
      tables_(replay.tables()),
      arrivals_(arrivals),
      slice_(std::move(slice)),
      state_(state),
      checkpoints_(checkpoints) {}

// The first event of the shard that is not before an instant.
std::uint64_t SliceWalk::OrdinalOf(const RunInstant& instant) const {
  const RunSpec& spec = tables_.spec;
  const Layout& layout = tables_.layout;
  const std::uint64_t all = layout.OrdinalAt(layout.end());
  if (spec.rate_max) {
    // What is further from the start than instants reach is behind every event.
    std::int64_t utc = instant.ns;
    if (instant.from_start && __builtin_add_overflow(spec.start_ns, instant.ns, &utc)) return all;
    const std::vector<std::int64_t>& stamps = replay_.stamps();
    const auto batch = std::lower_bound(stamps.begin(), stamps.end(), utc);
    if (batch == stamps.end()) return all;
    return std::min(all, static_cast<std::uint64_t>(batch - stamps.begin()) * kBatchEvents);
  }
  const std::int64_t since = instant.from_start ? instant.ns : instant.ns - spec.start_ns;
  const Position position = since <= 0 ? 0 : tables_.plan.DueBefore(since);
  return position >= layout.end() ? all : layout.OrdinalAt(position);
}

Status SliceWalk::FindRange() {
  const Layout& layout = tables_.layout;
  if (layout.lanes() == 0) return {};  // an empty shard
  end_ = slice_.to ? OrdinalOf(*slice_.to) : layout.OrdinalAt(layout.end());
  begin_ = slice_.from ? std::min(OrdinalOf(*slice_.from), end_) : 0;
  from_start_ = state_ && begin_ > 0 &&
                (tables_.model.compat || !tables_.spec.scenario.faults.empty() ||
                 arrivals_.LostBefore(Kind::kPurchase, layout.PositionOf(begin_)));
  return {};
}

Status SliceWalk::Walk(const Visitor& visit) {
  std::optional<SliceEntity> who;
  if (!slice_.id.empty()) {
    const Result<SliceEntity> parsed = ParseSliceEntity(tables_, slice_.id);
    if (!parsed) return parsed.error();
    who = *parsed;
  }
  if (replay_.polled()) {
    if (slice_.from || slice_.to || !who) {
      return Invalid(
          "the instants of polled events are those of their requests, which nobody knows: --from "
          "and --to are for what was streamed");
    }
    return WalkPolled(*who, visit);
  }
  if (Status s = FindRange(); !s.ok()) return s;
  if (begin_ == end_) return {};
  return who ? WalkEntity(*who, visit) : WalkTime(visit);
}

bool SliceWalk::Is(const SliceEntity& who, const Record& record, std::uint64_t lane) const {
  const bool server = KindOf(record.action) == Kind::kServer;
  return lane == who.lane && server == who.server && record.entity == who.index &&
         (server || tables_.encoder.PlayerNumber(record, lane) == who.number);
}

std::int64_t SliceWalk::StampOf(std::uint64_t run) const {
  const std::vector<std::int64_t>& stamps = replay_.stamps();
  if (stamps.empty()) return 0;
  return stamps[std::min<std::uint64_t>(run / kBatchRuns, stamps.size() - 1)];
}

void SliceWalk::KeepPast(const Lanes& lanes) {
  copy_ = lanes.Copy();
  past_ = std::make_unique<Past>(tables_.model, copy_);
}

std::vector<Record> SliceWalk::Before(const Record& purchase, std::uint64_t lane) {
  if (past_ == nullptr) return {};
  return past_->Purchases(lane, purchase.entity, purchase.life);
}

Status SliceWalk::WalkPolled(const SliceEntity& who, const Visitor& visit) {
  return replay_.Walk([&](const ReplayedRun& run) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      if (!Is(who, run.records[i], run.lane)) continue;
      if (!visit({run.records + i, 1, run.lane, run.first + i, run.stamp_ns}, true)) return false;
    }
    return true;
  });
}

// All lanes, from the nearest checkpoint on.
Status SliceWalk::WalkTime(const Visitor& visit) {
  const Layout& layout = tables_.layout;
  const std::uint64_t batch_run = begin_ / kBatchEvents * kBatchRuns;
  std::function<std::uint64_t(Lanes*)> begin;
  if (batch_run > 0 && !from_start_) {
    begin = [&](Lanes* lanes) {
      const std::uint64_t nearest =
          checkpoints_ == nullptr ? 0 : checkpoints_->Restore(batch_run, lanes);
      SkipRuns(layout, nearest, batch_run, replay_.threads(), lanes);
      if (state_) KeepPast(*lanes);
      return batch_run;
    };
  }
  return replay_.WalkFrom(begin, [&](const ReplayedRun& run) {
    const std::uint64_t ordinal = layout.OrdinalAt(run.first);
    if (ordinal >= end_) return false;
    const auto before = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(run.count, begin_ > ordinal ? begin_ - ordinal : 0));
    const auto upto =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(run.count, end_ - ordinal));
    if (before > 0 && !visit({run.records, before, run.lane, run.first, run.stamp_ns}, false)) {
      return false;
    }
    return before == upto ||
           visit({run.records + before, upto - before, run.lane, run.first + before, run.stamp_ns},
                 true);
  });
}

// One lane alone, in pieces from one checkpoint to the next. They also say between which of them a
// player is there at all.
Status SliceWalk::WalkEntity(const SliceEntity& who, const Visitor& visit) {
  const Layout& layout = tables_.layout;
  const Model& model = tables_.model;
  const std::uint64_t rel = who.lane / tables_.spec.shards;
  const bool from_start = from_start_ && !who.server;
  const std::uint64_t first = RunsOfLane(begin_ / kRunLength, rel, layout.lanes());
  std::uint64_t last = RunsOfLane((end_ + kRunLength - 1) / kRunLength, rel, layout.lanes());
  Lanes lanes(model, static_cast<std::int64_t>(who.lane));
  if (!lanes.ok()) return {Code::kInternal, "out of memory"};

  std::vector<LanePiece> pieces(1);  // from the lane's first event on
  for (std::size_t i = 0; checkpoints_ != nullptr && i < checkpoints_->size(); ++i) {
    const std::uint64_t there = RunsOfLane(checkpoints_->run(i), rel, layout.lanes());
    if (!checkpoints_->RestoreLane(i, who.lane, &lanes)) continue;
    LanesCopy copy = lanes.Copy();
    bool begun = true;
    if (!who.server && !model.compat) {
      const std::optional<Past::Life> life = Past(model, copy).LifeAt(who.lane, who.index);
      if (life && (life->number > who.life || (life->number == who.life && life->over))) {
        last = std::min(last, there);  // nothing comes of this player any more
        break;
      }
      begun = life && life->number == who.life;
    }
    const bool start = !begun || (there <= first && !from_start);
    if (start) pieces.clear();
    if (start || there < last) pieces.push_back({there, std::move(copy)});
    if (there >= last) break;
  }
  if (last <= first) return {};  // it was over before the slice begins
  LanePiece& front = pieces.front();
  if (front.begin >= last) return {};  // it begins after the slice
  lanes.Restore(front.lanes);
  if (front.begin < first && !from_start) {
    std::vector<Record> thrown_away(kLaneSliceRuns * kRunLength);
    while (front.begin < first) {
      const std::uint64_t runs = std::min(first - front.begin, kLaneSliceRuns);
      lanes.Simulate(who.lane, thrown_away.data(), static_cast<std::uint32_t>(runs * kRunLength));
      front.begin += runs;
    }
    front.lanes = lanes.Copy();
  }
  if (state_ && front.begin > 0 && !who.server && !model.compat) KeepPast(lanes);
  return WalkLane(model, {who.lane, who.server, who.index}, pieces, last, replay_.threads(),
                  [&](const Record& record, std::uint64_t index) {
                    if (!Is(who, record, who.lane)) return true;  // another life at the place
                    const std::uint64_t run = index / kRunLength * layout.lanes() + rel;
                    const std::uint64_t ordinal = run * kRunLength + index % kRunLength;
                    if (ordinal >= end_) return false;
                    const Position position = layout.RunAt(run).first + index % kRunLength;
                    return visit({&record, 1, who.lane, position, StampOf(run)}, ordinal >= begin_);
                  });
}

RuleState& SliceOracle::Known(const Record& record, std::uint64_t lane) {
  const auto [user, first] = users_.try_emplace(facts_.Player(record, lane));
  if (first && walk_ != nullptr) {
    for (const Record& earlier : walk_->Before(record, lane)) {
      Observe(facts_.Purchase(earlier, lane), &user->second);
    }
  }
  return user->second;
}

PurchaseOutputs SliceOracle::Observe(const PurchaseFacts& facts, RuleState* state) {
  const PurchaseOutputs outputs = oracle_.Purchase(facts);
  state->total = outputs.total_amount;
  state->count = outputs.transaction_count;
  state->currencies |= std::uint32_t{1} << facts.currency;
  return outputs;
}

SliceOracle::Answer SliceOracle::Purchase(const Record& record, std::uint64_t lane) {
  RuleState& state = Known(record, lane);
  Answer answer;
  answer.facts = facts_.Purchase(record, lane);
  answer.before = state;
  answer.outputs = Observe(answer.facts, &state);
  answer.after = state;
  return answer;
}

RuleState SliceOracle::StateOf(const Record& record, std::uint64_t lane) {
  return Known(record, lane);
}

Status WriteSliceExpected(const Replay& replay, const Arrivals& arrivals, const Slice& slice,
                          Checkpoints* checkpoints, std::string_view id_prefix,
                          std::optional<OutputKind> only, const ExpectedLines::Sink& sink) {
  ExpectedLines lines(IdForm("player", id_prefix), only, sink);
  const bool purchases =
      lines.Wants(OutputKind::kAggregates) || lines.Wants(OutputKind::kFraudAlerts);
  SliceWalk walk(replay, arrivals, slice, purchases, checkpoints);
  SliceOracle oracle(replay, &walk);
  RecordFacts facts(replay);
  const auto rare = [&](const ReplayedRun& run, std::uint32_t i, bool inside) {
    const Record& record = run.records[i];
    if (KindOf(record.action) == Kind::kPurchase) {
      if (!purchases) return true;
      const SliceOracle::Answer answer = oracle.Purchase(record, run.lane);
      return !inside || lines.Purchase(answer.facts.user, answer.outputs);
    }
    const ServerFacts server = RecordFacts::Server(record);
    if (!inside || !lines.Wants(OutputKind::kServerAlerts) ||
        !ServerAlert(server.cpu_load, server.memory_usage)) {
      return true;
    }
    const RecordFacts::Line line = facts.Text(run, i);
    return lines.ServerAlert(line.key, line.value);
  };
  Status walked = walk.Walk([&](const ReplayedRun& run, bool inside) {
    const bool certain = arrivals.AllCertain(run.first, run.first + run.count - 1);
    bool going = true;
    for (std::uint32_t i = 0; i < run.count && going; ++i) {
      const Record& record = run.records[i];
      const Kind kind = KindOf(record.action);
      if (!certain && arrivals.Of(kind, run.first + i) == Arrival::kNever) continue;
      if (!RecordFacts::Valid(record)) continue;
      going = kind == Kind::kPlayer ? !inside || lines.Summary(facts.Player(record, run.lane))
                                    : rare(run, i, inside);
    }
    return going;
  });
  if (!walked.ok()) return walked;
  lines.Flush();
  return {};
}

Status WriteSliceEvents(const Replay& replay, const Arrivals& arrivals, const Slice& slice,
                        Checkpoints* checkpoints, const std::array<std::string, kKinds>& topics,
                        const ExpectedLines::Sink& sink) {
  SliceWalk walk(replay, arrivals, slice, false, checkpoints);
  RecordFacts facts(replay);
  Lines lines(sink);
  std::string text;
  Status walked = walk.Walk([&](const ReplayedRun& run, bool inside) {
    for (std::uint32_t i = 0; inside && i < run.count; ++i) {
      const Kind kind = KindOf(run.records[i].action);
      const RecordFacts::Line line = facts.Text(run, i);
      const Arrival arrival = arrivals.Of(kind, run.first + i);
      text = "{\"position\":" + std::to_string(run.first + i) + ",\"topic\":\"" +
             topics[static_cast<std::size_t>(kind)] + "\",\"key\":\"";
      text += line.key;
      text += arrival == Arrival::kCertain ? "\","
              : arrival == Arrival::kNever ? "\",\"arrived\":\"no\","
                                           : "\",\"arrived\":\"unknown\",";
      text += "\"value\":";
      if (RecordFacts::Valid(run.records[i]) && !IsFaulty(run.records[i])) {
        text += line.value;
      } else {
        // As it was sent, which may be no JSON: a text.
        AppendJsonText(AsAscii(facts.Sent(run, i)), &text);
      }
      text += "}\n";
      if (!lines.Add(text)) return false;
    }
    return true;
  });
  if (!walked.ok()) return walked;
  lines.Flush();
  return {};
}

}  // namespace playload
