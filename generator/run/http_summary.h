// Who came to an HTTP destination: its part of summary.json and of the lines for people.
//
// Threads: pure functions and value types. Memory: the sessions are bounded by ClientLog.

#pragma once

#include <string>

#include "generator/run/json_writer.h"
#include "transports/http/client_log.h"
#include "transports/http/status.h"

namespace playload {

struct HttpSummary {
  ClientSessions clients;
  ServerStatus server;
};

// The value of the field "http".
void WriteHttpSummary(JsonText& json, const HttpSummary& http);
// Some lines of a destination's summary, each with its newline.
std::string HttpSummaryText(const HttpSummary& http);

}  // namespace playload
