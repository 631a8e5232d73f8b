#include "generator/mutants/derive.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "generator/mutants/alphabet.h"
#include "generator/mutants/equivalence.h"
#include "generator/mutants/mutate.h"
#include "generator/mutants/probe_search.h"
#include "personas/write.h"
#include "scenarios/script.h"

namespace playload {
namespace {

using What = ProbeStep::What;
using Steps = std::vector<ProbeStep>;

constexpr std::int64_t kTickNs = 1'000'000;
constexpr std::string_view kCurrencyField = "parameters.currency";
constexpr int kSlow = 5'000;  // ms
constexpr int kOrdinary = 50;

void Add(Script script, std::vector<Script>* scripts) {
  if (script.steps.empty()) return;
  if (std::find(scripts->begin(), scripts->end(), script) == scripts->end()) {
    scripts->push_back(std::move(script));
  }
}

// A metric with these fields at `cpu`, `memory` and `latency` percent or ms, the others ordinary.
ProbeStep Metric(int cpu, int memory, int latency) {
  ProbeStep step;
  step.what = What::kMetric;
  step.cpu = cpu;
  step.memory = memory;
  step.latency = latency;
  return step;
}

class NearMisses {
 public:
  NearMisses(const Rule& rule, std::vector<Script>* out)
      : rule_(rule), server_(rule.input == Kind::kServer), out_(out) {
    constants_.Add(rule);
  }

  void Make() {
    if (server_) Values();
    const ProbeStep base = Base();
    for (const int threshold : constants_.thresholds) {
      if (threshold < 1 || static_cast<std::size_t>(threshold) + 2 > constants_.Repeat()) continue;
      Around(base, static_cast<std::size_t>(threshold));
    }
    if (rule_.input == Kind::kPurchase) Currencies();
  }

 private:
  void Put(Steps steps) { Add({server_, std::move(steps)}, out_); }

  // What is counted, or comes nearest to it.
  [[nodiscard]] ProbeStep Base() const {
    if (rule_.input == Kind::kPurchase) return PurchaseIn(0);
    if (server_) return Above();
    ProbeStep step;
    step.what = constants_.texts.contains("level_complete") ? What::kLevelComplete
                : constants_.texts.contains("interaction")  ? What::kInteraction
                                                            : What::kMove;
    return step;
  }

  // N - 1, N and N + 1 of them; N + 1 split over two keys; and the last one a refund.
  void Around(const ProbeStep& base, std::size_t threshold) {
    for (const std::size_t times : {threshold - 1, threshold, threshold + 1}) {
      Put(Steps(times, base));
    }
    Put(Steps((threshold + 2) / 2, base));
    Put(Steps((threshold + 1) / 2, base));
    if (rule_.input != Kind::kPurchase) return;
    for (const std::size_t times : {threshold - 1, threshold}) {
      if (times == 0) continue;
      Steps steps(times, base);
      steps.emplace_back().what = What::kRefund;
      Put(std::move(steps));
    }
  }

  void Currencies() {
    const bool distinct =
        std::any_of(rule_.state.begin(), rule_.state.end(), [](const StateValue& value) {
          return value.aggregate == Aggregate::kDistinct && value.field == kCurrencyField;
        });
    if (!distinct) return;
    const ProbeStep one = PurchaseIn(0);
    const ProbeStep other = PurchaseIn(1);
    Put({one, one});
    Put({one, other});
    Put({other, one});
    Put({one, other, one});
  }

  [[nodiscard]] std::optional<int> Most(const char* field) const {
    const auto found = constants_.near.find(field);
    if (found == constants_.near.end()) return std::nullopt;
    return *found->second.rbegin();
  }

  // A metric whose first compared field is above what it is compared with.
  [[nodiscard]] ProbeStep Above() const {
    if (const auto cpu = Most("parameters.cpu_load")) return Metric(*cpu + 1, 50, 50);
    if (const auto memory = Most("parameters.memory_usage")) return Metric(50, *memory + 1, 50);
    if (const auto latency = Most("parameters.latency")) return Metric(50, 50, *latency + 1);
    return Metric(kOrdinary, kOrdinary, kOrdinary);
  }

