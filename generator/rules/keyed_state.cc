#include "generator/rules/keyed_state.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <limits>
#include <unordered_map>
#include <utility>

#include "generator/oracle/number_map.h"
#include "generator/rules/row_math.h"

namespace playload {
namespace {

using row_math::First;
using row_math::kNone;
using row_math::RowMath;
using row_math::Take;
using row_math::ToDouble;
using row_math::ToWord;
using row_math::Word;
using Value = KeyedState::Value;

Word OfTime(std::int64_t time_ns) { return static_cast<Word>(time_ns); }

// `latest`: the greatest time of the key so far, or kNever.
Fate FateOf(const RuleWindow& window, std::int64_t latest, std::int64_t time_ns) {
  if (time_ns >= latest) return {};  // in order
  const std::int64_t from_bound = time_ns - (latest - window.lateness_ns);
  return {from_bound < 0, std::abs(from_bound) <= window.edge_ns};
}

class RowState : public KeyedState {
 public:
  RowState(std::vector<Value> values, const RuleWindow& window, bool cool_down)
      : math_(std::move(values)),
        window_(window),
        values_at_((window.of_time() ? 1u : 0u) + (cool_down ? 1u : 0u)),
        stride_(values_at_ + math_.size()) {}

  Fate Add(std::uint64_t key, std::int64_t time_ns, const StateWords& in, StateWords* now,
           StateWords* before, std::int64_t** last_output) override {
    Fate fate;
    Word* const row = Row(key);
    Word* const values = row + values_at_;
    if (window_.of_time()) {
      const auto latest = static_cast<std::int64_t>(row[0]);
      fate = FateOf(window_, latest, time_ns);
      if (fate.late) return fate;
      if (latest != kNever && IsNewWindow(latest, time_ns)) math_.Reset(values);
      row[0] = OfTime(time_ns);
    }
    if (before != nullptr) math_.Read(values, before);
    math_.Add(in, values);
    math_.Read(values, now);
    // Signed and unsigned views of one object may alias.
    *last_output = values_at_ == (window_.of_time() ? 1u : 0u)
                       ? nullptr
                       : reinterpret_cast<std::int64_t*>(values - 1);
    return fate;
  }

 private:
  [[nodiscard]] bool IsNewWindow(std::int64_t latest, std::int64_t time_ns) const {
    return window_.form == RuleWindow::Form::kTumbling
               ? latest / window_.size_ns != time_ns / window_.size_ns
               : time_ns - latest > window_.size_ns;
  }

  Word* Row(std::uint64_t key) {
    std::uint64_t& place = places_[key];
    if (place == 0) {
      const std::size_t begin = rows_.size();
      rows_.resize(begin + stride_, OfTime(kNever));
      math_.Begin(rows_.data() + begin + values_at_);
      place = begin / stride_ + 1;
    }
    return rows_.data() + (place - 1) * stride_;
  }

  RowMath math_;
  const RuleWindow window_;
  const std::size_t values_at_;  // in a row: behind the greatest time and the latest output
  const std::size_t stride_;
  NumberMap<std::uint64_t> places_;  // row + 1
  std::vector<Word> rows_;
};

// The windowed states that keep more than a row of each key.
template <typename Key>
class KeyTable {
 public:
  Key& operator[](std::uint64_t key) {
    std::uint64_t& place = places_[key];
    if (place == 0) {
      keys_.emplace_back();
      place = keys_.size();
    }
    return keys_[place - 1];
  }

 private:
  NumberMap<std::uint64_t> places_;  // index + 1
  std::deque<Key> keys_;
};

class PaneState : public KeyedState {
 public:
  PaneState(std::vector<Value> values, const RuleWindow& window, bool cool_down)
      : math_(std::move(values)), window_(window), cool_down_(cool_down) {}

  Fate Add(std::uint64_t key, std::int64_t time_ns, const StateWords& in, StateWords* now,
           StateWords* before, std::int64_t** last_output) override {
    Panes& panes = keys_[key];
    const Fate fate = FateOf(window_, panes.latest, time_ns);
    if (fate.late) return fate;
    panes.latest = std::max(panes.latest, time_ns);
    const std::int64_t open = std::max<std::int64_t>(0, panes.latest - window_.lateness_ns);
    for (std::size_t i = panes.open.size(); i-- > 0;) {
      if (panes.open[i].index >= open / window_.size_ns) continue;
      math_.Reset(panes.open[i].row.data());
      panes.open.erase(panes.open.begin() + static_cast<std::ptrdiff_t>(i));
    }
    const std::int64_t index = time_ns / window_.size_ns;
    auto pane = std::find_if(panes.open.begin(), panes.open.end(),
                             [index](const Pane& p) { return p.index == index; });
    if (pane == panes.open.end()) {
      panes.open.push_back({index, std::vector<Word>(math_.size())});
      pane = std::prev(panes.open.end());
      math_.Begin(pane->row.data());
    }
    if (before != nullptr) math_.Read(pane->row.data(), before);
    math_.Add(in, pane->row.data());
    math_.Read(pane->row.data(), now);
    *last_output = cool_down_ ? &panes.last_output : nullptr;
    return fate;
  }

