#include "generator/run/http_summary.h"

#include <array>
#include <cstdint>
#include <numeric>
#include <string_view>

#include "generator/base/text.h"
#include "transports/http/names.h"

namespace playload {
namespace {

template <typename Numbers>
std::uint64_t Sum(const Numbers& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

constexpr auto kOpen = static_cast<std::size_t>(SessionEnd::kOpen);

// To the millisecond.
std::string Instant(std::int64_t ns) { return FormatInstant(ns / 1'000'000 * 1'000'000); }

void WriteSequence(JsonText& json, std::string_view key, std::uint64_t number) {
  json.Key(key);
  number > 0 ? json.Value(number) : json.Null();
}

void WriteSession(JsonText& json, const ClientSession& session) {
  json.BeginObject();
  json.Field("number", session.number);
  json.Field("address", session.address);
  json.Field("user_agent", session.user_agent);
  json.Field("format", kFormatNames[static_cast<std::size_t>(session.form.format)]);
  json.Key("type");
  json.BeginArrayOnOneLine();
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (Wants(session.form.kinds, static_cast<Kind>(k))) json.Value(kKindNames[k]);
  }
  json.EndArray();
  json.Field("began", Instant(session.began_ns));
  json.Key("ended");
  session.end != SessionEnd::kOpen ? json.Value(Instant(session.ended_ns)) : json.Null();
  WriteSequence(json, "first", session.first);
  WriteSequence(json, "last", session.last);
  json.Field("events", session.events);
  json.Field("bytes", session.bytes);
  json.Field("gaps", session.gaps);
  json.Field("missed", session.missed);
  json.Field("end", SessionEndName(session.end));
  json.EndObject();
}

void WriteClients(JsonText& json, const HttpSummary& http) {
  const ClientSessions& clients = http.clients;
  json.Key("clients");
  json.BeginObject();
  json.Field("sessions", clients.total);
  json.Field("most_at_once", clients.most_at_once);
  json.Field("events", clients.events);
  json.Field("bytes", clients.bytes);
  json.Key("gaps");
  json.BeginObject();
  for (std::size_t r = 0; r < kGapReasons; ++r) {
    json.Field(GapReasonName(static_cast<GapReason>(r)), http.server.gaps[r]);
  }
  json.EndObject();
  json.Field("missed", http.server.missed);
  json.Key("ends");
  json.BeginObject();
  for (std::size_t e = 0; e < kSessionEnds; ++e) {
    if (e != kOpen) json.Field(SessionEndName(static_cast<SessionEnd>(e)), clients.ends[e]);
  }
  json.EndObject();
  json.EndObject();
}

// "3 went away, 1 was too slow".
std::string EndsText(const ClientSessions& clients) {
  constexpr std::array<std::string_view, kSessionEnds> kWords = {
      "still there",      "went away",   "reached their limit", "too slow",
      "at the run's end", "at the stop", "in an error"};
  std::string text;
  for (std::size_t e = 0; e < kSessionEnds; ++e) {
    if (clients.ends[e] == 0) continue;
    text += (text.empty() ? "" : ", ") + FormatCount(clients.ends[e]) + " ";
    text += kWords[e];
  }
  return text;
}

}  // namespace

void WriteHttpSummary(JsonText& json, const HttpSummary& http) {
  const ServerStatus& server = http.server;
  json.BeginObject();
  WriteClients(json, http);
  json.Key("polled");
  json.BeginObject();
  for (std::size_t k = 0; k < kKinds; ++k) {
    json.Key(kKindNames[k]);
    json.BeginObject();
    json.Field("answers", server.polls[k]);
    json.Field("events", server.polled_events[k]);
    json.EndObject();
  }
  json.EndObject();
  json.Key("connections");
  json.BeginObject();
  json.Field("accepted", server.connections_total);
  json.Field("refused", server.connections_refused);
  json.Field("head_timeouts", server.head_timeouts);
  json.Field("accept_pauses", server.accept_pauses);
  json.EndObject();
  json.Key("answers");
  json.BeginObject();
  for (const auto& [status, count] : server.answers) json.Field(std::to_string(status), count);
  json.EndObject();
  json.Key("sessions");
  json.BeginArray();
  for (const ClientSession& session : http.clients.sessions) WriteSession(json, session);
  json.EndArray();
  json.EndObject();
}

std::string HttpSummaryText(const HttpSummary& http) {
  const ClientSessions& clients = http.clients;
  const ServerStatus& server = http.server;
  std::string text = "    clients    ";
  if (clients.total == 0) {
    text += "none\n";
  } else {
    text += FormatCount(clients.total) + (clients.total == 1 ? " stream, " : " streams, ") +
            FormatCount(clients.most_at_once) + " at once, " + FormatCount(clients.events) +
            " events in " + FormatBytes(clients.bytes) + "\n";
    if (const std::string ends = EndsText(clients); !ends.empty()) {
      text += "    ended      " + ends + "\n";
    }
  }
  if (const std::uint64_t gaps = Sum(server.gaps); gaps > 0) {
    text += "    gaps       " + FormatCount(gaps);
    for (std::size_t r = 0; r < kGapReasons; ++r) {
      if (server.gaps[r] == 0) continue;
      text += ", " + FormatCount(server.gaps[r]) + " ";
      text += GapReasonName(static_cast<GapReason>(r));
    }
    text += "; " + FormatCount(server.missed) + " events missed\n";
  }
  if (const std::uint64_t polls = Sum(server.polls); polls > 0) {
    text += "    polled     ";
    for (std::size_t k = 0; k < kKinds; ++k) {
      text += FormatCount(server.polled_events[k]) + " ";
      text += kKindNames[k];
      text += ", ";
    }
    text += "in " + FormatCount(polls) + (polls == 1 ? " answer\n" : " answers\n");
  }
  if (server.connections_refused > 0) {
    text += "    full       " + FormatCount(server.connections_refused) + " connections refused\n";
  }
  return text;
}

}  // namespace playload
