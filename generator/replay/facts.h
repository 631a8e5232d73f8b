// What the oracle needs to know of an event, read from the line that was sent. For lines of our own
// encoder only: it looks for the documented fields in the documented order.
//
// Threads: pure functions. Errors: nullopt when the line is not as documented.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "generator/oracle/oracle.h"
#include "generator/replay/outputs.h"

namespace playload {

struct PurchaseLine {
  PurchaseFacts facts;
  std::string_view type;  // "purchase" or "refund"
  std::string_view currency;
  std::string_view amount;
  std::string_view time;
};

// `players`: how this run writes player ids.
std::optional<PurchaseLine> ReadPurchaseLine(std::string_view line, const IdForm& players);
std::optional<ServerFacts> ReadServerLine(std::string_view line);

}  // namespace playload
