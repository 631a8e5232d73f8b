// Who follows a probe's script, and when.

#include <algorithm>

#include "generator/simulate/open_lane.h"

namespace playload {
namespace {

constexpr std::uint32_t kTurnTicks = 8;  // between two steps that do not wait: 1 s
constexpr std::uint64_t kDueMask = (std::uint64_t{1} << 48) - 1;
constexpr std::uint32_t kGapTicks = 28'800;  // after a script, on average: 1 h

}  // namespace

// The script of an active probe whose turn it is, index into Model::scripts, or -1.
int OpenLane::ScriptTurn(bool server, std::uint64_t made) {
  const std::int64_t now = InstantOf(made);
  for (std::size_t k = 0; k < model_->probes.size(); ++k) {
    const Probe& probe = model_->probes[k];
    std::int64_t into = 0;
    if (probe.server != server || !Active(probe.window, now, &into)) continue;
    const std::uint32_t before = lane_->probe_sum[k];
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
    PlayStep(actor, steps[step - 1], record);
    const unsigned later = steps[step - 1].later;
    if (later > 0) actor->scripted.due = DueAfter(made, steps[later - 1]) & kDueMask;
  }
  actor->scripted.step = (step + 1) & 0xFFFFu;
  if (step < steps.size() && steps[step].wait_ns > 0) {
    PlayLater(actor, number, made, steps[step]);
  } else {
    Insert(actor, number, kTurnTicks);
  }
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
  const std::int64_t now = InstantOf(made);
  const std::int64_t at = now > Plan::kNever - next.wait_ns ? Plan::kNever : now + next.wait_ns;
  // The first record at or after the instant: after `low`, not after `high`.
  std::uint64_t low = made;
  std::uint64_t high = made + 1;
  while (InstantOf(high) < at) high += 2 * (high - low);
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (InstantOf(middle) < at ? low : high) = middle;
  }
  return next.within ? low : high;
}

// The next step waits for an instant: it takes the lane's record of that instant, whatever the
// wheel says meanwhile. When that record is taken already, the next one that is free on the same
// side of the instant; when it is past, the next one there is.
void OpenLane::PlayLater(Actor* actor, std::uint16_t number, std::uint64_t made,
                         const ScriptStep& next) {
  const auto taken = [&](std::uint64_t due) {
    for (std::uint16_t n = lane_->due; n != 0; n = ActorOf(n).next) {
      if (ActorOf(n).scripted.due == due) return true;
    }
    return false;
  };
  std::uint64_t due = next.from > 0 ? actor->scripted.due : DueAfter(made, next);
  if (next.within) {
    while (due > made && taken(due)) --due;
  }
  if (due <= made || !next.within) {
    due = std::max(due, made + 1);
    while (taken(due)) ++due;
  }
  actor->scripted.due = due & kDueMask;
  std::uint16_t* link = &lane_->due;
  while (*link != 0 && ActorOf(*link).scripted.due < due) link = &ActorOf(*link).next;
  actor->next = *link;
  *link = number;
  lane_->due_made = ActorOf(lane_->due).scripted.due;
}

// The record at hand belongs to the first of those who wait.
void OpenLane::PlayDue(Record* record) {
  const std::uint16_t number = lane_->due;
  Actor& actor = ActorOf(number);
  lane_->due = actor.next;
  lane_->due_made = lane_->due == 0 ? Lane::kNoneDue : ActorOf(lane_->due).scripted.due;
  Play(&actor, number, lane_->made, record);
  ++lane_->made;
}

// A metric of a server that follows a script, or begins one.
void OpenLane::FollowScript(Actor* actor, std::uint64_t made, int* cpu, int* memory, int* latency) {
  if (actor->script == 0) {
    const int script = ScriptTurn(true, made);
    if (script < 0) return;
    actor->script = static_cast<std::uint16_t>(script + 1);
    actor->server.script_step = 0;
  }
  const std::vector<ScriptStep>& steps = model_->scripts[actor->script - 1u];
  const ScriptStep& step = steps[actor->server.script_step];
  *cpu = step.a;
  *memory = step.b;
  *latency = step.c;
  if (++actor->server.script_step == steps.size()) actor->script = 0;
}

}  // namespace playload
