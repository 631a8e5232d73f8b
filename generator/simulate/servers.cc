// What a server reports.

#include <algorithm>

#include "generator/simulate/open_lane.h"

namespace playload {

// One metric of a server: what its players cost, drift, noise, and the incidents of its region.
void OpenLane::Measure(Actor* actor, std::uint16_t number, std::uint64_t made, Record* record) {
  auto& s = actor->server;
  const std::uint64_t server = number_ * model_->servers_per_lane() + actor->entity;
  const unsigned region = s.region;
  const std::uint64_t r = DrawAt(EntityKey(model_->seed_key, server), ++s.step, Purpose::kServer);

  const int busy = std::clamp(s.online * 100 / model_->full_online, 0, 100);
  const auto wander = [](std::uint8_t& drift, unsigned bits) {
    drift = static_cast<std::uint8_t>(std::clamp(drift + static_cast<int>(bits % 3) - 1, 0, 12));
  };
  wander(s.cpu_drift, r & 255);
  wander(s.memory_drift, r >> 8 & 255);
  // Without incidents: at most 12 + 45 + 12 + 8 = 77 and 30 + 25 + 12 + 4 = 71 percent.
  int cpu = 12 + busy * 45 / 100 + s.cpu_drift + static_cast<int>((r >> 16 & 255) % 9);
  int memory = 30 + busy * 25 / 100 + s.memory_drift + static_cast<int>((r >> 24 & 255) % 5);
  int latency =
      20 + static_cast<int>(region) * 7 + busy / 2 + static_cast<int>((r >> 32 & 255) % 21);

  if (!model_->overload.empty()) {
    const std::int64_t now = InstantOf(made);
    for (const OverloadIncident& incident : model_->overload) {
      std::int64_t into = 0;
      if (incident.region >= 0 && static_cast<unsigned>(incident.region) != region) continue;
      if (!Active(incident.window, now, &into)) continue;
      // Height in 1/1024: up over the ramp, down over the ramp before the end.
      std::int64_t height = 1024;
      if (into < incident.ramp_ns) height = into * 1024 / incident.ramp_ns;
      if (incident.window.lasts_ns > 0) {
        const std::int64_t left = incident.window.lasts_ns - into;
        if (left < incident.ramp_ns) height = std::min(height, left * 1024 / incident.ramp_ns);
      }
      const int h = static_cast<int>(height);
      cpu = std::min(cpu + incident.cpu * h / 1024, std::max(cpu, incident.cap));
      memory = std::min(memory + incident.memory * h / 1024, std::max(memory, incident.cap));
      latency += incident.latency * h / 1024;
    }
  }

  if (model_->server_scripts) FollowScript(actor, made, &cpu, &memory, &latency);

  record->life = 0;
  record->session = region;
  record->entity = actor->entity;
  record->action = Action::kServerMetric;
  record->flags = actor->flags;
  record->a = static_cast<std::uint8_t>(std::clamp(cpu, 0, 100));
  record->b = static_cast<std::uint8_t>(std::clamp(memory, 0, 100));
  record->c = static_cast<std::uint16_t>(std::clamp(latency, 0, 60'000));
  if (actor->script > 0) {
    Await(actor, number, made, model_->scripts[actor->script - 1u], actor->server.script_step,
          model_->report_ticks);
  } else {
    Insert(actor, number, model_->report_ticks);
  }
}

}  // namespace playload
