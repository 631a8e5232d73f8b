// JSON lines of the three events, with chosen fields, for tests of what reads them.

#pragma once

#include <string>

namespace playload::testing {

inline std::string PlayerLine(const std::string& player,
                              const std::string& time = "2026-01-01T00:00:00Z") {
  return R"({"event_name":"player_action","parameters":{"player_id":")" + player +
         R"(","session_id":"session_9","event_type":"move","level_id":"level_02",)" +
         R"("map_id":"map_03"},"event_timestamp":")" + time + R"(","user_data":{"user_id":")" +
         player + R"(","platform":"PC"}})";
}

inline std::string PurchaseLine(const std::string& user, const std::string& currency,
                                const std::string& amount, const std::string& type = "purchase") {
  return R"({"event_name":"transaction","parameters":{"transaction_id":"trans_1",)"
         R"("transaction_type":")" +
         type + R"(","currency":")" + currency + R"(","amount":)" + amount +
         R"(,"item_id":"skin_dragon","item_type":"skin"},)"
         R"("event_timestamp":"2026-01-01T00:00:00Z","user_data":{"user_id":")" +
         user + R"(","platform":"Console"}})";
}

inline std::string ServerLine(const std::string& server, const std::string& cpu,
                              const std::string& memory, const std::string& latency = "57",
                              const std::string& time = "2026-01-01T00:00:00Z") {
  return R"({"event_name":"server_metric","parameters":{"server_id":")" + server +
         R"(","cpu_load":)" + cpu + R"(,"memory_usage":)" + memory + R"(,"latency":)" + latency +
         R"(},"event_timestamp":")" + time +
         R"(","server_data":{"region":"us-west","server_type":"dedicated"}})";
}

}  // namespace playload::testing
