// The flags of the HTTP server: those of `serve`, and of `run` with an http:// destination.
//
// Threads: pure functions, but for reading the token's file. Errors: kInvalid naming the flag; no
// message holds the token.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"
#include "generator/cli/flags.h"
#include "generator/run/destinations.h"
#include "transports/http/settings.h"

namespace playload {

std::vector<Flag> HttpFlags();

// All but where to listen and the scenario's name.
Result<HttpSettings> ReadHttpSettings(const Flags& flags);

// Whether somebody has said who may read what is open to more than this machine. `flag` has named
// the addresses: "listen" or "to".
Status CheckWhoMayRead(const Flags& flags, std::string_view flag, const std::vector<Address>& to);

// "http://127.0.0.1:8000/ serves to this machine alone". `url` is the real one, without a slash at
// its end.
std::string WhoMayRead(std::string_view url, const ListenAddress& listen,
                       const HttpSettings& settings);

}  // namespace playload
