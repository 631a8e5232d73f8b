// Who follows a probe's script, and when.

#include <algorithm>

#include "generator/base/wide.h"
#include "generator/simulate/open_lane.h"

namespace playload {
namespace {

constexpr std::uint32_t kTurnTicks = 8;  // between two steps that do not wait: 1 s
constexpr std::uint64_t kDueMask = (std::uint64_t{1} << 48) - 1;
constexpr std::uint32_t kGapTicks = 28'800;  // after a script, on average: 1 h
constexpr std::uint64_t kNsPerKs = 1'000'000'000'000;

// How long a window has been open: `into` this time, and before. `since_first`: since it opened
// first.
std::int64_t OpenFor(const Window& window, std::int64_t since_first, std::int64_t into) {
  if (window.every_ns == 0) return into;
  return since_first / window.every_ns * window.lasts_ns + into;
}

}  // namespace

// The script of an active probe whose turn it is, index into Model::scripts, or -1.
int OpenLane::ScriptTurn(bool server, std::uint64_t made) {
  const std::int64_t now = InstantOf(made);
  for (std::size_t k = 0; k < model_->probes.size(); ++k) {
    const Probe& probe = model_->probes[k];
    std::int64_t into = 0;
    if (probe.server != server || !Active(probe.window, now, &into)) continue;
    const std::uint32_t before = lane_->probe_sum[k];
    if (probe.milli_rate > 0) {
      // Script i of all lanes is due when the probe has been active for i / rate, in lane i %
      // lanes.
      const auto open =
          static_cast<std::uint64_t>(OpenFor(probe.window, now - probe.window.at_ns, into));
      const auto latest = static_cast<std::uint64_t>(
          Wide{open} * static_cast<std::uint64_t>(probe.milli_rate) / kNsPerKs);
      const std::uint64_t next = before * model_->lanes() + number_;
      if (next > latest) continue;
      ++lane_->probe_sum[k];
      // Few lanes have an event at an edge of the clock: these are to have all scripts in turn.
      const std::uint64_t turn = probe.by_clock ? before + number_ : next;
      return static_cast<int>(probe.first_script + turn % probe.scripts);
    }
    lane_->probe_sum[k] += probe.share;
    if (lane_->probe_sum[k] >= before) continue;
    const unsigned turn = lane_->probe_turn[k];
    lane_->probe_turn[k] = static_cast<std::uint16_t>((turn + 1) % probe.scripts);
    return static_cast<int>(probe.first_script + turn);
  }
  return -1;
}

// A turn of somebody who follows a script: begins the session, takes a step, or ends the session.
void OpenLane::Play(Actor* actor, std::uint16_t number, std::uint64_t made, Record* record) {
  const std::vector<ScriptStep>& steps = model_->scripts[actor->script];
  const std::size_t step = actor->scripted.step;
  record->life = actor->scripted.life;
  record->session = actor->scripted.session;
  record->entity = actor->entity;
  record->flags = actor->flags;
  record->action = step == 0 ? Action::kSessionStart : Action::kSessionEnd;
  record->a = actor->level;
  record->b =
      static_cast<std::uint8_t>((actor->level - 1) * model_->maps_per_level + actor->map + 1);
  record->c = 0;
  // Who waited for an instant has not been in the wheel.
  actor->until = static_cast<std::uint32_t>(lane_->slot << kSlotShift);
  if (step > steps.size()) {
    const auto draw = static_cast<std::uint32_t>(
        DrawAt(KeyOf(actor->entity), actor->scripted.session, Purpose::kPersona) >> 32);
    EndSession(actor, number, kGapTicks / 2 + Below(draw, kGapTicks));
    return;
  }
  if (step > 0) {
    const ScriptStep& played = steps[step - 1];
    PlayStep(actor, played, record);
    if (played.later > 0 && !played.adjacent) {
      actor->scripted.due = DueAfter(made, steps[played.later - 1u]) & kDueMask;
    }
  }
  actor->scripted.step = (step + 1) & 0xFFFFu;
  Await(actor, number, made, steps, step, kTurnTicks);
}

// Sees to it that the actor's turn comes when step `step` (an index; behind the last one: the end)
// is to be: in so many ticks where it does not wait.
void OpenLane::Await(Actor* actor, std::uint16_t number, std::uint64_t made,
                     const std::vector<ScriptStep>& steps, std::size_t step, std::uint32_t ticks) {
  if (step < steps.size()) {
    const ScriptStep& next = steps[step];
    if (next.together) return WaitFor(actor, number, made + 1);
    if (next.clock_ns > 0) return PlayAtClock(actor, number, made, next);
    if (next.wait_ns > 0) return PlayLater(actor, number, made, next);
    if (next.later > 0) return PlayBefore(actor, number, made, steps[next.later - 1u]);
  }
  Insert(actor, number, ticks);
}

void OpenLane::PlayStep(Actor* actor, const ScriptStep& step, Record* record) {
  Place& p = places_[actor->entity];
  record->action = step.action;
  switch (step.action) {
    case Action::kLevelComplete:
      if (actor->level < model_->levels) ++actor->level;
      break;
    case Action::kPurchase: {
      const std::uint64_t identity =
          DrawAt(KeyOf(actor->entity), actor->scripted.life, Purpose::kIdentity);
      const unsigned own =
          model_->currency_of[model_->currencies.Pick(static_cast<std::uint32_t>(identity))];
      const unsigned currency = step.b == ScriptStep::kFree ? own : step.b;
      const unsigned item = step.a == ScriptStep::kFree
                                ? kFirstItem[static_cast<unsigned>(ItemType::kPotion)]
                                : step.a;
      p.traits.refundable = 1;
      p.traits.item = item & 31;
      p.traits.currency = currency & 15;
      Put(Action::kPurchase, item, currency, p.fraud.Observe(currency), record);
      break;
    }
    case Action::kRefund:
      Refund(*actor, true, record);
      break;
    default:
      break;
  }
}

// The lane's record whose planned instant is the right one for a step that waits from now on.
std::uint64_t OpenLane::DueAfter(std::uint64_t made, const ScriptStep& next) const {
  return Clock().EndOf(made, {next.wait_ns, next.within});
}

// The record that somebody waits for. A server keeps the low half of its number, where its turn in
// the wheel would be.
std::uint64_t OpenLane::DueOf(const Actor& actor) const {
  if ((actor.row & kServerActor) == 0) return actor.scripted.due;
  return lane_->made + (actor.until - static_cast<std::uint32_t>(lane_->made));
}

// Whether somebody waits for that record of the lane, or for one before it with steps for the
// records up to it.
bool OpenLane::Taken(std::uint64_t made) const {
  for (std::uint16_t n = lane_->due; n != 0; n = ActorOf(n).next) {
    const Actor& actor = ActorOf(n);
    const std::uint64_t due = DueOf(actor);
    if (due > made) return false;
    const bool server = (actor.row & kServerActor) != 0;
    const std::size_t step = server ? actor.server.script_step : actor.scripted.step - 1u;
    const std::vector<ScriptStep>& steps = model_->scripts[actor.script - (server ? 1u : 0u)];
    const std::uint64_t last = step < steps.size() ? due + steps[step].rest : due;
    if (last >= made) return true;
  }
  return false;
}

// The next steps, `next` and so many more as are together with it, take the records that end with
// one at an edge of the clock.
void OpenLane::PlayAtClock(Actor* actor, std::uint16_t number, std::uint64_t made,
                           const ScriptStep& next) {
  const auto free = [&](std::uint64_t last) {
    for (std::uint64_t i = last - next.rest; i <= last; ++i) {
      if (Taken(i)) return false;
    }
    return true;
  };
  const ClockEdge edge{next.clock_ns, next.shift_ns};
  const std::uint64_t last = Clock().AtClock(made + 1 + next.rest, edge, model_->start_ns, free);
  WaitFor(actor, number, last - next.rest);
}

// The next step waits for an instant: it takes the lane's record of that instant, whatever the
// wheel says meanwhile. When that record is taken already, the next one that is free on the same
// side of the instant; when it is past, the next one there is.
void OpenLane::PlayLater(Actor* actor, std::uint16_t number, std::uint64_t made,
                         const ScriptStep& next) {
  std::uint64_t due = next.from > 0 ? actor->scripted.due : DueAfter(made, next);
  if (next.within) {
    while (due > made && Taken(due)) --due;
  }
  if (due <= made || !next.within) {
    due = std::max(due, made + 1);
    while (Taken(due)) ++due;
  }
  WaitFor(actor, number, due);
}

// Step `later` waits from the next one, which takes a record from which that wait ends at its edge.
void OpenLane::PlayBefore(Actor* actor, std::uint16_t number, std::uint64_t made,
                          const ScriptStep& later) {
  const LaneWait wait{later.wait_ns, later.within};
  std::uint64_t due = Clock().BestStart(
      made + 1, wait, [&](std::uint64_t i) { return !Taken(i) && !Taken(Clock().EndOf(i, wait)); });
  while (Taken(due)) ++due;
  WaitFor(actor, number, due);
}

void OpenLane::WaitFor(Actor* actor, std::uint16_t number, std::uint64_t due) {
  if ((actor->row & kServerActor) != 0) {
    actor->until = static_cast<std::uint32_t>(due);
  } else {
    actor->scripted.due = due & kDueMask;
  }
  std::uint16_t* link = &lane_->due;
  while (*link != 0 && DueOf(ActorOf(*link)) < due) link = &ActorOf(*link).next;
  actor->next = *link;
  *link = number;
  lane_->due_made = DueOf(ActorOf(lane_->due));
}

// The record at hand belongs to the first of those who wait.
void OpenLane::PlayDue(Record* record) {
  const std::uint16_t number = lane_->due;
  Actor& actor = ActorOf(number);
  lane_->due = actor.next;
  lane_->due_made = lane_->due == 0 ? Lane::kNoneDue : DueOf(ActorOf(lane_->due));
  if ((actor.row & kServerActor) != 0) {
    actor.until = static_cast<std::uint32_t>(lane_->slot << kSlotShift);
    Measure(&actor, number, lane_->made, record);
  } else {
    Play(&actor, number, lane_->made, record);
  }
  ++lane_->made;
}

// A metric of a server that follows a script, or begins one.
void OpenLane::FollowScript(Actor* actor, std::uint64_t made, int* cpu, int* memory, int* latency) {
  if (actor->script == 0) {
    const int script = ScriptTurn(true, made);
    if (script < 0) return;
    actor->script = static_cast<std::uint16_t>(script + 1);
    actor->server.script_step = 0;
    // This metric is none of a script that begins with a wait.
    if (model_->scripts[static_cast<std::size_t>(script)].front().clock_ns > 0) return;
  }
  const std::vector<ScriptStep>& steps = model_->scripts[actor->script - 1u];
  const ScriptStep& step = steps[actor->server.script_step];
  *cpu = step.a;
  *memory = step.b;
  *latency = step.c;
  if (++actor->server.script_step == steps.size()) actor->script = 0;
}

}  // namespace playload
