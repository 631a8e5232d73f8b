#include "generator/simulate/past.h"

#include <cstring>
#include <span>

#include "generator/simulate/open_lane.h"

namespace playload {

void OpenLane::Relive(std::uint32_t place, const Actor* online, std::vector<Record>* out) {
  Place& p = places_[place];
  const Place now = p;
  const std::uint32_t life = now.session - now.traits.age;
  // As StartSession() begins it.
  p.traits = Traits{};
  p.traits.persona = now.traits.persona;
  p.fraud = FraudState{};
  const std::uint64_t key = KeyOf(place);
  for (std::uint32_t session = life;; ++session) {
    Actor a{};
    a.entity = static_cast<std::uint16_t>(place);
    a.player.life = life;
    a.player.session = session;
    a.player.draw = key + (std::uint64_t{session} << 16) * kDrawStep;
    std::uint32_t row = now.traits.persona * kRowStates + kOffline;
    const bool last = session == now.session;
    while (!last || online == nullptr || a.player.draw != online->player.draw) {
      const std::uint64_t r = DrawFrom(a.player.draw);
      a.player.draw += kDrawStep;
      const AliasCell& cell = model_->rows[row].cells[r & (kCells - 1)];
      const bool second = (r >> 4 & 0xFFFFFFu) >= cell.threshold;
      row = (row & ~std::uint32_t{kStateMask}) + cell.to[second];
      const Emit emit = static_cast<Emit>(cell.emit[second]);
      if (emit == Emit::kSessionEnd) break;
      if (emit < Emit::kSessionEnd) continue;
      Record record{};
      record.life = life;
      record.session = session;
      record.entity = a.entity;
      record.flags = now.traits.console ? Record::kConsole : 0;
      Trade(a, emit, &record);
      if (KindOf(record.action) == Kind::kPurchase) out->push_back(record);
    }
    if (last) break;
  }
  p = now;
}

// The same of a script's life, which is one session.
void OpenLane::Replay(const Actor& online, std::vector<Record>* out) {
  Place& p = places_[online.entity];
  const Place now = p;
  p.traits = Traits{};
  p.fraud = FraudState{};
  Actor a = online;
  // Step 0 was the session's beginning, and the one at hand was not taken yet.
  for (std::size_t step = 1; step < online.scripted.step; ++step) {
    Record record{};
    record.life = online.scripted.life;
    record.session = online.scripted.session;
    record.entity = online.entity;
    record.flags = online.flags;
    PlayStep(&a, model_->scripts[online.script][step - 1], &record);
    if (KindOf(record.action) == Kind::kPurchase) out->push_back(record);
  }
  p = now;
}

// Who is at a place, in a lane's bytes, which stand at any address.
struct Past::View {
  Place place;
  std::uint32_t life;
  std::uint32_t high;
  const std::byte* actors;

  [[nodiscard]] Actor ActorAt(std::uint32_t i) const {
    Actor actor;
    std::memcpy(&actor, actors + i * sizeof(Actor), sizeof(actor));
    return actor;
  }
};

struct Past::Room {
  std::vector<Place> places;
};

Past::Past(const Model& model, const LanesCopy& copy)
    : model_(model),
      copy_(copy),
      room_(std::make_unique<Room>(Room{std::vector<Place>(model.lane_players())})) {}

Past::~Past() = default;

// Empty: nobody has been there yet. A place is written when its first session is near, and holds
// anything before that.
std::optional<Past::View> Past::Open(std::uint64_t lane, std::uint32_t place) const {
  const std::span<const std::byte> bytes = copy_.Find(lane);
  if (bytes.empty()) return std::nullopt;
  Lane head;
  std::memcpy(&head, bytes.data(), sizeof(head));
  const std::uint32_t players = model_.PlayersIn(lane);
  if (head.newcomers < players) {
    const std::uint64_t lane_draw = OpenLane(model_, lane, nullptr, nullptr).LaneDraw();
    bool came = false;
    for (std::uint32_t k = 0; k < head.newcomers && !came; ++k) {
      came = OpenLane::NewcomersPlace(lane_draw, k, players) == place;
    }
    if (!came) return std::nullopt;
  }
  View view{};
  view.high = head.high;
  view.actors = bytes.data() + sizeof(Lane);
  std::memcpy(static_cast<void*>(&view.place),
              view.actors + head.high * sizeof(Actor) + place * sizeof(Place), sizeof(Place));
  if (view.place.session == ~std::uint32_t{0}) return std::nullopt;
  view.life = view.place.session - view.place.traits.age;
  return view;
}

std::optional<Past::Life> Past::LifeAt(std::uint64_t lane, std::uint32_t place) const {
  const std::optional<View> view = Open(lane, place);
  if (!view) return std::nullopt;
  return Life{view->life, view->place.traits.leaves != 0};
}

std::vector<Record> Past::Purchases(std::uint64_t lane, std::uint32_t place, std::uint32_t life) {
  std::vector<Record> purchases;
  const std::optional<View> view = Open(lane, place);
  if (!view || view->life != life || view->place.traits.leaves != 0) return purchases;
  // Who is online has an actor in a state of their own, or with a script; one that waits for its
  // session has not begun it, and one that was given back is left in the state behind the last
  // session, or is of an earlier life.
  std::optional<Actor> online;
  for (std::uint32_t i = model_.servers_per_lane(); i < view->high && !online; ++i) {
    const Actor actor = view->ActorAt(i);
    if (actor.entity != place || actor.player.life != life || (actor.row & kBegins) != 0) continue;
    if ((actor.row & kScripted) != 0 || (actor.row & kStateMask) != kOffline) online = actor;
  }
  room_->places[place] = view->place;
  OpenLane lived(model_, lane, nullptr, room_->places.data());
  if (online && (online->row & kScripted) != 0) {
    lived.Replay(*online, &purchases);
  } else {
    lived.Relive(place, online ? &*online : nullptr, &purchases);
  }
  return purchases;
}

}  // namespace playload
