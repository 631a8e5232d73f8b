#include "generator/simulate/fault_lane.h"

namespace playload {

FaultLane::FaultLane(const Model& model, std::uint64_t number, OpenLane* lane, std::byte* memory)
    : model_(model),
      rules_(model.faults),
      number_(number),
      lane_(*lane),
      past_(*reinterpret_cast<Past*>(memory)),
      buyers_(reinterpret_cast<Buyer*>(memory + sizeof(Past))),
      index_(lane->made()) {}

void FaultLane::Simulate(Record* out, std::uint32_t count) {
  std::uint32_t n = 0;
  while (n < count) {
    std::uint32_t to = n;
    while (to < count && !rules_.MayMove(number_, index_ + (to - n))) ++to;
    SimulatePlain(out + n, to - n);
    n = to;
    if (n < count) SimulateMoved(out + n++);
  }
}

// Positions at which the simulation's next event is sent, whatever it is.
void FaultLane::SimulatePlain(Record* out, std::uint32_t count) {
  if (count == 0) return;
  lane_.SimulateAlone(out, count);
  for (std::uint32_t i = 0; i < count; ++i) Finish(out + i, 0);
}

// A position at which an earlier event may be sent again, or the next one be lost.
void FaultLane::SimulateMoved(Record* out) {
  const std::int64_t instant = lane_.InstantOf(index_);
  if (!lane_.due() && Repeat(index_, instant, out)) {
    lane_.set_made(index_ + 1);
    Answer(out, FaultOf(*out).valid());
    Remember(*out, true);
    return;
  }
  std::uint32_t lost = 0;
  for (unsigned nth = 0;; ++nth) {
    lane_.SimulateAlone(out, 1);
    const Kind kind = KindOf(out->action);
    if (nth == kMostDrops || !rules_.Drops(number_, index_, nth, kind, instant)) break;
    lost = lost << 2 | (static_cast<std::uint32_t>(kind) + 1);
    lane_.set_made(index_);  // the next one is for the same position
  }
  Finish(out, lost);
}

bool FaultLane::Repeat(std::uint64_t index, std::int64_t instant, Record* out) {
  unsigned distance = rules_.Repeated(number_, index);
  if (distance == 0) return false;
  // What is a repetition itself is passed over: the one before it then.
  const auto at = [&] { return static_cast<unsigned>((index - distance) % kMostDistance); };
  while (distance <= index && (past_.repeats >> at() & 1) != 0) {
    if (++distance > kMostDistance) return false;
  }
  if (distance > index) return false;
  const Record& original = past_.records[at()];
  const Kind kind = KindOf(original.action);
  if (!rules_.Repeats(number_, index, kind, instant)) return false;
  Fault fault;
  if (IsFaulty(original)) fault = FaultOf(original);
  // Somebody else plays at that place by now, and has bought something: the former player's
  // purchases are not known any more.
  if (kind == Kind::kPurchase && fault.valid() && buyers_[original.entity].life != original.life) {
    return false;
  }
  const std::uint32_t bits = static_cast<std::uint32_t>(Fault::What::kDuplicate) |
                             (distance - 1) << 2 | static_cast<std::uint32_t>(fault.what) << 6 |
                             fault.detail << 8 | fault.skews << 16;
  *out = WithFault(PlainOf(original), bits);
  return true;
}

// What becomes of a new event on its way. `lost`: the kinds of those before it.
void FaultLane::Finish(Record* record, std::uint32_t lost) {
  const Kind kind = KindOf(record->action);
  std::uint32_t bits = lost << 6;
  bool valid = true;
  if (rules_.MayChange(number_, index_)) {
    const FaultRules::Change change =
        rules_.ChangeOf(number_, index_, kind, lane_.InstantOf(index_));
    bits |= static_cast<std::uint32_t>(change.what) | change.detail << 2;
    valid = change.what != Fault::What::kCorrupt ||
            static_cast<Corruption>(change.detail) == Corruption::kUnknownField;
  }
  if (kind == Kind::kServer && rules_.skews()) {
    const std::uint64_t server = number_ * model_.servers_per_lane() + record->entity;
    bits |= rules_.SkewsOf(server, record->session, lane_.InstantOf(index_)) << 16;
  }
  if (bits != 0) *record = WithFault(*record, bits);
  Answer(record, valid);
  Remember(*record, false);
}

// What the fraud rule says of a purchase that arrives.
void FaultLane::Answer(Record* record, bool valid) {
  if (KindOf(record->action) != Kind::kPurchase) return;
  constexpr unsigned kAlertBits = 3u << Record::kAlertShift;
  unsigned flags = record->flags & ~kAlertBits;
  if (valid) {
    Buyer& buyer = buyers_[record->entity];
    if (buyer.life != record->life) buyer = {record->life, {}};
    flags |= static_cast<unsigned>(buyer.fraud.Observe(record->b)) << Record::kAlertShift;
  }
  record->flags = static_cast<std::uint8_t>(flags);
}

void FaultLane::Remember(const Record& record, bool repeat) {
  const auto at = static_cast<unsigned>(index_ % kMostDistance);
  past_.records[at] = record;
  past_.repeats = (past_.repeats & ~(std::uint64_t{1} << at)) | std::uint64_t{repeat} << at;
  ++index_;
}

}  // namespace playload
