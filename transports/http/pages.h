// What the server shows of itself.
//
// Threads: pure functions.

#pragma once

#include <string>

#include "transports/http/response.h"
#include "transports/http/settings.h"
#include "transports/http/status.h"

namespace playload {

// `/`: self-contained, with a strict Content-Security-Policy (script and style by hash or file of
// their own is not needed: both are inline with their SHA-256 in the policy).
Response IndexPage(const HttpSettings& settings);
// `/healthz`: 200 while the process serves; `/readyz`: 200 once the run has begun, else 503.
Response HealthPage();
Response ReadyPage(const ServerStatus& status);
// `/metrics`: Prometheus text format 0.0.4.
Response MetricsPage(const ServerStatus& status);
// `/status`: what the page shows, as JSON.
Response StatusPage(const ServerStatus& status);
// `/openapi.json`: OpenAPI 3.1.
Response OpenApiPage(const HttpSettings& settings);

}  // namespace playload
