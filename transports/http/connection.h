// Connection: one accepted socket, from its first byte to its end.
//
// Threads: the reactor alone.

#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>

#include "transports/http/fan_out.h"
#include "transports/http/list.h"
#include "transports/http/request.h"

namespace playload {

struct AllWork : Link {};       // every connection
struct DeadlineWork : Link {};  // those that have one, by kind of deadline, in order
struct TurnWork : Link {};      // has work left for the next turn, or waits for polled events

struct Connection;

// A stream client of a connection.
struct ConnectionStream : StreamClient {
  Connection* connection = nullptr;
};

struct Connection : AllWork, DeadlineWork, TurnWork {
  enum class State : std::uint8_t {
    kHead,    // a request head is awaited or read
    kPoll,    // its polled events are being made
    kAnswer,  // an answer is being sent
    kStream,
    kLinger,  // our side is closed; what still comes is thrown away until the other side is, too
  };
  State state = State::kHead;
  bool close_after = false;  // no request after this answer
  bool doomed = false;       // closed; freed at the end of the turn
  std::uint16_t port = 0;
  int descriptor = -1;
  in6_addr address{};            // IPv4 mapped
  std::int64_t deadline_ns = 0;  // of the list that it is in
  std::size_t checked = 0;       // bytes of `in` that the guard has seen
  std::size_t discarded = 0;     // in kLinger
  std::string in;                // what came and was not used yet
  std::string out;               // the answer
  std::size_t out_at = 0;
  std::unique_ptr<Request> poll;             // kPoll: what is wanted
  std::unique_ptr<ConnectionStream> stream;  // kStream
};

}  // namespace playload