 private:
  struct Pane {
    std::int64_t index;
    std::vector<Word> row;
  };
  struct Panes {
    std::int64_t latest = kNever;
    std::int64_t last_output = kNever;
    std::vector<Pane> open;
  };

  RowMath math_;
  const RuleWindow window_;
  const bool cool_down_;
  KeyTable<Panes> keys_;
};

// Events of a key that are still in a window: in order of arrival, each a time and what every value
// takes of it.
class Events {
 public:
  void Append(std::int64_t time_ns, const StateWords& in, std::size_t values) {
    words_.push_back(OfTime(time_ns));
    words_.insert(words_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(values));
  }
  [[nodiscard]] std::size_t size(std::size_t values) const {
    return (words_.size() - begin_) / (values + 1);
  }
  [[nodiscard]] const Word* At(std::size_t i, std::size_t values) const {
    return &words_[begin_ + i * (values + 1)];
  }
  [[nodiscard]] std::int64_t TimeAt(std::size_t i, std::size_t values) const {
    return static_cast<std::int64_t>(*At(i, values));
  }
  void DropFirst(std::size_t values) {
    begin_ += values + 1;
    if (begin_ * 2 <= words_.size() || begin_ < 64) return;
    words_.erase(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  // Keeps those whose time `keep` wants.
  template <typename Keep>
  void Filter(std::size_t values, Keep keep) {
    const std::size_t stride = values + 1;
    std::size_t to = 0;
    for (std::size_t from = begin_; from < words_.size(); from += stride) {
      if (!keep(static_cast<std::int64_t>(words_[from]))) continue;
      std::copy_n(&words_[from], stride, &words_[to]);
      to += stride;
    }
    words_.resize(to);
    begin_ = 0;
  }

 private:
  std::vector<Word> words_;
  std::size_t begin_ = 0;  // of the first event
};

class QueueState : public KeyedState {
 public:
  QueueState(std::vector<Value> values, const RuleWindow& window, bool cool_down)
      : values_(std::move(values)), window_(window), cool_down_(cool_down) {}

  Fate Add(std::uint64_t key, std::int64_t time_ns, const StateWords& in, StateWords* now,
           StateWords* before, std::int64_t** last_output) override {
    Fate fate;
    Queue& queue = keys_[key];
    if (queue.values.empty()) {
      queue.values.resize(values_.size());
      for (std::size_t i = 0; i < values_.size(); ++i) {
        queue.values[i].word = First(values_[i].aggregate);
      }
    }
    if (window_.of_time()) {
      fate = FateOf(window_, queue.latest, time_ns);
      if (fate.late) return fate;
      queue.latest = time_ns;
    }
    while (queue.events.size(values_.size()) > 0 && IsOver(queue, time_ns)) DropFirst(&queue);
    Mend(&queue);
    if (before != nullptr) Read(queue, before);
    queue.events.Append(time_ns, in, values_.size());
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (in[i] == kNone) continue;
      Running& value = queue.values[i];
      ++value.events;
      if (values_[i].aggregate == Aggregate::kDistinct) {
        ++value.counts[in[i]];
      } else {
        Take(values_[i].aggregate, in[i], &value.word);
      }
    }
    Read(queue, now);
    *last_output = cool_down_ ? &queue.last_output : nullptr;
    return fate;
  }

 private:
  struct Running {
    Word word = 0;
    std::size_t events = 0;                          // that the value took something of
    bool stale = false;                              // must be made again from the events
    std::unordered_map<Word, std::uint32_t> counts;  // distinct
  };
  struct Queue {
    std::int64_t latest = kNever;
    std::int64_t last_output = kNever;
    Events events;
    std::vector<Running> values;
  };

  // Whether the first event is no longer in the window of one that comes now.
  [[nodiscard]] bool IsOver(const Queue& queue, std::int64_t time_ns) const {
    if (window_.form == RuleWindow::Form::kLast) {
      return queue.events.size(values_.size()) >= static_cast<std::size_t>(window_.events);
    }
    return queue.events.TimeAt(0, values_.size()) <= time_ns - window_.size_ns;
  }

  void DropFirst(Queue* queue) const {
    const Word* const first = queue->events.At(0, values_.size()) + 1;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (first[i] == kNone) continue;
      Running& value = queue->values[i];
      --value.events;
      switch (values_[i].aggregate) {
        case Aggregate::kCount:
          value.word = ToWord(static_cast<double>(value.events));
          break;
        case Aggregate::kSum:
          // Whole numbers are exact; of others the sum depends on where it begins.
          if (values_[i].whole) {
            value.word = ToWord(ToDouble(value.word) - ToDouble(first[i]));
          } else {
            value.stale = true;
          }
          break;
        case Aggregate::kDistinct: {
          const auto count = value.counts.find(first[i]);
          if (--count->second == 0) value.counts.erase(count);
          break;
        }
        case Aggregate::kLast:
          if (value.events == 0) value.word = kNone;
          break;
        case Aggregate::kMin:
        case Aggregate::kMax:
          value.stale = value.stale || ToDouble(first[i]) == ToDouble(value.word);
          break;
      }
    }
    queue->events.DropFirst(values_.size());
  }