  // Each field one below, at, and one above what it is compared with; and all of them at it.
  void Values() {
    ProbeStep all = Metric(kOrdinary, kOrdinary, kOrdinary);
    for (const auto& [field, numbers] : constants_.near) {
      int ProbeStep::*const value = field == "parameters.cpu_load"       ? &ProbeStep::cpu
                                    : field == "parameters.memory_usage" ? &ProbeStep::memory
                                                                         : &ProbeStep::latency;
      const int most = value == &ProbeStep::latency ? 60'000 : 100;
      for (const int number : numbers) {
        Steps steps;
        for (int near = number - 1; near <= number + 1; ++near) {
          if (near < 0 || near > most) continue;
          steps.push_back(Metric(kOrdinary, kOrdinary, kOrdinary));
          steps.back().*value = near;
        }
        Put(std::move(steps));
        all.*value = std::min(number, most);
      }
    }
    if (constants_.near.empty()) return;
    Put({all});
    if (constants_.near.contains("parameters.latency")) return;
    all.latency = kSlow;
    Put({all});
  }

  const Rule& rule_;
  const bool server_;
  std::vector<Script>* const out_;
  RuleConstants constants_;
};

// The scripts that wait for an edge, also one millisecond before it, at it and one after it; of the
// clock's, too.
void AddEdges(const Rule& rule, std::vector<Script>* scripts) {
  std::set<std::int64_t> edges;
  if (rule.window.of_time() && rule.window.form != RuleWindow::Form::kTumbling) {
    edges.insert(rule.window.size_ns);
  }
  if (rule.cool_down_ns > 0) edges.insert(rule.cool_down_ns);
  const std::vector<Script> found = *scripts;
  for (const Script& script : found) {
    for (std::size_t i = 0; i < script.steps.size(); ++i) {
      if (script.steps[i].clock_ns > kTickNs) {
        for (const std::int64_t shift : {-kTickNs, kTickNs}) {
          Script other = script;
          other.steps[i].shift_ns = shift;
          Add(std::move(other), scripts);
        }
      }
      for (const std::int64_t edge : edges) {
        if (std::abs(script.steps[i].wait_ns - edge) > kTickNs || script.steps[i].within) continue;
        for (const std::int64_t wait : {edge - kTickNs, edge, edge + kTickNs}) {
          if (wait < 1) continue;
          Script other = script;
          other.steps[i].wait_ns = wait;
          Add(std::move(other), scripts);
        }
      }
    }
  }
}

std::vector<Script> ScriptsOf(const RuleSet& rules, std::size_t index,
                              const std::vector<Mutant>& mutants) {
  std::vector<Script> scripts;
  const RuleSet rule = OnlyRule(rules, index);
  for (const Mutant& mutant : mutants) {
    if (mutant.rule != index || !Searchable(rule, mutant)) continue;
    // The search would try everything, and most likely in vain.
    if (ProvenEquivalent(rule, mutant) || FixedInScripts(rule, mutant)) continue;
    const ProbeSearchResult found = SearchProbe(rule, mutant);
    if (found.script) Add(*found.script, &scripts);
  }
  NearMisses(rule.rules.front(), &scripts).Make();
  AddEdges(rule.rules.front(), &scripts);
  return scripts;
}

}  // namespace

std::vector<Script> DerivedProbes::Scripts(bool server) const {
  std::vector<Script> scripts;
  for (const OfRule& rule : rules) {
    for (const Script& script : rule.scripts) {
      if (script.server == server) Add(script, &scripts);
    }
  }
  return scripts;
}

DerivedProbes DeriveProbes(const RuleSet& rules) {
  DerivedProbes probes;
  const std::vector<Mutant> mutants = MutantsOf(rules);
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    probes.rules.push_back({rules.rules[i].name, ScriptsOf(rules, i, mutants)});
  }
  return probes;
}

std::string ProbesText(const DerivedProbes& probes, const std::string& name) {
  std::string out;
  for (const bool server : {false, true}) {
    std::vector<Script> told;
    std::string list;
    for (const DerivedProbes::OfRule& rule : probes.rules) {
      bool named = false;
      for (const Script& script : rule.scripts) {
        if (script.server != server) continue;
        const std::size_t before = told.size();
        Add(script, &told);
        if (told.size() == before) continue;
        if (!named) list += "      # " + rule.rule + "\n";
        named = true;
        list += "      - " + YamlQuoted(ScriptText(script)) + "\n";
      }
    }
    if (list.empty()) continue;
    out += "  - probe: " + name + (server ? "-servers" : "-players") + "\n    share: 0.02\n    " +
           (server ? "servers" : "players") + ":\n" + list;
  }
  return out;
}

}  // namespace playload
