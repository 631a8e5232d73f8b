// The version of this build: part of what fixes the bytes of a stream.
//
// Threads: pure.

#pragma once

#include <string_view>

namespace playload {

// "0.1.0", from the top CMakeLists.txt.
std::string_view Version();

}  // namespace playload
