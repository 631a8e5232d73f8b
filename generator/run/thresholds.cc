#include "generator/run/thresholds.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

#include "generator/base/text.h"

namespace playload {

namespace {

constexpr const char* kLatency = "alert_latency";
constexpr double kNsPerMs = 1e6;

const std::vector<std::string>& Metrics() {
  static const std::vector<std::string> kMetrics = {
      kLatency,    "expected", "seen",       "matched", "missing", "unexpected",
      "duplicate", "wrong",    "unreadable", "may",     "foreign"};
  return kMetrics;
}

constexpr std::array<std::pair<std::string_view, Threshold::Op>, 5> kOps = {
    {{"<=", Threshold::Op::kAtMost},
     {">=", Threshold::Op::kAtLeast},
     {"==", Threshold::Op::kEqual},
     {"<", Threshold::Op::kLess},
     {">", Threshold::Op::kMore}}};

// Reads a threshold from its front, part by part.
class Reader {
 public:
  Reader(std::string_view text, const ThresholdNames& names) : text_(text), names_(names) {
    for (const char c : text) {
      if (c != ' ' && c != '\t') rest_storage_ += c;
    }
    rest_ = rest_storage_;
  }

  Result<Threshold> Read() {
    Threshold threshold;
    threshold.text = text_;
    for (const auto step :
         {&Reader::Metric, &Reader::Output, &Reader::Aggregate, &Reader::Op, &Reader::Limit}) {
      if (Status s = (this->*step)(&threshold); !s.ok()) return s;
    }
    return threshold;
  }

 private:
  [[nodiscard]] Status Wrong(const std::string& what) const {
    return Invalid(Quoted(text_) + ": " + what);
  }

  std::string_view Word(std::string_view end) {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(end));
    rest_.remove_prefix(word.size());
    return word;
  }

  bool Skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  Status Metric(Threshold* threshold) {
    threshold->metric = Word("{.<>=");
    const std::vector<std::string>& metrics = Metrics();
    if (std::find(metrics.begin(), metrics.end(), threshold->metric) == metrics.end()) {
      return Wrong(Quoted(threshold->metric) + " is not measured" +
                   DidYouMean(threshold->metric, metrics));
    }
    return {};
  }

  Status Output(Threshold* threshold) {
    if (!Skip("{")) return {};
    const std::string_view word = Word("}");
    if (!Skip("}")) return Wrong("'{' has no '}'");
    const std::size_t slash = word.find('/');
    threshold->output = word.substr(0, slash);
    std::vector<std::string> outputs;
    const ThresholdNames::Output* output = nullptr;
    for (const ThresholdNames::Output& one : names_.outputs) {
      outputs.push_back(one.name);
      if (one.name == threshold->output) output = &one;
    }
    if (output == nullptr) {
      return Wrong(Quoted(threshold->output) + " is no output" +
                   DidYouMean(threshold->output, outputs));
    }
    if (slash == std::string_view::npos) return {};
    threshold->part = word.substr(slash + 1);
    if (output->parts.empty() || !threshold->latency()) {
      return Wrong(threshold->latency()
                       ? output->name + " has no parts; leave out '/" + threshold->part + "'"
                       : "only alert_latency is known of parts of an output");
    }
    if (std::find(output->parts.begin(), output->parts.end(), threshold->part) ==
        output->parts.end()) {
      return Wrong(Quoted(threshold->part) + " is no part of " + output->name +
                   DidYouMean(threshold->part, output->parts));
    }
    return {};
  }

