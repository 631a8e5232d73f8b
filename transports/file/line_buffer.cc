#include "transports/file/line_buffer.h"

#include <cassert>

namespace playload {
namespace {

// What is written is kept in front until this much has come together: moving the rest forward after
// each short write would copy it again and again.
constexpr std::size_t kForgetBytes = std::size_t{1} << 20;

}  // namespace

void LineBuffer::Written(std::size_t bytes, std::int64_t sent_ns, std::int64_t now_ns) {
  assert(bytes <= unwritten().size());
  written_ += bytes;
  std::size_t whole = half_line_ + bytes;  // written, of events_ from acked_ on
  std::array<std::uint64_t, kKinds> acked{};
  while (acked_ < events_.size() && events_[acked_].length <= whole) {
    const Event& event = events_[acked_];
    if (event.position % kLatencySampling == 0) {
      deliveries_->Acked(event.kind, event.position, now_ns, sent_ns);
    } else {
      ++acked[static_cast<unsigned>(event.kind)];
    }
    whole -= event.length;
    line_bytes_written_ += event.length;
    ++lines_written_;
    ++acked_;
  }
  half_line_ = whole;
  for (unsigned kind = 0; kind < acked.size(); ++kind) {
    if (acked[kind] > 0) deliveries_->AckedMany(static_cast<Kind>(kind), acked[kind]);
  }
  Forget();
}

void LineBuffer::WrittenThrough(const Batch& batch, std::uint32_t from, std::uint32_t to,
                                const std::array<bool, kKinds>& kinds, std::size_t bytes,
                                std::int64_t sent_ns, std::int64_t now_ns) {
  static_assert(kLatencySampling == kRunLength, "a run's first event is the sampled one");
  assert(empty());
  std::array<std::uint64_t, kKinds> acked{};
  if (from == 0 && to == batch.count) {
    for (unsigned k = 0; k < kKinds; ++k) acked[k] = kinds[k] ? batch.kinds[k] : 0;
  } else {
    for (std::uint32_t i = from; i < to; ++i) {
      const auto k = static_cast<unsigned>(batch.events[i].kind);
      if (kinds[k]) ++acked[k];
    }
  }
  for (const std::uint64_t n : acked) lines_written_ += n;
  line_bytes_written_ += bytes;
  for (std::uint32_t i = (from + kRunLength - 1) / kRunLength * kRunLength; i < to;
       i += kRunLength) {
    const Kind kind = batch.events[i].kind;
    if (!kinds[static_cast<unsigned>(kind)]) continue;
    deliveries_->Acked(kind, batch.position(i), now_ns, sent_ns);
    --acked[static_cast<unsigned>(kind)];
  }
  for (unsigned k = 0; k < kKinds; ++k) {
    if (acked[k] > 0) deliveries_->AckedMany(static_cast<Kind>(k), acked[k]);
  }
}

void LineBuffer::Lose(Fate fate, const std::string& reason) {
  for (; acked_ < events_.size(); ++acked_) {
    deliveries_->Lost(fate, events_[acked_].kind, events_[acked_].position, reason);
  }
  written_ = bytes_.size();
  half_line_ = 0;
  Forget();
}

void LineBuffer::Forget() {
  if (written_ == bytes_.size()) {
    bytes_.clear();
    events_.clear();
  } else if (written_ >= kForgetBytes) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(written_));
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(acked_));
  } else {
    return;
  }
  written_ = 0;
  acked_ = 0;
}

}  // namespace playload
