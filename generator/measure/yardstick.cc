#include "generator/measure/yardstick.h"

#include <simdjson.h>

#include <utility>

namespace playload {

namespace dom = simdjson::ondemand;

// Takes the lines apart. simdjson's errors are exceptions here, which Make() catches.
struct Yardstick::Parser {
  Yardstick& yardstick;

  void Object(dom::object object) {
    yardstick.Add(What::kBegin, {});
    for (dom::field field : object) {
      yardstick.Add(What::kKey, field.unescaped_key());
      dom::value value = field.value();
      switch (value.type()) {
        case dom::json_type::object:
          Object(value.get_object());
          break;
        case dom::json_type::string:
          yardstick.Add(What::kText, value.get_string());
          break;
        default:
          yardstick.Add(What::kNumber, Number(value.raw_json_token()));
      }
    }
    yardstick.Add(What::kEnd, {});
  }

  // Without what stands up to the next token.
  static std::string_view Number(std::string_view token) {
    return token.substr(0, token.find_first_not_of("0123456789+-.eE"));
  }
};

Result<Yardstick> Yardstick::Make(std::string lines) {
  Yardstick yardstick(std::move(lines));
  const std::string_view all = yardstick.lines_;
  try {
    dom::parser parser;
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = all.find('\n', begin);
      const simdjson::padded_string line(all.substr(begin, end - begin));
      dom::document document = parser.iterate(line);
      Parser{yardstick}.Object(document.get_object());
      yardstick.Add(What::kLine, {});
      ++yardstick.events_;
      begin = end + 1;
    }
  } catch (const simdjson::simdjson_error& error) {
    return Status(Code::kInternal,
                  std::string("an event is not JSON: ") + error.what() + "; this is a bug");
  }
  yardstick.WriteAll();
  if (all != std::string_view(yardstick.buffer_.GetString(), yardstick.buffer_.GetSize())) {
    return Status(Code::kInternal,
                  "the encoder's bytes are not those of RapidJSON's Writer; this is a bug");
  }
  return yardstick;
}

void Yardstick::Add(What what, std::string_view text) {
  tokens_.push_back({what, static_cast<std::uint32_t>(text.size()), text_.size()});
  text_ += text;
}

std::size_t Yardstick::WriteAll() {
  buffer_.Clear();
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer_);
  for (const Token& token : tokens_) {
    const char* const text = text_.data() + token.at;
    switch (token.what) {
      case What::kBegin:
        writer.StartObject();
        break;
      case What::kEnd:
        writer.EndObject();
        break;
      case What::kKey:
        writer.Key(text, token.length);
        break;
      case What::kText:
        writer.String(text, token.length);
        break;
      case What::kNumber:
        writer.RawValue(text, token.length, rapidjson::kNumberType);
        break;
      case What::kLine:
        buffer_.Put('\n');
        writer.Reset(buffer_);
        break;
    }
  }
  return events_;
}

}  // namespace playload
