#include "generator/pace/timestamps.h"

#include <cstring>

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t UnitOf(TimestampForm form) {
  switch (form) {
    case TimestampForm::kSeconds:
      return kSecond;
    case TimestampForm::kMillis:
      return 1'000'000;
    default:
      return 1'000;
  }
}

char* Digits(char* out, std::int64_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + width;
}

}  // namespace

int RenderTimestamp(std::int64_t utc_ns, TimestampForm form, char* out) {
  std::int64_t seconds = utc_ns / kSecond;
  const std::int64_t fraction = utc_ns % kSecond;
  std::int64_t days = seconds / 86'400;
  seconds %= 86'400;
  // Days to year, month, day of the proleptic Gregorian calendar, for years that begin in March
  // (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
  days += 719'468;
  const std::int64_t era = days / 146'097;
  const std::int64_t day_of_era = days % 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

  char* o = out;
  o = Digits(o, year, 4);
  *o++ = '-';
  o = Digits(o, month, 2);
  *o++ = '-';
  o = Digits(o, day, 2);
  *o++ = 'T';
  o = Digits(o, seconds / 3'600, 2);
  *o++ = ':';
  o = Digits(o, seconds / 60 % 60, 2);
  *o++ = ':';
  o = Digits(o, seconds % 60, 2);
  // Python's isoformat() leaves the fraction out when it is zero.
  const bool micros = form == TimestampForm::kMicros ||
                      (form == TimestampForm::kNaiveMicros && fraction / 1'000 != 0);
  if (form == TimestampForm::kMillis) {
    *o++ = '.';
    o = Digits(o, fraction / 1'000'000, 3);
  } else if (micros) {
    *o++ = '.';
    o = Digits(o, fraction / 1'000, 6);
  }
  if (form != TimestampForm::kNaiveMicros) *o++ = 'Z';
  return static_cast<int>(o - out);
}

void TimestampCursor::Fix(std::int64_t utc_ns) {
  fixed_ns_ = utc_ns;
  length_ = RenderTimestamp(utc_ns, form_, text_);
  holds_from_ = 0;
  holds_until_ = ~Position{0};
}

void TimestampCursor::Render(Position n) {
  const std::int64_t planned = plan_->PlannedAt(n);
  const std::int64_t instant = start_ns_ + planned;
  length_ = RenderTimestamp(instant, form_, text_);
  // The text holds from the first to the last position planned inside this unit of the clock.
  const std::int64_t unit = UnitOf(form_);
  const std::int64_t unit_start = instant - instant % unit - start_ns_;
  holds_from_ = unit_start <= 0 ? 0 : plan_->DueBefore(unit_start);
  holds_until_ = plan_->DueBefore(unit_start + unit);
}

}  // namespace playload
