// 128-bit integers, which GCC and Clang have on every 64-bit machine but ISO C++ does not name.

#pragma once

namespace playload {

__extension__ using Wide = unsigned __int128;
__extension__ using SignedWide = __int128;

}  // namespace playload
