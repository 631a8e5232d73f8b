// The files of page/, compiled in, and how they are filled.
//
// Threads: pure functions.

#pragma once

#include <string>
#include <string_view>

namespace playload {

// "index", "style", "page", "openapi". REQUIRES: there is such a file.
std::string_view PageFile(std::string_view name);

// Puts `by` where `what` stands. REQUIRES: it stands there once.
void FillIn(std::string_view what, std::string_view by, std::string* text);

}  // namespace playload