  Status Aggregate(Threshold* threshold) {
    constexpr const char* kRight = "alert_latency needs one of .p(99), .max, .mean";
    if (!Skip(".")) return threshold->latency() ? Wrong(kRight) : Status();
    if (!threshold->latency()) {
      return Wrong(threshold->metric + " is a count: it has no p(N), max or mean");
    }
    const std::string_view word = Word("<>=");
    if (word == "max") {
      threshold->aggregate = Threshold::Aggregate::kMax;
    } else if (word == "mean") {
      threshold->aggregate = Threshold::Aggregate::kMean;
    } else if (word.starts_with("p(") && word.ends_with(")")) {
      threshold->aggregate = Threshold::Aggregate::kPercentile;
      const char* const end = word.data() + word.size() - 1;
      const auto parsed = std::from_chars(word.data() + 2, end, threshold->percent);
      if (parsed.ec != std::errc() || parsed.ptr != end || !(threshold->percent > 0) ||
          threshold->percent > 100) {
        return Wrong("the N of p(N) is above 0 and at most 100, as in p(99.9)");
      }
    } else {
      return Wrong(kRight);
    }
    return {};
  }

  Status Op(Threshold* threshold) {
    for (const auto& [text, op] : kOps) {
      if (!Skip(text)) continue;
      threshold->op = op;
      return {};
    }
    return Wrong("one of < <= > >= == must follow, as in alert_latency.p(99)<2s");
  }

  Status Limit(Threshold* threshold) {
    if (threshold->latency()) {
      const Result<std::int64_t> duration = ParseDuration(rest_);
      if (!duration) return Wrong(duration.error().message());
      threshold->limit = static_cast<double>(*duration);
    } else {
      const Result<std::uint64_t> count = ParseCount(rest_);
      if (!count) return Wrong(count.error().message());
      threshold->limit = static_cast<double>(*count);
    }
    return {};
  }

  const std::string_view text_;
  const ThresholdNames& names_;
  std::string rest_storage_;
  std::string_view rest_;
};

std::string LatencyText(double ns) {
  std::array<char, 32> text{};
  if (ns >= 1e9) {
    std::snprintf(text.data(), text.size(), "%.2f s", ns / 1e9);
  } else {
    std::snprintf(text.data(), text.size(), ns < 1e7 ? "%.2f ms" : "%.0f ms", ns / kNsPerMs);
  }
  return text.data();
}

}  // namespace

bool Threshold::latency() const { return metric == kLatency; }

bool Threshold::Holds(double value) const {
  switch (op) {
    case Op::kLess:
      return value < limit;
    case Op::kAtMost:
      return value <= limit;
    case Op::kMore:
      return value > limit;
    case Op::kAtLeast:
      return value >= limit;
    case Op::kEqual:
      return value == limit;
  }
  return false;
}

Result<Threshold> ParseThreshold(std::string_view text, const ThresholdNames& names) {
  return Reader(text, names).Read();
}

ThresholdResult JudgeThreshold(const Threshold& threshold, const std::optional<double>& value,
                               const std::string& why_unknown) {
  ThresholdResult result;
  result.text = threshold.text;
  if (!value) {
    result.value_text = "unknown";
    result.why = why_unknown;
    return result;
  }
  result.passed = threshold.Holds(*value);
  result.value = threshold.latency() ? *value / kNsPerMs : *value;
  result.value_text = threshold.latency()
                          ? LatencyText(*value)
                          : FormatCount(static_cast<std::uint64_t>(std::llround(*value)));
  return result;
}

void WriteThresholdsJson(const std::vector<ThresholdResult>& results, JsonText* json) {
  json->Key("thresholds");
  json->BeginArray();
  for (const ThresholdResult& result : results) {
    json->BeginObject();
    json->Field("threshold", std::string_view(result.text));
    json->Field("passed", result.passed);
    json->Key("value");
    result.value ? json->Decimal(*result.value, 4) : json->Null();
    json->Key("why");
    result.why.empty() ? json->Null() : json->Value(std::string_view(result.why));
    json->EndObject();
  }
  json->EndArray();
}

std::string ThresholdsText(const std::vector<ThresholdResult>& results) {
  std::string text;
  for (const ThresholdResult& result : results) {
    text += "threshold " + result.text + ": " + result.value_text;
    if (!result.why.empty()) text += " (" + result.why + ")";
    text += result.passed ? ", holds\n" : ", FAILED\n";
  }
  return text;
}

}  // namespace playload
