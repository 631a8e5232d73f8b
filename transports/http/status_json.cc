#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <string>
#include <string_view>

#include "generator/base/text.h"
#include "transports/http/names.h"
#include "transports/http/pages.h"

namespace playload {
namespace {

constexpr double kNsPerSecond = 1e9;

class Json {
 public:
  void Begin() { writer_.StartObject(); }
  void Begin(std::string_view name) {
    Key(name);
    writer_.StartObject();
  }
  void End() { writer_.EndObject(); }
  void BeginArray(std::string_view name) {
    Key(name);
    writer_.StartArray();
  }
  void EndArray() { writer_.EndArray(); }

  void Field(std::string_view name, std::uint64_t value) {
    Key(name);
    writer_.Uint64(value);
  }
  void Field(std::string_view name, bool value) {
    Key(name);
    writer_.Bool(value);
  }
  void Field(std::string_view name, double value) {
    Key(name);
    // JSON has no word for what is no number.
    if (std::isfinite(value)) {
      writer_.Double(value);
    } else {
      writer_.Null();
    }
  }
  void Field(std::string_view name, std::string_view value) {
    Key(name);
    Text(value);
  }
  // A literal would else be a bool.
  void Field(std::string_view name, const char* value) { Field(name, std::string_view(value)); }
  void Null(std::string_view name) {
    Key(name);
    writer_.Null();
  }
  // An object of ours, as it is.
  void Raw(std::string_view name, std::string_view object) {
    Key(name);
    writer_.RawValue(object.data(), object.size(), rapidjson::kObjectType);
  }
  void Text(std::string_view value) {
    // What clients say of themselves is not UTF-8 by nature; RapidJSON would hand it on as it is.
    std::string text(value);
    for (char& c : text) {
      if (c < 0x20 || c > 0x7e) c = '?';
    }
    writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }
  [[nodiscard]] std::string Take() { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void Key(std::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

void PutRun(const ServerStatus& status, Json* out) {
  out->Field("version", PLAYLOAD_VERSION);
  out->Field("scenario", status.scenario);
  out->Field("seed", status.seed);
  out->Field("start", FormatInstant(status.start_ns));
  out->Field("ready", status.begun);
  out->Field("ended", status.ended);
  out->Begin("rate");
  if (status.paced) {
    out->Field("planned", status.planned_rate);
  } else {
    out->Null("planned");
  }
  out->Field("released", status.released_rate);
  out->End();
  out->Field("head", status.head);
  out->Field("late_seconds", static_cast<double>(status.behind_ns) / kNsPerSecond);
}

void PutKinds(const ServerStatus& status, Json* out) {
  out->Begin("kinds");
  for (std::size_t k = 0; k < kKindNames.size(); ++k) {
    out->Begin(kKindNames[k]);
    out->Field("released", status.released[k]);
    out->Field("acked", status.acked[k]);
    std::string_view latest = status.latest[k];
    while (latest.ends_with('\n')) latest.remove_suffix(1);
    if (latest.empty()) {
      out->Null("latest");
    } else {
      out->Raw("latest", latest);
    }
    out->Begin("polled");
    out->Field("answers", status.polls[k]);
    out->Field("events", status.polled_events[k]);
    out->End();
    out->End();
  }
  out->End();
}

void PutClient(const ClientSession& client, Json* out) {
  out->Begin();
  out->Field("number", client.number);
  out->Field("address", client.address);
  out->Field("user_agent", client.user_agent);
  out->Field("format", kFormatNames[static_cast<std::size_t>(client.form.format)]);
  out->BeginArray("type");
  for (std::size_t k = 0; k < kKindNames.size(); ++k) {
    if (Wants(client.form.kinds, static_cast<Kind>(k))) out->Text(kKindNames[k]);
  }
  out->EndArray();
  out->Field("began", FormatInstant(client.began_ns));
  out->Field("last", client.last);
  out->Field("behind", client.behind);
  out->Field("events", client.events);
  out->Field("bytes", client.bytes);
  out->Field("gaps", client.gaps);
  out->Field("missed", client.missed);
  out->End();
}

void PutStreams(const ServerStatus& status, Json* out) {
  out->Begin("streams");
  for (std::size_t f = 0; f < kFormatNames.size(); ++f) {
    out->Begin(kFormatNames[f]);
    out->Field("open", status.streams[f]);
    out->Field("events", status.stream_events[f]);
    out->Field("bytes", status.stream_bytes[f]);
    out->End();
  }
  out->End();
  out->Field("behind", status.streams_behind);
  out->Field("slow", status.streams_slow);
  out->Begin("gaps");
  for (int r = 0; r < kGapReasons; ++r) {
    out->Field(GapReasonName(static_cast<GapReason>(r)), status.gaps[static_cast<std::size_t>(r)]);
  }
  out->Field("missed", status.missed);
  out->End();
  out->Field("slow_closed", status.slow_closed);
  out->Begin("sessions");
  out->Field("total", status.clients.total);
  out->Field("most_at_once", status.clients.most_at_once);
  out->End();
  out->BeginArray("clients");
  for (const ClientSession& client : status.clients.sessions) PutClient(client, out);
  out->EndArray();
}

void PutServer(const ServerStatus& status, Json* out) {
  out->Begin("connections");
  out->Field("open", status.connections);
  out->Field("accepted", status.connections_total);
  out->Field("refused", status.connections_refused);
  out->Field("accept_pauses", status.accept_pauses);
  out->Field("head_timeouts", status.head_timeouts);
  out->End();
  out->Begin("answers");
  for (const auto& [code, count] : status.answers) out->Field(std::to_string(code), count);
  out->End();
  out->Begin("process");
  out->Field("resident_bytes", status.resident_bytes);
  out->Field("open_descriptors", status.open_descriptors);
  out->Field("cpu_seconds", status.cpu_seconds);
  out->Field("history_blocks", status.history_blocks);
  out->End();
}

}  // namespace

Response StatusPage(const ServerStatus& status) {
  Json out;
  out.Begin();
  PutRun(status, &out);
  PutKinds(status, &out);
  PutStreams(status, &out);
  PutServer(status, &out);
  out.End();
  Response response;
  response.type = "application/json";
  response.body = out.Take();
  return response;
}

}  // namespace playload
