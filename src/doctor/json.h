// What several reports say in JSON in the same way.
#pragma once

#include <nlohmann/json.hpp>

#include "doctor/predict.h"
#include "memory/plan.h"

namespace lupo {

inline nlohmann::ordered_json json_of(const Interval& x) { return {{"low", x.low}, {"middle", x.middle}, {"high", x.high}}; }

inline nlohmann::ordered_json json_of(const MemoryBytes& bytes) {
  return {
      {"weights", bytes.weights}, {"kv", bytes.kv}, {"state", bytes.state}, {"scratch", bytes.scratch}, {"total", bytes.total()}};
}

}  // namespace lupo