  void Mend(Queue* queue) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      Running& value = queue->values[i];
      if (!value.stale) continue;
      value.stale = false;
      value.word = First(values_[i].aggregate);
      for (std::size_t e = 0; e < queue->events.size(values_.size()); ++e) {
        const Word in = queue->events.At(e, values_.size())[1 + i];
        if (in != kNone) Take(values_[i].aggregate, in, &value.word);
      }
    }
  }

  void Read(const Queue& queue, StateWords* out) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const Running& value = queue.values[i];
      (*out)[i] = values_[i].aggregate == Aggregate::kDistinct
                      ? ToWord(static_cast<double>(value.counts.size()))
                      : value.word;
    }
  }

  const std::vector<Value> values_;
  const RuleWindow window_;
  const bool cool_down_;
  KeyTable<Queue> keys_;
};

class BufferState : public KeyedState {
 public:
  BufferState(std::vector<Value> values, const RuleWindow& window, bool cool_down,
              bool grows_together)
      : values_(std::move(values)),
        window_(window),
        cool_down_(cool_down),
        grows_together_(grows_together) {}

  Fate Add(std::uint64_t key, std::int64_t time_ns, const StateWords& in, StateWords* now,
           StateWords* before, std::int64_t** last_output) override {
    Buffer& buffer = keys_[key];
    const Fate fate = FateOf(window_, buffer.latest, time_ns);
    if (fate.late) return fate;
    buffer.latest = std::max(buffer.latest, time_ns);
    if (buffer.events.size(values_.size()) >= buffer.tidy_at) Tidy(&buffer);
    const auto [first, last] = WindowOf(buffer, time_ns);
    if (before != nullptr) Gather(buffer, first, last, before);
    buffer.events.Append(time_ns, in, values_.size());
    Gather(buffer, first, last, now);
    *last_output = cool_down_ ? &buffer.last_output : nullptr;
    return fate;
  }

 private:
  struct Buffer {
    std::int64_t latest = kNever;
    std::int64_t last_output = kNever;
    std::size_t tidy_at = 16;
    Events events;
  };
  using Bounds = std::pair<std::int64_t, std::int64_t>;  // both inclusive

  // The times that an event at this time shares its window with, before it is among them.
  Bounds WindowOf(const Buffer& buffer, std::int64_t time_ns) {
    if (window_.form == RuleWindow::Form::kSliding) {
      return {time_ns - window_.size_ns + 1, time_ns};
    }
    if (!grows_together_) return NearestOf(buffer, time_ns);
    Sort(buffer);
    const auto at = std::lower_bound(times_.begin(), times_.end(), time_ns);
    Bounds bounds(time_ns, time_ns);
    for (auto later = at; later != times_.end(); ++later) {
      if (*later - bounds.second > window_.size_ns) break;
      bounds.second = *later;
    }
    for (auto earlier = at; earlier != times_.begin();) {
      --earlier;
      if (bounds.first - *earlier > window_.size_ns) break;
      bounds.first = *earlier;
    }
    return bounds;
  }

