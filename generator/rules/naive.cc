#include "generator/rules/naive.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

namespace playload {
namespace {

// None, a number or a text.
using Value = std::variant<std::monostate, double, std::string>;

struct Event {
  std::map<std::string, Value> fields;  // by path
  std::optional<std::int64_t> time_ns;
};

// The bounds of a window that closes; milliseconds since 1970.
struct Bounds {
  double start_ms = 0;
  double end_ms = 0;
};

// --- Reading an event ---

std::optional<std::int64_t> TimeOf(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const std::string form = "0000-00-00T00:00:00";
  if (text.size() < form.size()) return std::nullopt;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i]) return std::nullopt;
  }
  std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second);
  std::string rest = text.substr(form.size());
  if (!rest.empty() && rest.back() == 'Z') rest.pop_back();
  std::int64_t fraction = 0;
  if (!rest.empty()) {
    if (rest[0] != '.' || rest.size() < 2 || rest.size() > 10) return std::nullopt;
    std::string digits = rest.substr(1);
    if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    digits.resize(9, '0');
    fraction = std::stoll(digits);
  }
  const auto leap = [](int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; };
  const auto days_in = [&](int y, int m) {
    return m == 2 ? (leap(y) ? 29 : 28) : m == 4 || m == 6 || m == 9 || m == 11 ? 30 : 31;
  };
  if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 ||
      day > days_in(year, month) || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  std::int64_t days = day - 1;
  for (int y = 1970; y < year; ++y) days += leap(y) ? 366 : 365;
  for (int m = 1; m < month; ++m) days += days_in(year, m);
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1'000'000'000 + fraction;
}

