// Who comes and who goes.

#include <algorithm>
#include <cstring>

#include "generator/simulate/open_lane.h"

namespace playload {

void OpenLane::Begin() {
  std::memset(lane_, 0, sizeof(Lane));
  for (std::size_t k = 0; k < model_->fraud.size(); ++k) {
    const std::uint64_t r = DrawAt(EntityKey(model_->seed_key, number_), k, Purpose::kLane);
    lane_->fraud_sum[k] = static_cast<std::uint32_t>(r);
    lane_->fraud_turn[k] = static_cast<std::uint8_t>(
        Below(static_cast<std::uint32_t>(r >> 32),
              static_cast<std::uint32_t>(model_->fraud[k].personas.size())));
  }
  lane_->due_made = Lane::kNoneDue;
  for (std::size_t k = 0; k < model_->probes.size(); ++k) {
    constexpr std::uint64_t kProbes = kMaxIncidents;  // steps before are of fraud
    const std::uint64_t r =
        DrawAt(EntityKey(model_->seed_key, number_), kProbes + k, Purpose::kLane);
    // Of a probe with a rate: how many scripts were begun.
    lane_->probe_sum[k] = model_->probes[k].milli_rate > 0 ? 0 : static_cast<std::uint32_t>(r);
    lane_->probe_turn[k] = static_cast<std::uint16_t>(
        Below(static_cast<std::uint32_t>(r >> 32), model_->probes[k].scripts));
  }
  // Servers are the first actors, for ever.
  lane_->high = model_->servers_per_lane();
  for (std::uint32_t s = 0; s < model_->ServersIn(number_); ++s) {
    const std::uint64_t server = number_ * model_->servers_per_lane() + s;
    const std::uint64_t r = DrawAt(EntityKey(model_->seed_key, server), 0, Purpose::kServer);
    Actor& a = lane_->actors()[s];
    a = Actor{};
    a.server.region = model_->RegionOf(server);
    a.server.cpu_drift = a.server.memory_drift = 6;
    a.flags = model_->VirtualServer(server) ? Record::kVirtual : 0;
    a.entity = static_cast<std::uint16_t>(s);
    a.row = kServerActor;
    Insert(&a, static_cast<std::uint16_t>(s + 1),
           1 + Below(static_cast<std::uint32_t>(r >> 32), model_->report_ticks));
  }
  Welcome();
}

// The first sessions of the block that begins now. A place is written when its time comes: a lane
// comes to life in 2 us however many players it has, and 100 M players cost nothing in advance.
void OpenLane::Welcome() {
  const std::uint64_t block = lane_->slot >> 6;
  const std::uint32_t players = model_->PlayersIn(number_);
  const std::uint64_t lane_draw = LaneDraw();
  std::uint32_t upto = players;
  if (block + 1 < model_->first_sessions.size()) {
    const std::uint64_t share = model_->first_sessions[block + 1].share_before;
    upto =
        static_cast<std::uint32_t>((share * players + static_cast<std::uint32_t>(lane_draw)) >> 32);
  }
  const Choice& choice =
      model_->first_session_choices
          [model_->first_sessions[std::min<std::uint64_t>(block, model_->first_sessions.size() - 1)]
               .choice];
  const auto now = static_cast<std::uint32_t>(lane_->slot << kSlotShift);
  for (; lane_->newcomers < upto; ++lane_->newcomers) {
    const std::uint32_t i = NewcomersPlace(lane_draw, lane_->newcomers, players);
    const std::uint64_t r = DrawAt(KeyOf(i), 0, Purpose::kFirstSession);
    Place& p = places_[i];
    p = Place{};
    p.session = ~std::uint32_t{0};
    p.traits.persona = model_->mix_persona[choice.Pick(static_cast<std::uint32_t>(r >> 32))] & 31u;
    p.traits.leaves = 1;  // the first session begins a life
    Wake(i, now + static_cast<std::uint32_t>(r & ((1u << kBlockShift) - 1)));
  }
}

// Somebody is about to begin a session, in one of the next kSlots slots: an actor for them.
void OpenLane::Wake(std::uint32_t place, std::uint32_t at) {
  const std::uint16_t number = TakeActor();
  Actor& a = ActorOf(number);
  a = Actor{};
  a.entity = static_cast<std::uint16_t>(place);
  a.row = kBegins;
  a.until = at;
  ToSlot(&a, number);
}

// The persona of an active fraud incident whose turn it is, or -1.
int OpenLane::FraudEpisode(std::uint64_t made) {
  const std::int64_t now = InstantOf(made);
  for (std::size_t k = 0; k < model_->fraud.size(); ++k) {
    std::int64_t into = 0;
    if (!Active(model_->fraud[k].window, now, &into)) continue;
    // Every 1/share-th session, not a draw: a share of 5 % is met over any 20 sessions.
    const std::uint32_t before = lane_->fraud_sum[k];
    lane_->fraud_sum[k] += model_->fraud_share[k];
    if (lane_->fraud_sum[k] >= before) continue;
    const std::vector<int>& personas = model_->fraud[k].personas;
    const int persona = personas[lane_->fraud_turn[k]];
    lane_->fraud_turn[k] = static_cast<std::uint8_t>((lane_->fraud_turn[k] + 1u) % personas.size());
    return persona;
  }
  return -1;
}

// Begins a session at a place: of the player who is there, of a new one when the former left for
// good, or of a new player of a fraud incident that is active and whose turn it is.
void OpenLane::StartSession(Actor* actor, std::uint64_t made) {
  const std::uint32_t place = actor->entity;
  Place& p = places_[place];
  ++p.session;
  const int episode = model_->fraud.empty() ? -1 : FraudEpisode(made);
  const int script = episode >= 0 || model_->probes.empty() ? -1 : ScriptTurn(false, made);
  if (p.traits.leaves || episode >= 0 || script >= 0) {
    const std::uint64_t r = DrawAt(KeyOf(place), p.session, Purpose::kPersona);
    // The first life's persona goes with its time.
    const unsigned persona =
        episode >= 0 ? static_cast<unsigned>(episode)
        : p.session == 0
            ? p.traits.persona
            : model_->mix_persona[model_->mix.Pick(static_cast<std::uint32_t>(r >> 32))];
    p.traits = Traits{};
    p.fraud = FraudState{};
    p.traits.persona = persona & 31;
    p.traits.console = static_cast<std::uint32_t>(r) < model_->console_below;
    p.traits.episode = episode >= 0 || script >= 0;
    p.level = 1;
    p.map = 0;
  } else {
    ++p.traits.age;
  }
  actor->player.life = p.session - p.traits.age;
  actor->player.session = p.session;
  actor->player.draw = KeyOf(place) + (std::uint64_t{p.session} << 16) * kDrawStep;
  actor->flags = p.traits.console ? Record::kConsole : 0;
  actor->row = static_cast<std::uint16_t>(p.traits.persona * kRowStates + kOffline);
  actor->level = p.level;
  actor->map = p.map;
  ++ServerOf(place).server.online;
  if (script >= 0) {
    actor->scripted.step = 0;
    actor->script = static_cast<std::uint16_t>(script);
    actor->row = kScripted;
  }
}

void OpenLane::EndSession(Actor* actor, std::uint16_t number, std::uint32_t gap_ticks) {
  const std::uint32_t place = actor->entity;
  Place& p = places_[place];
  --ServerOf(place).server.online;
  const PersonaTables& tables = model_->personas[p.traits.persona];
  const auto draw =
      static_cast<std::uint32_t>(DrawAt(KeyOf(place), p.session, Purpose::kLife) >> 32);
  p.traits.leaves =
      p.traits.episode || tables.one_session || p.traits.age == 254 || draw < tables.leave_below;
  p.level = actor->level & 63;
  p.map = actor->map & 3;
  if (gap_ticks < 1u << kBlockShift) {
    actor->row = kBegins;
    Insert(actor, number, gap_ticks);
    return;
  }
  const std::uint64_t now = lane_->slot << kSlotShift;
  const std::uint32_t into_slot = actor->until & ((1u << kSlotShift) - 1);
  InsertPlace(place, now + into_slot + gap_ticks);
  actor->next = lane_->free;
  lane_->free = number;
}

}  // namespace playload
