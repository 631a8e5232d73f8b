#include "personas/read.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "generator/base/text.h"
#include "generator/event/catalog.h"
#include "personas/facts.h"
#include "personas/load.h"
#include "personas/write.h"

namespace playload {
namespace {

constexpr std::int64_t kMs = 1'000'000;  // ns
// An alias table knows nothing finer (generator/simulate/model.h rounds to parts of 2^28).
constexpr std::int64_t kLeastParts = 10;
// The simulation counts the steps of a session in 16 bits; a chain ends its sessions at random, so
// the mean has to stay far below that.
constexpr double kMostEvents = 4'000;
constexpr std::size_t kLongestName = 32;
constexpr std::size_t kLongestAbout = 200;

constexpr Emit kWritable[] = {Emit::kMove,          Emit::kInteraction, Emit::kLevelStart,
                              Emit::kLevelComplete, Emit::kPurchase,    Emit::kPurchaseForeign,
                              Emit::kRefund,        Emit::kRefundAgain};

bool IsPurchase(Emit emit) { return emit == Emit::kPurchase || emit == Emit::kPurchaseForeign; }
bool IsRefund(Emit emit) { return emit == Emit::kRefund || emit == Emit::kRefundAgain; }

// Names stand in YAML, in file names, on command lines and in diagrams: letters, digits, '-' and
// '_'.
bool IsName(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= kLongestName && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

// One persona, from its node to the plain struct. The first error sticks, and every step does
// nothing behind it.
class Reader {
 public:
  Reader(const std::string& file, const YamlNode& root) : file_(file), root_(root) {
    persona_.file = file;
  }

  Result<Persona> Read() {
    ReadFields();
    if (status_.ok()) CheckReachable();
    if (status_.ok()) CheckEnds();
    if (status_.ok()) CheckLevels();
    if (status_.ok()) CheckSpending();
    if (status_.ok()) CheckLength();
    if (!status_.ok()) return status_;
    return std::move(persona_);
  }

 private:
  // Where a state and its transitions stand in the file.
  struct Lines {
    int state = 0;
    std::vector<int> to;
  };

  void Fail(int line, const std::string& message) {
    if (status_.ok()) status_ = Invalid(file_ + ":" + std::to_string(line) + ": " + message);
  }
  void Take(const Status& status) {
    if (status_.ok() && !status.ok()) status_ = status;
  }
  [[nodiscard]] const std::string& NameOf(int state) const {
    return persona_.states[static_cast<std::size_t>(state)].name;
  }

  void ReadFields() {
    YamlFields fields(file_, root_, "persona");
    fields.Text("persona", &persona_.name, true);
    fields.Text("about", &persona_.about, true);
    const YamlNode* life = fields.Node("life", true);
    const YamlNode* gap = fields.Node("gap", true);
    std::string start;
    fields.Text("start", &start, true);
    const YamlNode* states = fields.Node("states", true);
    const YamlNode* spending = fields.Node("spending");
    const YamlNode* name_node = fields.Node("persona");
    const YamlNode* about_node = fields.Node("about");
    const YamlNode* start_node = fields.Node("start");
    Take(fields.Finish());
    if (!status_.ok()) return;

    if (!IsName(persona_.name)) {
      Fail(name_node->line, "the name " + Quoted(persona_.name) + NameRule());
    }
    if (persona_.about.size() > kLongestAbout || persona_.about.find('\n') != std::string::npos) {
      Fail(about_node->line, "'about' must be one sentence on one line, at most " +
                                 std::to_string(kLongestAbout) + " bytes");
    }
    ReadLife(*life);
    ReadDwell(*gap, "gap", &persona_.gap);
    if (status_.ok()) NameStates(*states);
    if (status_.ok()) MoveToFront(*start_node, start);
    if (status_.ok()) {
      for (std::size_t i = 0; i < persona_.states.size(); ++i) ReadState(*nodes_[i], i);
    }
    if (spending != nullptr) ReadSpending(*spending);
  }

  static std::string NameRule() {
    return " must begin with a letter and hold letters, digits, '-' and '_', at most " +
           std::to_string(kLongestName);
  }

  void ReadLife(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::kText) {
      if (node.text == "one-session") {
        persona_.one_session = true;
      } else {
        Fail(node.line, "'life' must be {sessions: N} or one-session, not " + Quoted(node.text));
      }
      return;
    }
    YamlFields fields(file_, node, "'life'");
    fields.Real("sessions", 1, 255, &persona_.mean_sessions, true);
    Take(fields.Finish());
  }

  void ReadDwell(const YamlNode& node, const std::string& what, Dwell* dwell) {
    using Family = Dwell::Family;
    struct Form {
      const char* name;
      Family family;
      const char* time;
      const char* shape;  // or null
      double least, most;
    };
    // Shapes outside of these bounds put nearly all their mass at 0 or at one point.
    constexpr Form kForms[] = {{"fixed", Family::kFixed, "time", nullptr, 0, 0},
                               {"exponential", Family::kExponential, "mean", nullptr, 0, 0},
                               {"lognormal", Family::kLogNormal, "median", "sigma", 0.01, 3},
                               {"weibull", Family::kWeibull, "scale", "shape", 0.2, 20},
                               {"gamma", Family::kGamma, "mean", "shape", 0.1, 100}};
    YamlFields families(file_, node, what);
    int found = 0;
    for (const Form& form : kForms) {
      const YamlNode* parameters = families.Node(form.name);
      if (parameters == nullptr) continue;
      ++found;
      dwell->family = form.family;
      YamlFields fields(file_, *parameters, std::string(form.name));
      std::int64_t ns = 0;
      fields.Duration(form.time, kMs, kLongestDwellMs * kMs, &ns, true);
      dwell->mean_ms = static_cast<double>(ns) / static_cast<double>(kMs);
      if (form.shape != nullptr) {
        fields.Real(form.shape, form.least, form.most, &dwell->shape, true);
      }
      Take(fields.Finish());
    }
    Take(families.Finish());
    if (found != 1) {
      Fail(node.line, what +
                          " needs one of fixed, exponential, lognormal, weibull, gamma, as in "
                          "{exponential: {mean: 8s}}");
    }
    if (status_.ok() && DwellMeanMs(*dwell) > static_cast<double>(kLongestDwellMs)) {
      Fail(node.line, what + " has a mean above " + FormatDuration(kLongestDwellMs * kMs) +
                          "; make its time or its spread smaller");
    }
  }

  // Makes the states, still empty, so that transitions can name any of them.
  void NameStates(const YamlNode& states) {
    if (states.kind != YamlNode::Kind::kMap || states.map.empty()) {
      Fail(states.line, "'states' must be a map from state names to states");
      return;
    }
    for (std::size_t i = 0; i < states.map.size(); ++i) {
      const std::string& name = states.map[i].first;
      const int line = states.key_lines[i];
      if (i == static_cast<std::size_t>(kMaxStates)) {
        Fail(line, "state " + Quoted(name) + " is one too many; a persona has at most " +
                       std::to_string(kMaxStates));
      }
      if (name == "exit" || name == "offline") {
        Fail(line, "a state must not be called " + Quoted(name) + "; that word is taken");
      }
      if (!IsName(name)) Fail(line, "the state name " + Quoted(name) + NameRule());
      if (!status_.ok()) return;
      persona_.states.emplace_back().name = name;
      lines_.emplace_back().state = line;
      nodes_.push_back(&states.map[i].second);
    }
  }

  [[nodiscard]] std::vector<std::string> StateNames() const {
    std::vector<std::string> names;
    for (const State& state : persona_.states) names.push_back(state.name);
    return names;
  }

  // The start state comes first; the others keep the file's order.
  void MoveToFront(const YamlNode& node, const std::string& start) {
    const std::vector<std::string> names = StateNames();
    const auto found = std::find(names.begin(), names.end(), start);
    if (found == names.end()) {
      Fail(node.line, "'start' names the state " + Quoted(start) + ", which is not there" +
                          DidYouMean(start, names));
      return;
    }
    const auto at = found - names.begin();
    std::rotate(persona_.states.begin(), persona_.states.begin() + at,
                persona_.states.begin() + at + 1);
    std::rotate(lines_.begin(), lines_.begin() + at, lines_.begin() + at + 1);
    std::rotate(nodes_.begin(), nodes_.begin() + at, nodes_.begin() + at + 1);
  }

  void ReadState(const YamlNode& node, std::size_t index) {
    const std::string what = "state " + Quoted(persona_.states[index].name);
    YamlFields fields(file_, node, what);
    const YamlNode* dwell = fields.Node("dwell", true);
    const YamlNode* to = fields.Node("to", true);
    Take(fields.Finish());
    if (!status_.ok()) return;
    ReadDwell(*dwell, "dwell", &persona_.states[index].dwell);
    if (to->kind != YamlNode::Kind::kList || to->list.empty()) {
      Fail(to->line, "'to' must be a list of transitions such as {state: exit, p: 1}");
      return;
    }
    std::int64_t sum = 0;
    for (const YamlNode& entry : to->list) {
      if (persona_.states[index].to.size() == static_cast<std::size_t>(kMaxTransitions)) {
        Fail(entry.line,
             what + " has more than " + std::to_string(kMaxTransitions) + " transitions");
      }
      if (!status_.ok()) return;
      const Transition transition = ReadTransition(entry);
      sum += transition.parts;
      persona_.states[index].to.push_back(transition);
      lines_[index].to.push_back(entry.line);
    }
    if (sum != kProbabilityOne) {
      Fail(to->line, "the probabilities of " + what + " sum to " + YamlShare(sum) + ", not to 1");
    }
  }

  Transition ReadTransition(const YamlNode& node) {
    Transition transition;
    std::string target;
    std::string emit;
    YamlFields fields(file_, node, "transition");
    fields.Text("state", &target, true);
    fields.Share("p", &transition.parts, true);
    fields.Text("emit", &emit);
    Take(fields.Finish());
    if (!status_.ok()) return transition;
    if (transition.parts < kLeastParts) {
      Fail(node.line, "'p' must be at least " + YamlShare(kLeastParts) +
                          "; leave out a transition that never happens");
    }
    if (target == "exit") {
      transition.to = kExit;
      transition.emit = Emit::kSessionEnd;
      if (!emit.empty()) {
        Fail(node.line, "a transition to exit always emits session_end; leave 'emit' out");
      }
      return transition;
    }
    std::vector<std::string> names = StateNames();
    const auto found = std::find(names.begin(), names.end(), target);
    if (found == names.end()) {
      names.emplace_back("exit");
      Fail(node.line, "there is no state " + Quoted(target) + DidYouMean(target, names));
      return transition;
    }
    transition.to = static_cast<int>(found - names.begin());
    transition.emit = ReadEmit(node, emit);
    return transition;
  }

  Emit ReadEmit(const YamlNode& node, const std::string& name) {
    std::vector<std::string> names;
    for (const Emit emit : kWritable) {
      if (EmitName(emit) == name) return emit;
      names.emplace_back(EmitName(emit));
    }
    Fail(node.line, name.empty() ? "a transition needs the key 'emit' (only exit has none)"
                                 : "there is no event " + Quoted(name) + DidYouMean(name, names));
    return Emit::kMove;
  }

  void ReadSpending(const YamlNode& node) {
    spending_line_ = node.line;
    YamlFields fields(file_, node, "'spending'");
    std::int64_t sum = 0;
    for (const std::string_view type : kItemTypeNames) {
      std::int64_t weight = 0;
      fields.Integer(type, 0, 1'000'000, &weight);
      persona_.item_weights.push_back(weight);
      sum += weight;
    }
    Take(fields.Finish());
    if (sum == 0) Fail(node.line, "'spending' needs at least one weight above 0");
  }

  // "lobby -> shop -> playing": how CheckLevels() came to a pair of state and level.
  [[nodiscard]] std::string Path(const std::vector<int>& came_from, int pair) const {
    std::string path = NameOf(pair / 2);
    for (int at = came_from[static_cast<std::size_t>(pair)]; at >= 0;
         at = came_from[static_cast<std::size_t>(at)]) {
      path.insert(0, " -> ").insert(0, NameOf(at / 2));
    }
    return path;
  }

  void CheckReachable() {
    std::vector<bool> seen(persona_.states.size(), false);
    std::vector<std::size_t> open = {0};
    seen[0] = true;
    while (!open.empty()) {
      const std::size_t from = open.back();
      open.pop_back();
      for (const Transition& transition : persona_.states[from].to) {
        if (transition.to == kExit) continue;
        const auto to = static_cast<std::size_t>(transition.to);
        if (!seen[to]) open.push_back(to);
        seen[to] = true;
      }
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (seen[i]) continue;
      Fail(lines_[i].state, "state " + Quoted(persona_.states[i].name) +
                                " is unreachable: no path leads to it from the start " +
                                Quoted(NameOf(0)));
    }
  }

  void CheckEnds() {
    // Backwards from exit until nothing is added; there are at most 15 states.
    std::vector<bool> ends(persona_.states.size(), false);
    for (bool added = true; added;) {
      added = false;
      for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i]) continue;
        for (const Transition& transition : persona_.states[i].to) {
          if (transition.to == kExit || ends[static_cast<std::size_t>(transition.to)]) {
            ends[i] = added = true;
            break;
          }
        }
      }
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i]) continue;
      Fail(lines_[i].state, "a session that comes to state " + Quoted(persona_.states[i].name) +
                                " can never be left: no path leads from it to exit");
    }
  }

  // A level is completed only after it was started in the same session, and once. Searches the
  // pairs (state, is a level open?) breadth first, so that the path in the message is a shortest
  // one.
  void CheckLevels() {
    constexpr int kUnseen = -2;
    std::vector<int> came_from(persona_.states.size() * 2, kUnseen);
    std::vector<int> queue = {0};
    came_from[0] = -1;
    for (std::size_t next = 0; next < queue.size(); ++next) {
      const int pair = queue[next];
      const auto state = static_cast<std::size_t>(pair / 2);
      for (std::size_t k = 0; k < persona_.states[state].to.size(); ++k) {
        const Transition& transition = persona_.states[state].to[k];
        bool open = pair % 2 == 1;
        if (transition.emit == Emit::kLevelComplete && !open) {
          Fail(lines_[state].to[k],
               "level_complete without a level that was started in this session and is still "
               "open; one path that comes here is " +
                   Path(came_from, pair));
          return;
        }
        if (transition.emit == Emit::kLevelStart) open = true;
        if (transition.emit == Emit::kLevelComplete) open = false;
        if (transition.to == kExit) continue;
        const int to = transition.to * 2 + (open ? 1 : 0);
        if (came_from[static_cast<std::size_t>(to)] != kUnseen) continue;
        came_from[static_cast<std::size_t>(to)] = pair;
        queue.push_back(to);
      }
    }
  }

  void CheckSpending() {
    int purchase_line = 0;
    int refund_line = 0;
    for (std::size_t i = 0; i < persona_.states.size(); ++i) {
      for (std::size_t k = 0; k < persona_.states[i].to.size(); ++k) {
        const Emit emit = persona_.states[i].to[k].emit;
        if (IsPurchase(emit) && purchase_line == 0) purchase_line = lines_[i].to[k];
        if (IsRefund(emit) && refund_line == 0) refund_line = lines_[i].to[k];
      }
    }
    if (purchase_line != 0 && persona_.item_weights.empty()) {
      Fail(purchase_line,
           "a purchase is made, so the persona needs the key 'spending', such as "
           "spending: {skin: 3, potion: 1}");
    }
    if (purchase_line == 0 && !persona_.item_weights.empty()) {
      Fail(spending_line_, "'spending' has no use: no transition emits a purchase");
    }
    if (purchase_line == 0 && refund_line != 0) {
      Fail(refund_line, "a refund is made, but no transition emits a purchase");
    }
  }

  void CheckLength() {
    const double events = ComputeFacts(persona_).events;
    if (events <= kMostEvents) return;
    char text[64];
    std::snprintf(text, sizeof text, "%.0f events; at most %.0f", events, kMostEvents);
    Fail(lines_[0].state,
         std::string("a session has on average ") + text + ". Make exit more likely");
  }

  const std::string& file_;
  const YamlNode& root_;
  Persona persona_;
  Status status_;
  std::vector<Lines> lines_;            // by state
  std::vector<const YamlNode*> nodes_;  // by state, until they are read
  int spending_line_ = 0;
};

}  // namespace

Result<Persona> ReadPersona(const std::string& file, const YamlNode& root) {
  return Reader(file, root).Read();
}

}  // namespace playload