const rapidjson::Value* Member(const rapidjson::Value& object, const std::string& name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(
      rapidjson::Value(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::optional<Event> ReadEvent(const RecordedEvent& recorded) {
  rapidjson::Document json;
  json.Parse<rapidjson::kParseFullPrecisionFlag | rapidjson::kParseValidateEncodingFlag>(
      recorded.line.data(), recorded.line.size());
  if (json.HasParseError()) return std::nullopt;
  Event event;
  for (const EventField& field : FieldsOf(recorded.kind)) {
    const std::string path(field.path);
    const std::size_t dot = path.find('.');
    const rapidjson::Value* value = Member(json, path.substr(0, dot));
    if (value != nullptr && dot != std::string::npos) value = Member(*value, path.substr(dot + 1));
    if (value == nullptr) return std::nullopt;
    if (field.type == FieldType::kText) {
      if (!value->IsString()) return std::nullopt;
      event.fields[path] = std::string(value->GetString(), value->GetStringLength());
    } else if (field.type == FieldType::kWhole) {
      if (!value->IsUint()) return std::nullopt;
      event.fields[path] = static_cast<double>(value->GetUint());
    } else {
      if (!value->IsNumber()) return std::nullopt;
      event.fields[path] = value->GetDouble();
    }
  }
  event.time_ns = TimeOf(std::get<std::string>(event.fields["event_timestamp"]));
  return event;
}

// --- Expressions ---

struct Names {
  const Rule& rule;
  const Event& event;  // of a window that closes: one of its events, for the key
  const std::map<std::string, Value>& state;
  Bounds bounds = {};
};

Value ValueOf(const Expr& expr, const Names& names) {
  switch (expr.op) {
    case Expr::Op::kNumber:
      return expr.number;
    case Expr::Op::kText:
      return expr.name;
    case Expr::Op::kField:
      return names.event.fields.at(expr.name);
    case Expr::Op::kState:
      return names.state.at(expr.name);
    case Expr::Op::kKey:
      return names.event.fields.at(names.rule.key);
    case Expr::Op::kWindowStart:
      return names.bounds.start_ms;
    case Expr::Op::kWindowEnd:
      return names.bounds.end_ms;
    default:
      break;
  }
  std::vector<double> operands;
  for (const Expr& operand : expr.of) {
    const Value value = ValueOf(operand, names);
    if (std::holds_alternative<std::monostate>(value)) return {};
    operands.push_back(std::get<double>(value));
  }
  if (expr.op == Expr::Op::kNegate) return -operands[0];
  if (expr.op == Expr::Op::kAdd) return operands[0] + operands[1];
  if (expr.op == Expr::Op::kSubtract) return operands[0] - operands[1];
  return operands[0] * operands[1];
}

bool Holds(const Expr& expr, const Names& names) {
  if (expr.op == Expr::Op::kNot) return !Holds(expr.of[0], names);
  if (expr.op == Expr::Op::kAnd) return Holds(expr.of[0], names) && Holds(expr.of[1], names);
  if (expr.op == Expr::Op::kOr) return Holds(expr.of[0], names) || Holds(expr.of[1], names);
  const Value a = ValueOf(expr.of[0], names);
  const Value b = ValueOf(expr.of[1], names);
  if (std::holds_alternative<std::monostate>(a) || std::holds_alternative<std::monostate>(b)) {
    return false;
  }
  if (std::holds_alternative<std::string>(a)) {
    const bool same = std::get<std::string>(a) == std::get<std::string>(b);
    return expr.op == Expr::Op::kEqual ? same : !same;
  }
  const double x = std::get<double>(a);
  const double y = std::get<double>(b);
  return expr.op == Expr::Op::kEqual       ? x == y
         : expr.op == Expr::Op::kNotEqual  ? x != y
         : expr.op == Expr::Op::kLess      ? x < y
         : expr.op == Expr::Op::kLessEqual ? x <= y
         : expr.op == Expr::Op::kGreater   ? x > y
                                           : x >= y;
}

// --- Windows and state ---

// Those of `events`, in order of arrival, that are in the window of `event`, which is the last one.
std::vector<const Event*> InWindow(const RuleWindow& window,
                                   const std::vector<const Event*>& events) {
  const Event& event = *events.back();
  std::set<const Event*> in;
  switch (window.form) {
    case RuleWindow::Form::kAll:
      return events;
    case RuleWindow::Form::kLast:
      for (std::size_t i = 0; i < events.size(); ++i) {
        if (events.size() - i <= static_cast<std::size_t>(window.events)) in.insert(events[i]);
      }
      break;
    case RuleWindow::Form::kTumbling:
      for (const Event* e : events) {
        if (*e->time_ns / window.size_ns == *event.time_ns / window.size_ns) in.insert(e);
      }
      break;
    case RuleWindow::Form::kSliding:
      for (const Event* e : events) {
        if (*e->time_ns > *event.time_ns - window.size_ns && *e->time_ns <= *event.time_ns) {
          in.insert(e);
        }
      }
      break;
    case RuleWindow::Form::kSession: {
      // Whoever is at most a gap from one that is in, is in.
      in.insert(&event);
      for (bool grown = true; grown;) {
        grown = false;
        for (const Event* e : events) {
          if (in.count(e) > 0) continue;
          for (const Event* other : in) {
            if (std::abs(*e->time_ns - *other->time_ns) > window.size_ns) continue;
            in.insert(e);
            grown = true;
            break;
          }
        }
      }
      break;
    }
  }
  std::vector<const Event*> ordered;
  for (const Event* e : events) {
    if (in.count(e) > 0) ordered.push_back(e);
  }
  return ordered;
}

Value Over(const Rule& rule, const StateValue& definition,
           const std::vector<const Event*>& window) {
  std::vector<Value> taken;
  for (const Event* e : window) {
    if (definition.where && !Holds(*definition.where, Names{rule, *e, {}})) continue;
    if (definition.aggregate == Aggregate::kCount) {
      taken.emplace_back(1.0);
      continue;
    }
    Value value = e->fields.at(definition.field);
    if (std::holds_alternative<double>(value) && std::get<double>(value) == 0) value = 0.0;
    taken.push_back(value);
  }
  switch (definition.aggregate) {
    case Aggregate::kCount:
      return static_cast<double>(taken.size());
    case Aggregate::kDistinct:
      return static_cast<double>(std::set<Value>(taken.begin(), taken.end()).size());
    case Aggregate::kSum: {
      double sum = 0;
      for (const Value& value : taken) sum += std::get<double>(value);
      return sum;
    }
    case Aggregate::kLast:
      return taken.empty() ? Value() : taken.back();
    case Aggregate::kMin:
    case Aggregate::kMax: {
      Value best;
      for (const Value& value : taken) {
        const bool better = std::holds_alternative<std::monostate>(best) ||
                            (definition.aggregate == Aggregate::kMin
                                 ? std::get<double>(value) < std::get<double>(best)
                                 : std::get<double>(value) > std::get<double>(best));
        if (better) best = value;
      }
      return best;
    }
  }
  return {};
}

// --- Writing ---

std::string TextOf(const std::string& text) {
  std::string out;
  for (const char c : text) {
    char escape[8] = "";
    if (c == '"') {
      out += "\\\"";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (c >= 0 && c < ' ') {
      std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return "\"" + out + "\"";
}

std::string JsonOf(const Value& value, bool whole) {
  if (std::holds_alternative<std::monostate>(value)) return "null";
  if (std::holds_alternative<std::string>(value)) return TextOf(std::get<std::string>(value));
  const double number = std::get<double>(value);
  if (std::isnan(number) || std::isinf(number)) return "null";
  if (whole && number > -9007199254740992.0 && number < 9007199254740992.0) {
    return std::to_string(static_cast<long long>(number));
  }
  char text[64];
  return {text, std::to_chars(text, text + sizeof(text), number).ptr};
}

std::string JsonOf(const std::vector<RecordField>& record, const Names& names) {
  std::string out;
  for (const RecordField& field : record) {
    out += (out.empty() ? "" : ",") + TextOf(field.name) + ":";
    out += field.value ? JsonOf(ValueOf(*field.value, names),
                                TypeOf(names.rule, *field.value) == ExprType::kWhole)
                       : JsonOf(field.fields, names);
  }
  return "{" + out + "}";
}

std::string JsonOfEvent(const Rule& rule, const Event& event) {
  // By object, "" for the event itself; an object stands where its first field does.
  std::vector<std::pair<std::string, std::string>> members;
  for (const EventField& field : FieldsOf(rule.input)) {
    const std::string path(field.path);
    const std::size_t dot = path.find('.');
    const std::string object = dot == std::string::npos ? "" : path.substr(0, dot);
    const std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
    const std::string member =
        TextOf(name) + ":" + JsonOf(event.fields.at(path), field.type == FieldType::kWhole);
    if (!object.empty() && !members.empty() && members.back().first == object) {
      members.back().second += "," + member;
    } else {
      members.emplace_back(object, member);
    }
  }
  std::string out;
  for (const auto& [object, content] : members) {
    out += out.empty() ? "" : ",";
    out += object.empty() ? content : TextOf(object) + ":{" + content + "}";
  }
  return "{" + out + "}";
}

void Write(const Names& names, const Alternative& alternative, NaiveOutput* output) {
  const Value key = ValueOf(names.rule.output_key, names);
  if (std::holds_alternative<std::string>(key)) output->key = std::get<std::string>(key);
  output->value =
      alternative.event ? JsonOfEvent(names.rule, names.event) : JsonOf(alternative.record, names);
}

// --- A rule over the stream ---

// `edges`: all that are found are appended.
std::vector<NaiveOutput> OutputsOf(const Rule& rule, std::size_t number,
                                   const std::vector<std::optional<Event>>& events,
                                   const std::vector<RecordedEvent>& stream,
                                   std::vector<NaiveEdge>* edges) {
  std::vector<NaiveOutput> outputs;
  std::vector<const Event*> accepted;  // not late, in order of arrival
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (stream[i].kind != rule.input || !events[i]) continue;
    const Event& event = *events[i];
    if (rule.uses_time() && !event.time_ns) continue;
    const Value key = event.fields.at(rule.key);

    std::vector<const Event*> of_key;
    for (const Event* e : accepted) {
      if (e->fields.at(rule.key) == key) of_key.push_back(e);
    }
    if (rule.window.of_time()) {
      std::int64_t greatest = *event.time_ns;
      for (const Event* e : of_key) greatest = std::max(greatest, *e->time_ns);
      const std::int64_t bound = greatest - rule.window.lateness_ns;
      if (*event.time_ns < greatest && *event.time_ns >= bound - rule.window.edge_ns &&
          *event.time_ns <= bound + rule.window.edge_ns) {
        edges->push_back({i, number});
      }
      if (*event.time_ns < bound) continue;  // late
    }
    accepted.push_back(&event);
    of_key.push_back(&event);

    const std::vector<const Event*> window = InWindow(rule.window, of_key);
    std::map<std::string, Value> state;
    for (const StateValue& value : rule.state) state[value.name] = Over(rule, value, window);

    const Names names{rule, event, state};
    for (std::size_t a = 0; a < rule.alternatives.size(); ++a) {
      const Alternative& alternative = rule.alternatives[a];
      if (alternative.when && !Holds(*alternative.when, names)) continue;
      bool cool = true;
      if (rule.cool_down_ns > 0) {
        for (const NaiveOutput& earlier : outputs) {
          const Event& cause = *events[earlier.event];
          if (cause.fields.at(rule.key) != key) continue;
          cool = *event.time_ns >= *cause.time_ns + rule.cool_down_ns;  // the latest one decides
        }
      }
      if (!cool) break;
      NaiveOutput output;
      output.event = i;
      output.rule = number;
      output.alternative = a;
      output.cause = i;
      Write(names, alternative, &output);
      outputs.push_back(std::move(output));
      break;
    }
  }
  return outputs;
}

// --- A rule whose windows answer when they close ---

struct Accepted {
  std::size_t number;  // in the stream
  const Event* event;
  Value key;
  bool answered = false;  // its window is closed
};

struct Window {
  std::vector<const Accepted*> events;  // in order of arrival
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  [[nodiscard]] bool Has(const Accepted& event) const {
    return std::find(events.begin(), events.end(), &event) != events.end();
  }
};

// The window of one event among those of its key that have not answered yet.
Window WindowAround(const Rule& rule, const std::deque<Accepted>& events, const Accepted& of) {
  std::vector<const Event*> candidates;
  for (const Accepted& e : events) {
    if (!e.answered && e.key == of.key && &e != &of) candidates.push_back(e.event);
  }
  candidates.push_back(of.event);
  const std::vector<const Event*> in = InWindow(rule.window, candidates);
  Window window;
  std::int64_t first = *of.event->time_ns;
  std::int64_t last = first;
  for (const Accepted& e : events) {
    if (e.answered || std::find(in.begin(), in.end(), e.event) == in.end()) continue;
    window.events.push_back(&e);
    first = std::min(first, *e.event->time_ns);
    last = std::max(last, *e.event->time_ns);
  }
  const std::int64_t size = rule.window.size_ns;
  if (rule.window.form == RuleWindow::Form::kTumbling) {
    window.start_ns = first / size * size;
    window.end_ns = window.start_ns + size;
  } else {
    window.start_ns = first;
    window.end_ns = last + size;
  }
  return window;
}

// A tumbling window ends before its end, a session with it.
bool IsClosed(const Rule& rule, const Window& window, std::int64_t stream_ns) {
  const std::int64_t end = window.end_ns + rule.window.lateness_ns;
  return rule.window.form == RuleWindow::Form::kTumbling ? end <= stream_ns : end < stream_ns;
}

// What the windows put out that are closed at this time of the stream, or all of them; those
// windows.
std::vector<Window> Close(const Rule& rule, std::size_t number, std::size_t event,
                          std::optional<std::int64_t> stream_ns, std::deque<Accepted>* events,
                          std::vector<NaiveOutput>* outputs) {
  std::vector<Window> closed;
  for (const Accepted& e : *events) {
    if (e.answered || std::any_of(closed.begin(), closed.end(),
                                  [&](const Window& window) { return window.Has(e); })) {
      continue;
    }
    Window window = WindowAround(rule, *events, e);
    if (!stream_ns || IsClosed(rule, window, *stream_ns)) closed.push_back(std::move(window));
  }
  // They were found in the order in which they began.
  std::stable_sort(closed.begin(), closed.end(),
                   [](const Window& a, const Window& b) { return a.end_ns < b.end_ns; });
  for (const Window& window : closed) {
    std::vector<const Event*> in;
    for (const Accepted* e : window.events) in.push_back(e->event);
    std::map<std::string, Value> state;
    for (const StateValue& value : rule.state) state[value.name] = Over(rule, value, in);
    const std::int64_t start_ms = window.start_ns / 1'000'000;
    const std::int64_t end_ms = window.end_ns / 1'000'000;
    const Names names{rule, *in.back(), state,
                      Bounds{static_cast<double>(start_ms), static_cast<double>(end_ms)}};
    for (std::size_t a = 0; a < rule.alternatives.size(); ++a) {
      const Alternative& alternative = rule.alternatives[a];
      if (alternative.when && !Holds(*alternative.when, names)) continue;
      NaiveOutput output;
      output.event = event;
      output.rule = number;
      output.alternative = a;
      output.cause = window.events.back()->number;
      output.wait_ns =
          window.end_ns + rule.window.lateness_ns - *window.events.back()->event->time_ns;
      output.open = !stream_ns.has_value();
      Write(names, alternative, &output);
      outputs->push_back(std::move(output));
      break;
    }
    for (Accepted& e : *events) e.answered = e.answered || window.Has(e);
  }
  return closed;
}

// Whether an event that is not among them yet is at the edge of being late. `closed`: all windows
// that are.
bool IsAtEdge(const Rule& rule, const std::vector<Window>& closed,
              const std::deque<Accepted>& events, const Event& event, std::int64_t stream_ns) {
  const std::int64_t time = *event.time_ns;
  if (time == stream_ns) return false;
  const std::int64_t size = rule.window.size_ns;
  const auto near = [&](std::int64_t end_ns) {
    const std::int64_t bound = end_ns + rule.window.lateness_ns;
    return bound >= stream_ns - rule.window.edge_ns && bound <= stream_ns + rule.window.edge_ns;
  };
  if (rule.window.form == RuleWindow::Form::kTumbling) return near((time / size + 1) * size);
  // Those that are open, and those that another reading has open.
  std::vector<Window> sessions;
  for (const Window& session : closed) {
    if (near(session.end_ns)) sessions.push_back(session);
  }
  for (const Accepted& e : events) {
    if (!e.answered) sessions.push_back(WindowAround(rule, events, e));
  }
  std::vector<std::int64_t> ends;  // of those that it reaches
  for (const Window& session : sessions) {
    if (session.events.front()->key != event.fields.at(rule.key)) continue;
    if (std::any_of(session.events.begin(), session.events.end(), [&](const Accepted* e) {
          return std::abs(*e->event->time_ns - time) <= size;
        })) {
      ends.push_back(session.end_ns);
    }
  }
  if (ends.empty()) return near(time + size);
  return std::any_of(ends.begin(), ends.end(), near);
}

std::vector<NaiveOutput> ClosedOutputsOf(const Rule& rule, std::size_t number,
                                         const std::vector<std::optional<Event>>& events,
                                         const std::vector<RecordedEvent>& stream,
                                         std::vector<NaiveEdge>* edges) {
  std::vector<NaiveOutput> outputs;
  std::deque<Accepted> accepted;
  std::vector<Window> closed;
  std::optional<std::int64_t> stream_ns;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (stream[i].kind != rule.input || !events[i] || !events[i]->time_ns) continue;
    const Event& event = *events[i];
    if (!stream_ns || *stream_ns < *event.time_ns) stream_ns = event.time_ns;
    for (Window& window : Close(rule, number, i, stream_ns, &accepted, &outputs)) {
      closed.push_back(std::move(window));
    }
    if (IsAtEdge(rule, closed, accepted, event, *stream_ns)) edges->push_back({i, number});
    accepted.push_back({i, &event, event.fields.at(rule.key), false});
    if (IsClosed(rule, WindowAround(rule, accepted, accepted.back()), *stream_ns)) {
      accepted.pop_back();  // late
    }
  }
  Close(rule, number, events.size(), std::nullopt, &accepted, &outputs);
  return outputs;
}

}  // namespace

std::vector<NaiveOutput> NaiveOutputs(const RuleSet& rules,
                                      const std::vector<RecordedEvent>& stream,
                                      std::vector<NaiveEdge>* edges) {
  std::vector<std::optional<Event>> events;
  events.reserve(stream.size());
  for (const RecordedEvent& recorded : stream) events.push_back(ReadEvent(recorded));
  std::vector<NaiveOutput> outputs;
  std::vector<NaiveEdge> at_edge;
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const auto of_rule = rules.rules[i].window.closes() ? ClosedOutputsOf : OutputsOf;
    for (NaiveOutput& output : of_rule(rules.rules[i], i, events, stream, &at_edge)) {
      outputs.push_back(std::move(output));
    }
  }
  // By event, and by rule for one event.
  std::stable_sort(outputs.begin(), outputs.end(),
                   [](const NaiveOutput& a, const NaiveOutput& b) { return a.event < b.event; });
  std::stable_sort(at_edge.begin(), at_edge.end(),
                   [](const NaiveEdge& a, const NaiveEdge& b) { return a.event < b.event; });
  if (edges != nullptr) *edges = std::move(at_edge);
  return outputs;
}

}  // namespace playload
