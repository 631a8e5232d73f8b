#include "transports/http/renderer.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <new>

#include "generator/encode/number_text.h"

namespace playload {
namespace {

// Around the longest line: "event: purchase\n", "data: ", "id: " with 20 digits and "\n\n", and the
// envelope's texts with a key of up to 64 bytes.
constexpr std::uint32_t kMaxFrame = 16 + 6 + 26 + 24 + 64;
constexpr std::uint32_t kHead = offsetof(Granule, bytes);

template <std::size_t N>
char* Put(char* o, const char (&text)[N]) {
  std::memcpy(o, text, N - 1);
  return o + (N - 1);
}

// Copies in pieces of 32 bytes, so up to 31 more than `length` are read and written: a length known
// only at run time would cost a call.
char* PutLong(char* o, const char* text, std::uint32_t length) {
  char* const end = o + length;
  for (; o < end; o += 32, text += 32) std::memcpy(o, text, 32);
  return end;
}

char* PutName(char* o, Kind kind) {
  switch (kind) {
    case Kind::kPlayer:
      return Put(o, "event: player\n");
    case Kind::kPurchase:
      return Put(o, "event: purchase\n");
    case Kind::kServer:
      break;
  }
  return Put(o, "event: server\n");
}

// Appends one record at a time to `o`, framed.
class Framer {
 public:
  // `line`: room for one line.
  Framer(const DataflowEncoder& encoder, TimestampCursor& time, const Form& form, char* line)
      : encoder_(encoder), time_(time), form_(form), line_(line) {}

  char* Append(char* o, const Record& record, Kind kind, std::uint64_t lane, Position position) {
    const bool sse = form_.format == StreamFormat::kSse;
    if (sse && form_.named) o = PutName(o, kind);
    if (sse) o = Put(o, "data: ");
    o = form_.envelope ? Enveloped(o, record, lane, position) : Line(o, record, lane, position);
    if (sse) {
      o = Put(o, "id: ");
      o = NumberText(position + 1).Write(o);
      *o++ = '\n';
    }
    if (form_.format != StreamFormat::kNdjson) *o++ = '\n';
    return o;
  }

 private:
  char* Line(char* o, const Record& record, std::uint64_t lane, Position position) {
    out_.end[0] = o;
    encoder_.EncodeRun(&record, 1, lane, position, time_, false, &out_);
    return out_.end[0];
  }

  // The key is known only once the line is there, but stands before it.
  char* Enveloped(char* o, const Record& record, std::uint64_t lane, Position position) {
    EventRef ref{};
    out_.events = &ref;
    out_.begin[0] = out_.end[0] = line_;
    encoder_.EncodeRun(&record, 1, lane, position, time_, false, &out_);
    o = Put(o, R"({"key":")");
    o = PutLong(o, line_ + ref.key_begin, ref.key_length);
    o = Put(o, R"(","event":)");
    o = PutLong(o, line_, ref.length - 1u);
    return Put(o, "}\n");
  }

