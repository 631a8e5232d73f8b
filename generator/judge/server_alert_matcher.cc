#include "generator/judge/server_alert_matcher.h"

#include <algorithm>
#include <tuple>

#include "generator/base/text.h"

namespace playload {

void ServerAlertMatcher::Add(const ProducedRecord& record, std::string_view value) {
  AlertItem item = Item(record);
  if (record.form == ProducedRecord::Form::kOdd) item.odd = texts_.Keep(value, record.why);
  item.unreadable = !record.readable;
  sequences_.AddProduced(record.number, item);
}

std::uint64_t ServerAlertMatcher::Outstanding() const {
  return sequences_.Outstanding(
      [&](std::uint64_t /*server*/, const Items& expected, const Items& produced) {
        Comparison scratch;
        Differ("", expected, produced, &scratch);
        return scratch.flaw(Flaw::kMissing);
      });
}

void ServerAlertMatcher::Judge(const IdForm& ids, Comparison* out) const {
  sequences_.Judge(
      [&](std::uint64_t /*server*/, const Items& items, std::uint32_t forgotten) {
        out->matched += forgotten;
        out->expected += forgotten;
        for (const AlertItem& item : items) {
          ++(item.may ? out->may : out->matched);
          out->expected += item.may ? 0 : 1;
        }
      },
      [&](std::uint64_t server, const Items& expected, const Items& produced) {
        for (const AlertItem& item : expected) out->expected += item.may ? 0 : 1;
        Differ(ids.Text(server), expected, produced, out);
      },
      [](std::uint64_t /*came*/) {},
      [&](Flaw flaw, std::uint64_t count, const Sequences::Examples& examples) {
        AddCounted(
            flaw, count, examples,
            [&](std::uint64_t server, const AlertItem& item) {
              return FlawExample{ids.Text(server), "", Text(item)};
            },
            out);
      });
}

bool ServerAlertMatcher::UnexpectedOutside(std::int64_t begin_ns, std::int64_t end_ns) const {
  bool found = false;
  sequences_.Judge(
      [](std::uint64_t /*server*/, const Items& /*items*/, std::uint32_t /*forgotten*/) {},
      [&](std::uint64_t /*server*/, const Items& expected, const Items& produced) {
        Comparison scratch;
        for (const AlertItem* item : Differ("", expected, produced, &scratch)) {
          const bool outside = item->time_ns < begin_ns || item->time_ns > end_ns;
          found = found || (!item->unreadable && item->time_ns >= 0 && outside);
        }
      },
      [](std::uint64_t /*came*/) {},
      [](Flaw /*flaw*/, std::uint64_t /*count*/, const Sequences::Examples& /*examples*/) {});
  return found;
}

AlertItem ServerAlertMatcher::Item(const ProducedRecord& record) {
  AlertItem item;
  item.content = record.content;
  item.time_ns = record.time_ns;
  item.latency = record.latency;
  item.cpu_load = record.cpu_load;
  item.memory_usage = record.memory_usage;
  const std::pair place(record.region.substr(0, kLongestPlace),
                        record.server_type.substr(0, kLongestPlace));
  while (item.place < places_.size() &&
         (places_[item.place].first != place.first || places_[item.place].second != place.second)) {
    ++item.place;
  }
  if (item.place == places_.size() && places_.size() < kMostPlaces) places_.emplace_back(place);
  return item;
}

std::string ServerAlertMatcher::Text(const AlertItem& item) const {
  if (item.odd != 0) return texts_.Text(item.odd);
  const auto place = item.place < places_.size() ? places_[item.place]
                                                 : std::pair<std::string, std::string>("?", "?");
  return "cpu_load " + std::to_string(item.cpu_load) + ", memory_usage " +
         std::to_string(item.memory_usage) + ", latency " + std::to_string(item.latency) + " at " +
         (item.time_ns < 0 ? "?" : FormatInstant(item.time_ns)) + ", " + place.first + ", " +
         place.second;
}

ServerAlertMatcher::Pointers ServerAlertMatcher::Differ(const std::string& key,
                                                        const Items& expected,
                                                        const Items& produced,
                                                        Comparison* out) const {
  const auto example = [&](const AlertItem* e, const AlertItem* p) {
    return [this, &key, e, p] {
      return FlawExample{key, e == nullptr ? "" : Text(*e), p == nullptr ? "" : Text(*p)};
    };
  };
  // By content, each as often as expected: both sides sorted, then walked together.
  const auto sorted = [](const Items& items) {
    Pointers pointers;
    for (const AlertItem& item : items) pointers.push_back(&item);
    std::stable_sort(pointers.begin(), pointers.end(), [](const AlertItem* a, const AlertItem* b) {
      return std::pair(a->odd != 0, a->content) < std::pair(b->odd != 0, b->content);
    });
    return pointers;
  };
  Pointers open;     // expected, nothing came
  Pointers surplus;  // came, nothing expected
  const Pointers es = sorted(expected);
  const Pointers ps = sorted(produced);
  std::size_t p = 0;
  for (std::size_t e = 0; e < es.size();) {
    const AlertItem& first = *es[e];
    while (p < ps.size() && ps[p]->odd == 0 && ps[p]->content < first.content) {
      surplus.push_back(ps[p++]);
    }
    std::size_t came = 0;
    while (p + came < ps.size() && ps[p + came]->Same(first)) ++came;
    p += came;
    // Equal contents differ in `may` alone: what came goes to the certain ones first.
    const std::size_t group = e;
    while (e < es.size() && es[e]->Same(first)) ++e;
    for (const bool may : {false, true}) {
      for (std::size_t i = group; i < e; ++i) {
        if (es[i]->may != may) continue;
        if (came > 0) {
          --came;
          ++(may ? out->may : out->matched);
        } else if (!may) {
          open.push_back(es[i]);
        }
      }
    }
    out->Add(Flaw::kDuplicate, came, example(&first, &first));
  }
  for (; p < ps.size(); ++p) surplus.push_back(ps[p]);

  // What came instead of an expected one: of the same instant, or with the same measurements, or
  // too odd to say.
  const auto pair_off = [&](auto key_of) {
    const auto less = [&](const AlertItem* a, const AlertItem* b) {
      return key_of(*a) < key_of(*b);
    };
    std::stable_sort(open.begin(), open.end(), less);
    std::stable_sort(surplus.begin(), surplus.end(), less);
    Pointers still_open;
    Pointers still_surplus;
    std::size_t next = 0;
    for (const AlertItem* e : open) {
      while (next < surplus.size() && less(surplus[next], e)) {
        still_surplus.push_back(surplus[next++]);
      }
      if (next < surplus.size() && !less(e, surplus[next])) {
        out->Add(Flaw::kWrong, 1, example(e, surplus[next++]));
      } else {
        still_open.push_back(e);
      }
    }
    still_surplus.insert(still_surplus.end(), surplus.begin() + static_cast<std::ptrdiff_t>(next),
                         surplus.end());
    open.swap(still_open);
    surplus.swap(still_surplus);
  };
  if (timestamps_) pair_off([](const AlertItem& item) { return item.time_ns; });
  pair_off([](const AlertItem& item) {
    return std::tuple(item.cpu_load, item.memory_usage, item.latency);
  });
  Pointers still_surplus;
  for (const AlertItem* item : surplus) {
    if (item->odd == 0 || open.empty()) {
      still_surplus.push_back(item);
    } else {
      out->Add(Flaw::kWrong, 1, example(open.back(), item));
      open.pop_back();
    }
  }
  surplus.swap(still_surplus);
  const auto by_time = [](const AlertItem* a, const AlertItem* b) {
    return std::tuple(a->time_ns, a->content) < std::tuple(b->time_ns, b->content);
  };
  std::stable_sort(open.begin(), open.end(), by_time);
  std::stable_sort(surplus.begin(), surplus.end(), by_time);
  for (const AlertItem* e : open) out->Add(Flaw::kMissing, 1, example(e, nullptr));
  for (const AlertItem* s : surplus) {
    out->Add(s->unreadable ? Flaw::kUnreadable : Flaw::kUnexpected, 1, example(nullptr, s));
  }
  return surplus;
}

}  // namespace playload
