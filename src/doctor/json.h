// What several reports say in JSON in the same way.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "doctor/outlook.h"
#include "memory/plan.h"

namespace lupo {

inline nlohmann::ordered_json json_of(const Interval& x) { return {{"low", x.low}, {"middle", x.middle}, {"high", x.high}}; }

inline nlohmann::ordered_json json_of(const MemoryBytes& bytes) {
  return {
      {"weights", bytes.weights}, {"kv", bytes.kv}, {"state", bytes.state}, {"scratch", bytes.scratch}, {"total", bytes.total()}};
}

inline nlohmann::ordered_json json_of(const std::vector<SpeedAt>& curve) {
  auto list = nlohmann::ordered_json::array();
  for (const SpeedAt& at : curve) list.push_back({{"n", at.n}, {"tps", json_of(at.tps)}});
  return list;
}

inline nlohmann::ordered_json json_of(const std::vector<ContextPoint>& points) {
  auto list = nlohmann::ordered_json::array();
  for (const ContextPoint& point : points)
    list.push_back({{"ctx", point.n_ctx}, {"fits", point.fits}, {"bytes", json_of(point.bytes)}});
  return list;
}

}  // namespace lupo
