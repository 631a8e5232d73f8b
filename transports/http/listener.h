// A listening TCP socket: non-blocking, closed on exec, address reusable after a restart, never
// shared with another process (no SO_REUSEPORT).
//
// Threads: one owner. Errors: kCannotListen, naming the address and why.

#pragma once

#include "generator/base/status.h"
#include "transports/http/settings.h"

namespace playload {

class Listener {
 public:
  static Result<Listener> Open(const ListenAddress& address);
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // With the port that the system chose, where 0 was asked for.
  [[nodiscard]] const ListenAddress& address() const { return address_; }
  // Refuses whoever comes from now on.
  void Close();

 private:
  Listener(int descriptor, ListenAddress address)
      : descriptor_(descriptor), address_(std::move(address)) {}
  int descriptor_;
  ListenAddress address_;
};

}  // namespace playload
