#include "generator/stream/player_history.h"

#include <charconv>
#include <string>
#include <vector>

#include "generator/simulate/lanes.h"
#include "generator/stream/layout.h"

namespace playload {

Status PlayerHistory(const RunSpec& spec, std::string_view player_id,
                     const std::function<bool(std::string_view line)>& line) {
  const std::string head = spec.id_prefix.empty() ? "player_" : "player_" + spec.id_prefix + "_";
  const Model model(spec.scenario, spec.seed, spec.start_ns);
  std::uint64_t number = 0;
  const char* const begin = player_id.data() + std::min(head.size(), player_id.size());
  const char* const end = player_id.data() + player_id.size();
  const auto [rest, error] = std::from_chars(begin, end, number);
  if (player_id.substr(0, head.size()) != head || error != std::errc() || rest != end ||
      number == 0 || (begin < end && *begin == '0')) {
    return Invalid("'" + std::string(player_id) + "' is not a player of this run; ids look like " +
                   head + "1");
  }
  const std::uint64_t place = (number - 1) % model.players();
  const std::uint64_t lane = place / model.lane_players();
  const Layout layout(model.lanes(), 0, 1, spec.end);
  const DataflowEncoder encoder(model, EncoderOptionsOf(spec));
  Lanes lanes(model, static_cast<std::int64_t>(lane));
  if (!lanes.ok()) return {Code::kInternal, "out of memory"};
  const Plan plan(spec.scenario.plan);
  TimestampCursor time(plan, spec.start_ns, spec.timestamp_form);
  Record records[kRunLength];
  std::vector<char> buffer(kMaxLine + kSlack);
  for (std::uint64_t q = lane; q < layout.runs(); q += model.lanes()) {
    lanes.Simulate(lane, records, kRunLength);
    const Position first = q * kRunLength;
    for (std::uint32_t n = 0; n < kRunLength && first + n < layout.end(); ++n) {
      if (KindOf(records[n].action) == Kind::kServer ||
          encoder.PlayerNumber(records[n], lane) != number) {
        continue;
      }
      DataflowEncoder::Output out{};
      out.begin[0] = out.end[0] = buffer.data();
      encoder.EncodeRun(&records[n], 1, lane, first + n, time, false, &out);
      if (!line({buffer.data(), static_cast<std::size_t>(out.end[0] - buffer.data())})) return {};
    }
  }
  return {};
}

}  // namespace playload
