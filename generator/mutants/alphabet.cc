#include "generator/mutants/alphabet.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <string_view>

#include "generator/event/catalog.h"

namespace playload {
namespace {

using Op = Expr::Op;
using What = ProbeStep::What;

constexpr std::size_t kLeastRepeat = 3;
constexpr std::size_t kMostRepeat = 24;
constexpr int kMostThreshold = 1'000;
constexpr std::string_view kAmount = "parameters.amount";
constexpr std::string_view kCpu = "parameters.cpu_load";
constexpr std::string_view kMemory = "parameters.memory_usage";
constexpr std::string_view kLatency = "parameters.latency";
constexpr int kMostPercent = 100;
constexpr int kMostLatency = 60'000;
constexpr int kOrdinary = 50;

bool Mentions(const Expr& expr, Op op) {
  return expr.op == op || std::any_of(expr.of.begin(), expr.of.end(),
                                      [&](const Expr& e) { return Mentions(e, op); });
}

void FieldsIn(const Expr& expr, std::set<std::string>* fields) {
  if (expr.op == Op::kField) fields->insert(expr.name);
  for (const Expr& operand : expr.of) FieldsIn(operand, fields);
}

void Read(const Expr& expr, RuleConstants* out) {
  if (expr.op == Op::kText) out->texts.insert(expr.name);
  for (std::size_t i = 0; i < expr.of.size(); ++i) {
    const Expr& operand = expr.of[i];
    if (operand.op == Op::kNumber && expr.of.size() == 2) {
      const Expr& other = expr.of[1 - i];
      const auto number = static_cast<int>(std::clamp(operand.number, -1.0, 1e9));
      if (Mentions(other, Op::kState)) out->thresholds.insert(std::min(number, kMostThreshold));
      std::set<std::string> fields;
      FieldsIn(other, &fields);
      for (const std::string& field : fields) {
        if (field == kAmount) out->amounts.insert(operand.number);
        if (field != kAmount && number >= 0) out->near[field].insert(number);
      }
    }
    Read(operand, out);
  }
}

// N - 1, N and N + 1 of what a field is compared with, and an ordinary value.
std::set<int> ValuesOf(const RuleConstants& constants, std::string_view field, int most) {
  std::set<int> values = {kOrdinary};
  const auto found = constants.near.find(std::string(field));
  if (found == constants.near.end()) return values;
  for (const int number : found->second) {
    for (int near = number - 1; near <= number + 1; ++near) {
      if (near >= 0 && near <= most) values.insert(near);
    }
  }
  return values;
}

std::vector<ProbeStep> Metrics(const RuleConstants& constants) {
  std::vector<ProbeStep> steps;
  ProbeStep step;
  step.what = What::kMetric;
  for (const int cpu : ValuesOf(constants, kCpu, kMostPercent)) {
    for (const int memory : ValuesOf(constants, kMemory, kMostPercent)) {
      for (const int latency : ValuesOf(constants, kLatency, kMostLatency)) {
        step.cpu = cpu;
        step.memory = memory;
        step.latency = latency;
        steps.push_back(step);
      }
    }
  }
  return steps;
}

// The items whose prices in USD are nearest to an amount, on both sides, and those that are named.
std::set<int> ItemsOf(const RuleConstants& constants) {
  std::set<int> items;
  const auto price = [](int item) {
    return kPrices[kCatalog[item].tier][0] / std::pow(10.0, kCurrencyTable[0].decimals);
  };
  for (const double amount : constants.amounts) {
    std::optional<int> below;
    std::optional<int> above;
    for (int i = 0; i < kItems; ++i) {
      std::optional<int>& side = price(i) <= amount ? below : above;
      if (!side || std::abs(price(i) - amount) < std::abs(price(*side) - amount)) side = i;
    }
    if (below) items.insert(*below);
    if (above) items.insert(*above);
  }
  for (const std::string& text : constants.texts) {
    for (int i = 0; i < kItems; ++i) {
      const bool named = kCatalog[i].id == text;
      const bool of_type = kItemTypeNames[static_cast<unsigned>(kCatalog[i].type)] == text;
      if (!named && !of_type) continue;
      items.insert(i);
      break;
    }
  }
  return items;
}

std::vector<ProbeStep> Purchases(const RuleConstants& constants) {
  std::vector<ProbeStep> steps;
  std::set<int> currencies = {0, 1};
  for (int c = 0; c < kCurrencies; ++c) {
    if (constants.texts.contains(std::string(kCurrencyTable[c].code))) currencies.insert(c);
  }
  std::transform(currencies.begin(), currencies.end(), std::back_inserter(steps), PurchaseIn);
  for (const int item : ItemsOf(constants)) {
    steps.push_back(PurchaseIn(0));
    steps.back().item = item;
  }
  ProbeStep refund;
  refund.what = What::kRefund;
  steps.push_back(refund);
  return steps;
}

}  // namespace

void RuleConstants::Add(const Rule& rule) {
  for (const StateValue& value : rule.state) {
    if (value.where) Read(*value.where, this);
  }
  for (const Alternative& alternative : rule.alternatives) {
    if (alternative.when) Read(*alternative.when, this);
  }
  if (rule.window.form == RuleWindow::Form::kLast) {
    thresholds.insert(static_cast<int>(std::min<std::int64_t>(rule.window.events, kMostThreshold)));
  }
}

std::size_t RuleConstants::Repeat() const {
  std::size_t repeat = kLeastRepeat;
  for (const int threshold : thresholds) {
    repeat = std::max(repeat, static_cast<std::size_t>(std::max(threshold, 0)) + 2);
  }
  return std::min(repeat, kMostRepeat);
}

ProbeStep PurchaseIn(int currency) {
  ProbeStep step;
  step.what = What::kPurchase;
  step.currency = currency;
  return step;
}

std::vector<ProbeStep> AlphabetOf(Kind input, const RuleConstants& constants) {
  switch (input) {
    case Kind::kPurchase:
      return Purchases(constants);
    case Kind::kServer:
      return Metrics(constants);
    case Kind::kPlayer:
      break;
  }
  std::vector<ProbeStep> steps;
  ProbeStep step;
  for (const What what : {What::kMove, What::kLevelComplete, What::kInteraction}) {
    step.what = what;
    steps.push_back(step);
  }
  return steps;
}

}  // namespace playload
