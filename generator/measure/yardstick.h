// Yardstick: RapidJSON's Writer writing real events of the stream, every name and value of which
// lies ready as a string: what is left of an ordinary generator when all its own work is free.
//
// The same some thousand events again and again, and so from the cache: in the yardstick's favour.
// Before anything is timed, its bytes are compared with the encoder's.
//
// Threads: one.

#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/base/status.h"

namespace playload {

class Yardstick {
 public:
  // `lines`: compact JSON objects, each with its '\n'. kInternal when what the Writer makes of them
  // is not what they are.
  static Result<Yardstick> Make(std::string lines);

  // Writes all events once; returns how many they are.
  std::size_t WriteAll();

  [[nodiscard]] std::size_t bytes() const { return lines_.size(); }

 private:
  enum class What : std::uint8_t { kBegin, kEnd, kKey, kText, kNumber, kLine };
  struct Token {
    What what;
    std::uint32_t length = 0;
    std::size_t at = 0;  // in text_
  };
  struct Parser;

  explicit Yardstick(std::string lines) : lines_(std::move(lines)) {}
  void Add(What what, std::string_view text);

  std::string lines_;
  std::string text_;  // of all tokens
  std::vector<Token> tokens_;
  std::size_t events_ = 0;
  rapidjson::StringBuffer buffer_;
};

}  // namespace playload