  // The session where they do not grow together: each event makes the nearest one longer, in order
  // of arrival.
  Bounds NearestOf(const Buffer& buffer, std::int64_t time_ns) {
    sessions_.clear();
    const std::size_t events = buffer.events.size(values_.size());
    for (std::size_t e = 0;; ++e) {
      const std::int64_t time = e < events ? buffer.events.TimeAt(e, values_.size()) : time_ns;
      const auto away = [time](const Bounds& session) {
        return std::max({session.first - time, time - session.second, std::int64_t{0}});
      };
      auto nearest =
          std::min_element(sessions_.begin(), sessions_.end(),
                           [&away](const Bounds& a, const Bounds& b) { return away(a) < away(b); });
      if (nearest == sessions_.end() || away(*nearest) > window_.size_ns) {
        nearest = sessions_.insert(sessions_.end(), {time, time});
      }
      nearest->first = std::min(nearest->first, time);
      nearest->second = std::max(nearest->second, time);
      if (e == events) return *nearest;
    }
  }

  void Sort(const Buffer& buffer) {
    times_.clear();
    for (std::size_t e = 0; e < buffer.events.size(values_.size()); ++e) {
      times_.push_back(buffer.events.TimeAt(e, values_.size()));
    }
    std::sort(times_.begin(), times_.end());
  }

  // Drops the events that no event to come can share a window with: none will be before `earliest`.
  void Tidy(Buffer* buffer) {
    const std::int64_t earliest = buffer->latest - window_.lateness_ns;
    std::int64_t oldest = earliest - window_.size_ns;  // the first time to keep
    if (window_.form == RuleWindow::Form::kSliding) {
      ++oldest;
    } else {  // all of a session that can still grow
      Sort(*buffer);
      for (auto time = times_.rbegin(); time != times_.rend(); ++time) {
        if (*time < oldest - window_.size_ns) break;
        if (*time < oldest) {
          const auto later = time == times_.rbegin() ? times_.rend() : std::prev(time);
          if (later == times_.rend() || *later - *time > window_.size_ns) break;
          oldest = *time;
        }
      }
    }
    buffer->events.Filter(values_.size(), [oldest](std::int64_t time) { return time >= oldest; });
    buffer->tidy_at = std::max<std::size_t>(16, 2 * buffer->events.size(values_.size()));
  }

  void Gather(const Buffer& buffer, std::int64_t first, std::int64_t last, StateWords* out) {
    for (std::size_t i = 0; i < values_.size(); ++i) (*out)[i] = First(values_[i].aggregate);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const bool distinct = values_[i].aggregate == Aggregate::kDistinct;
      seen_.clear();
      for (std::size_t e = 0; e < buffer.events.size(values_.size()); ++e) {
        const Word* const event = buffer.events.At(e, values_.size());
        const auto time = static_cast<std::int64_t>(*event);
        if (time < first || time > last || event[1 + i] == kNone) continue;
        if (distinct) {
          seen_.push_back(event[1 + i]);
        } else {
          Take(values_[i].aggregate, event[1 + i], &(*out)[i]);
        }
      }
      if (!distinct) continue;
      std::sort(seen_.begin(), seen_.end());
      const auto end = std::unique(seen_.begin(), seen_.end());
      (*out)[i] = ToWord(static_cast<double>(end - seen_.begin()));
    }
  }

  const std::vector<Value> values_;
  const RuleWindow window_;
  const bool cool_down_;
  const bool grows_together_;
  KeyTable<Buffer> keys_;
  std::vector<Bounds> sessions_;     // reused
  std::vector<std::int64_t> times_;  // reused
  std::vector<Word> seen_;           // reused
};

}  // namespace

std::unique_ptr<KeyedState> KeyedState::Make(std::vector<Value> values, const RuleWindow& window,
                                             bool cool_down, bool grows_together) {
  if (values.empty() && !window.of_time() && !cool_down) return nullptr;
  const bool late = window.lateness_ns > 0;
  const auto buffer = [&] {
    return std::make_unique<BufferState>(std::move(values), window, cool_down, grows_together);
  };
  switch (window.form) {
    case RuleWindow::Form::kAll:
      break;
    case RuleWindow::Form::kTumbling:
      if (late) return std::make_unique<PaneState>(std::move(values), window, cool_down);
      break;
    case RuleWindow::Form::kSession:
      if (late) return buffer();
      break;
    case RuleWindow::Form::kSliding:
      if (late) return buffer();
      return std::make_unique<QueueState>(std::move(values), window, cool_down);
    case RuleWindow::Form::kLast:
      return std::make_unique<QueueState>(std::move(values), window, cool_down);
  }
  return std::make_unique<RowState>(std::move(values), window, cool_down);
}

}  // namespace playload
