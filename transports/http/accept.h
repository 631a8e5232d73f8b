// Accept: which of our formats a client would rather have (RFC 9110 12.5.1).
//
// Threads: pure functions.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "transports/http/form.h"

namespace playload {

struct Accepted {
  std::optional<StreamFormat> format;  // none: nothing that is acceptable, a 406
  bool named = false;                  // by its type or "application/*", not by "*/*" alone
};

// Of `formats`, which are in the server's order, the one of the best quality in the value of an
// Accept header; among equals the one named most exactly, then the one named first, then the
// server's first. An item that cannot be read is not there.
Accepted ChooseFormat(std::string_view accept, std::span<const StreamFormat> formats);

}  // namespace playload
