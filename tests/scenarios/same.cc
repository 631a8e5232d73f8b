#include "tests/scenarios/same.h"

#include <bit>
#include <cstdint>
#include <vector>

namespace playload {
namespace {

class Comparison {
 public:
  template <typename T>
  void Field(const std::string& name, const T& a, const T& b) {
    if (!(a == b)) out_ += name + "\n";
  }
  void Field(const std::string& name, double a, double b) {
    if (std::bit_cast<std::uint64_t>(a) != std::bit_cast<std::uint64_t>(b)) out_ += name + "\n";
  }
  template <typename T, typename Each>
  void List(const std::string& name, const std::vector<T>& a, const std::vector<T>& b,
            const Each& each) {
    Field(name + ".size", a.size(), b.size());
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
      each(name + "[" + std::to_string(i) + "]", a[i], b[i]);
    }
  }
  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  std::string out_;
};

void Compare(Comparison* c, const std::string& at, const Dwell& a, const Dwell& b) {
  c->Field(at + ".family", a.family, b.family);
  c->Field(at + ".mean_ms", a.mean_ms, b.mean_ms);
  c->Field(at + ".shape", a.shape, b.shape);
}

void Compare(Comparison* c, const std::string& at, const Window& a, const Window& b) {
  c->Field(at + ".at", a.at_ns, b.at_ns);
  c->Field(at + ".for", a.lasts_ns, b.lasts_ns);
  c->Field(at + ".every", a.every_ns, b.every_ns);
}

void Compare(Comparison* c, const std::string& at, const Persona& a, const Persona& b) {
  c->Field(at + ".name", a.name, b.name);
  c->Field(at + ".about", a.about, b.about);
  c->List(at + ".states", a.states, b.states,
          [&](const std::string& state, const State& x, const State& y) {
            c->Field(state + ".name", x.name, y.name);
            Compare(c, state + ".dwell", x.dwell, y.dwell);
            c->List(state + ".to", x.to, y.to,
                    [&](const std::string& to, const Transition& t, const Transition& u) {
                      c->Field(to + ".to", t.to, u.to);
                      c->Field(to + ".parts", t.parts, u.parts);
                      c->Field(to + ".emit", t.emit, u.emit);
                    });
          });
  Compare(c, at + ".gap", a.gap, b.gap);
  c->Field(at + ".mean_sessions", a.mean_sessions, b.mean_sessions);
  c->Field(at + ".one_session", a.one_session, b.one_session);
  c->Field(at + ".item_weights", a.item_weights, b.item_weights);
}

void Compare(Comparison* c, const Population& a, const Population& b) {
  c->Field("players", a.players, b.players);
  c->List("mix", a.mix, b.mix,
          [&](const std::string& at, const PersonaShare& x, const PersonaShare& y) {
            c->Field(at + ".persona", x.persona, y.persona);
            c->Field(at + ".parts", x.parts, y.parts);
          });
  c->List("currencies", a.currencies, b.currencies,
          [&](const std::string& at, const CurrencyShare& x, const CurrencyShare& y) {
            c->Field(at + ".currency", x.currency, y.currency);
            c->Field(at + ".parts", x.parts, y.parts);
          });
  c->Field("console", a.console_parts, b.console_parts);
  c->Field("levels", a.levels, b.levels);
  c->Field("maps_per_level", a.maps_per_level, b.maps_per_level);
  c->Field("life", a.life_sessions, b.life_sessions);
}

void Compare(Comparison* c, const Servers& a, const Servers& b) {
  c->Field("players_per_server", a.players_per_server, b.players_per_server);
  c->Field("report_every", a.report_every_ms, b.report_every_ms);
  c->List("regions", a.regions, b.regions,
          [&](const std::string& at, const Region& x, const Region& y) {
            c->Field(at + ".name", x.name, y.name);
            c->Field(at + ".parts", x.parts, y.parts);
          });
  c->Field("virtual", a.virtual_parts, b.virtual_parts);
}

}  // namespace

std::string Differences(const Scenario& a, const Scenario& b) {
  Comparison c;
  c.Field("name", a.name, b.name);
  c.Field("about", a.about, b.about);
  c.Field("profile", a.profile, b.profile);
  c.Field("compat", a.compat, b.compat);
  Compare(&c, a.population, b.population);
  Compare(&c, a.servers, b.servers);
  c.List("fraud", a.fraud, b.fraud,
         [&](const std::string& at, const FraudIncident& x, const FraudIncident& y) {
           c.Field(at + ".name", x.name, y.name);
           Compare(&c, at, x.window, y.window);
           c.Field(at + ".share", x.share_parts, y.share_parts);
           c.Field(at + ".personas", x.personas, y.personas);
         });
  c.List("overload", a.overload, b.overload,
         [&](const std::string& at, const OverloadIncident& x, const OverloadIncident& y) {
           c.Field(at + ".name", x.name, y.name);
           Compare(&c, at, x.window, y.window);
           c.Field(at + ".region", x.region, y.region);
           c.Field(at + ".ramp", x.ramp_ns, y.ramp_ns);
           c.Field(at + ".cpu", x.cpu, y.cpu);
           c.Field(at + ".memory", x.memory, y.memory);
           c.Field(at + ".latency", x.latency, y.latency);
           c.Field(at + ".cap", x.cap, y.cap);
         });
  c.List("faults", a.faults, b.faults,
         [&](const std::string& at, const FaultIncident& x, const FaultIncident& y) {
           c.Field(at + ".name", x.name, y.name);
           Compare(&c, at, x.window, y.window);
           c.Field(at + ".kind", x.kind, y.kind);
           c.Field(at + ".of", x.of, y.of);
           c.Field(at + ".share", x.share_parts, y.share_parts);
           c.Field(at + ".by_least", x.by_least_ns, y.by_least_ns);
           c.Field(at + ".by_most", x.by_most_ns, y.by_most_ns);
           c.Field(at + ".how", x.how, y.how);
           c.Field(at + ".region", x.region, y.region);
         });
  c.List("plan", a.plan, b.plan, [&](const std::string& at, const Stage& x, const Stage& y) {
    c.Field(at + ".from", x.from_milli_rate, y.from_milli_rate);
    c.Field(at + ".to", x.to_milli_rate, y.to_milli_rate);
    c.Field(at + ".for", x.lasts_ns, y.lasts_ns);
  });
  c.Field("duration", a.duration_ns, b.duration_ns);
  c.List("personas", a.personas, b.personas,
         [&](const std::string& at, const Persona& x, const Persona& y) { Compare(&c, at, x, y); });
  return c.text();
}

}  // namespace playload