  const DataflowEncoder& encoder_;
  TimestampCursor& time_;
  const Form form_;
  char* const line_;
  DataflowEncoder::Output out_{};
};

// Appends those of a run's records that have a bit in `wanted` as lines, in as few calls as there
// are stretches of them, and notes where each ends.
char* AppendLines(const DataflowEncoder& encoder, TimestampCursor& time, const Record* records,
                  std::uint32_t wanted, const Layout::Run& run, char* begin, char* o,
                  std::uint32_t* ends) {
  EventRef refs[kRunLength];
  DataflowEncoder::Output out{};
  out.begin[0] = begin;
  out.end[0] = o;
  out.events = refs;
  for (std::uint32_t n = 0; wanted >> n != 0;) {
    n += static_cast<std::uint32_t>(std::countr_zero(wanted >> n));
    const auto count = static_cast<std::uint32_t>(std::countr_one(wanted >> n));
    encoder.EncodeRun(records + n, count, run.lane, run.first + n, time, false, &out);
    n += count;
  }
  for (const EventRef* ref = refs; ref != out.events; ++ref) *ends++ = ref->begin + ref->length;
  return out.end[0];
}

}  // namespace

Renderer::Renderer(const StreamTables& tables)
    : tables_(tables),
      planned_(tables.plan, tables.spec.start_ns, tables.spec.timestamp_form),
      fixed_(planned_),
      scratch_(kHead + kGranuleEvents * (kMaxLine + kMaxFrame) + kSlack),
      line_(kMaxLine + kSlack) {}

TimestampCursor& Renderer::TimeOf(std::int64_t utc_ns) {
  if (utc_ns < 0) return planned_;
  if (utc_ns != fixed_ns_) {
    fixed_.Fix(utc_ns);
    fixed_ns_ = utc_ns;
  }
  return fixed_;
}

GranuleRef Renderer::Render(const Block& block, std::uint32_t index, const Form& form) {
  // Made where there is room for the longest one, then copied to where it just fits. Made in memory
  // of its own that is cut down afterwards it would cost an eighth less, but thousands of clients
  // may each hold one, and between what is cut off and what is given back half of the memory would
  // lie fallow.
  Granule* const granule = new (scratch_.data()) Granule;
  const std::uint32_t from = index * kGranuleEvents;
  const std::uint32_t slots = std::min(kGranuleEvents, block.count - from);
  granule->first = block.number * kBatchEvents + from;
  granule->slots = static_cast<std::uint8_t>(slots);
  granule->form = static_cast<std::uint8_t>(form.id());

  TimestampCursor& time = TimeOf(block.stamp_ns);
  Framer framer(tables_.encoder, time, form, line_.data());
  const bool bare = form.format == StreamFormat::kNdjson && !form.envelope;
  char* const begin = scratch_.data() + kHead;
  char* o = begin;
  std::uint32_t all = 0;
  for (std::uint32_t first = 0; first < slots; first += kRunLength) {
    const Layout::Run run = tables_.layout.RunAt((granule->first + first) / kRunLength);
    granule->positions[first / kRunLength] = run.first;
    const Record* const records = &block.records[from + first];
    const std::uint32_t count = std::min(kRunLength, slots - first);
    // Every event is noted, and overwritten by the next one if it is not wanted.
    std::uint32_t wanted = 0;  // bit n: record n of the run is
    const std::uint32_t before = all;
    for (std::uint32_t n = 0; n < count; ++n) {
      const Kind kind = KindOf(records[n].action);
      const std::uint32_t is_wanted = Wants(form.kinds, kind) ? 1 : 0;
      granule->slot[all] = static_cast<std::uint8_t>(first + n);
      granule->kind[all] = kind;
      all += is_wanted;
      wanted |= is_wanted << n;
    }
    if (bare) {
      o = AppendLines(tables_.encoder, time, records, wanted, run, begin, o,
                      granule->ends + before);
      continue;
    }
    for (std::uint32_t e = before; e < all; ++e) {
      const std::uint32_t n = granule->slot[e] - first;
      o = framer.Append(o, records[n], granule->kind[e], run.lane, run.first + n);
      granule->ends[e] = static_cast<std::uint32_t>(o - begin);
    }
  }
  granule->count = static_cast<std::uint8_t>(all);
  granule->size = static_cast<std::uint32_t>(o - begin);

  const std::size_t bytes = std::max<std::size_t>(kHead + granule->size, sizeof(Granule));
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  std::memcpy(memory, granule, bytes);
  return GranuleRef(static_cast<Granule*>(memory));
}

void Renderer::RenderLines(std::span<const PolledEvent> events, std::int64_t utc_ns,
                           std::string* lines, std::vector<std::uint32_t>* ends) {
  TimestampCursor& time = TimeOf(utc_ns);
  lines->clear();
  ends->clear();
  ends->reserve(events.size());
  for (const PolledEvent& event : events) {
    DataflowEncoder::Output out{};
    out.begin[0] = out.end[0] = line_.data();
    tables_.encoder.EncodeRun(&event.record, 1, event.lane, event.position, time, false, &out);
    lines->append(out.begin[0], out.end[0]);
    ends->push_back(static_cast<std::uint32_t>(lines->size()));
  }
}

std::string GapEvent(std::int64_t missed, std::uint64_t next, std::string_view reason) {
  std::string text = "event: gap\ndata: {\"missed\":";
  text += missed < 0 ? "null" : std::to_string(missed);
  text += ",\"next\":" + std::to_string(next) + ",\"reason\":\"";
  text.append(reason).append("\"}\n\n");
  return text;
}

}  // namespace playload
