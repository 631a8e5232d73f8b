#include "generator/simulate/fault_rules.h"

#include "generator/base/wide.h"
#include "generator/simulate/model.h"

namespace playload {
namespace {

// Of a range, evenly, from 64 random bits.
std::int64_t Between(std::int64_t least, std::int64_t most, std::uint64_t random) {
  const auto width = static_cast<std::uint64_t>(most - least) + 1;
  return least + static_cast<std::int64_t>(static_cast<std::uint64_t>(Wide{random} * width >> 64));
}

bool Meets(const FaultIncident& incident, Kind kind, std::int64_t instant) {
  std::int64_t into = 0;
  return (incident.of >> static_cast<unsigned>(kind) & 1) != 0 &&
         Active(incident.window, instant, &into);
}

}  // namespace

FaultRules::FaultRules(const Scenario& scenario, std::uint64_t seed_key, std::uint64_t lanes)
    : seed_key_(seed_key), lanes_(lanes), incidents_(scenario.faults) {
  for (unsigned i = 0; i < incidents_.size(); ++i) {
    const FaultIncident& incident = incidents_[i];
    shares_.push_back((static_cast<std::uint64_t>(incident.share_parts) << 32) / kProbabilityOne);
    total_[static_cast<unsigned>(incident.kind)] += shares_.back();
    if (incident.kind == FaultKind::kClockSkew) skews_.push_back(i);
  }
  total_change_ = total_[static_cast<unsigned>(FaultKind::kLate)] +
                  total_[static_cast<unsigned>(FaultKind::kCorrupt)];
}

std::uint64_t FaultRules::ShareOf(FaultKind fault, Kind kind, std::int64_t instant) const {
  std::uint64_t share = 0;
  for (std::size_t i = 0; i < incidents_.size(); ++i) {
    if (incidents_[i].kind == fault && Meets(incidents_[i], kind, instant)) share += shares_[i];
  }
  return share;
}

FaultRules::Change FaultRules::ChangeOf(std::uint64_t lane, std::uint64_t index, Kind kind,
                                        std::int64_t instant) const {
  const std::uint64_t r = DrawAt(Key(lane), index, Purpose::kFaultChange);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < incidents_.size(); ++i) {
    const FaultIncident& incident = incidents_[i];
    const bool late = incident.kind == FaultKind::kLate;
    if ((!late && incident.kind != FaultKind::kCorrupt) || !Meets(incident, kind, instant)) {
      continue;
    }
    below += shares_[i];
    if (Low(r) >= below) continue;
    if (late) return {Fault::What::kLate, static_cast<unsigned>(i)};
    // The n-th of those that are asked for.
    unsigned count = 0;
    for (unsigned how = 0; how < kCorruptions; ++how) count += incident.how >> how & 1u;
    unsigned n = Below(static_cast<std::uint32_t>(r >> 32), count);
    unsigned how = 0;
    while ((incident.how >> how & 1u) == 0 || n-- > 0) ++how;
    return {Fault::What::kCorrupt, how};
  }
  return {};
}

std::uint32_t FaultRules::SkewsOf(std::uint64_t server, unsigned region,
                                  std::int64_t instant) const {
  std::uint32_t skews = 0;
  for (const std::uint64_t i : skews_) {
    const FaultIncident& incident = incidents_[i];
    if (incident.region >= 0 && static_cast<unsigned>(incident.region) != region) continue;
    if (!Meets(incident, Kind::kServer, instant)) continue;
    const std::uint64_t r = DrawAt(EntityKey(seed_key_, server), 2 * i, Purpose::kFaultSkew);
    skews |= std::uint32_t{Low(r) < shares_[i]} << i;
  }
  return skews;
}

std::int64_t FaultRules::Delay(std::uint64_t lane, std::uint64_t index, unsigned incident) const {
  const FaultIncident& late = incidents_[incident];
  return Between(late.by_least_ns, late.by_most_ns, DrawAt(Key(lane), index, Purpose::kFaultDelay));
}

std::int64_t FaultRules::Skew(std::uint64_t server, std::uint32_t skews) const {
  std::int64_t sum = 0;
  for (const std::uint64_t i : skews_) {
    if ((skews >> i & 1) == 0) continue;
    const std::uint64_t key = EntityKey(seed_key_, server);
    const std::int64_t by = Between(incidents_[i].by_least_ns, incidents_[i].by_most_ns,
                                    DrawAt(key, 2 * i + 1, Purpose::kFaultSkew));
    // The highest bit of the draw that says whether it is shifted at all: which way.
    sum += (DrawAt(key, 2 * i, Purpose::kFaultSkew) >> 63) != 0 ? by : -by;
  }
  return sum;
}

}  // namespace playload
