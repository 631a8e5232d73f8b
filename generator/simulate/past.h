// Past: what the players of a scenario bought before the instant at which their lanes were copied,
// from the copy alone. It holds no purchases: a life, from a player's first session to the last, is
// a function of the place, the session in which it began and its persona or script, so it is lived
// again, up to where the copy has it. That is some microseconds a player, whatever the length of
// the run.
//
// Not for compat, whose players have no lives of their own.
//
// Threads: one at a time. Ownership: `model` and `copy` outlive it.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "generator/event/record.h"
#include "generator/simulate/lanes.h"
#include "generator/simulate/model.h"

namespace playload {

class Past {
 public:
  Past(const Model& model, const LanesCopy& copy);
  ~Past();

  // Which life is, or was last, at a place of a lane. Empty: nobody has been there.
  struct Life {
    std::uint32_t number;  // Record::life
    bool over;             // nothing comes of it any more
  };
  [[nodiscard]] std::optional<Life> LifeAt(std::uint64_t lane, std::uint32_t place) const;

  // The purchases and refunds of a life so far, in order. None when it is not the one at the place,
  // so that it had not begun, or when it is over.
  [[nodiscard]] std::vector<Record> Purchases(std::uint64_t lane, std::uint32_t place,
                                              std::uint32_t life);

 private:
  struct View;
  struct Room;
  [[nodiscard]] std::optional<View> Open(std::uint64_t lane, std::uint32_t place) const;

  const Model& model_;
  const LanesCopy& copy_;
  const std::unique_ptr<Room> room_;  // for a lane's places, of which one at a time is used
};

}  // namespace playload
