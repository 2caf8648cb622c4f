// The line after each run: speed of both phases, bytes moved, and how near that is to what this machine's memory gives.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/runtime.h"
#include "runtime/session/chat.h"

namespace lupo::cli {

struct RunReport {
  int64_t n_prompt = 0, n_reused = 0, n_generated = 0;
  double prefill_tps = 0, decode_tps = 0;  // 0 where nothing was run
  double decode_gbps = 0;                  // 1e9 bytes of weights and cache read a second, once a step
  double roof_gbps = 0;                    // read bandwidth measured right after, over the same weights and threads
  double roof_fraction = 0;
  std::optional<SpeculationStats> speculation{};
};

// Measures the roof (about 0.15 s) and relates the answer to it.
RunReport report(const Engine& engine, const Answer& answer, double roof_gbps);

// Read bandwidth over the model's own mapped bytes, best of the passes in about 0.15 s: costs no memory.
double measure_roof_gbps(const Engine& engine);

std::string to_line(const RunReport& report);
nlohmann::ordered_json to_json(const RunReport& report);

}  // namespace lupo::cli
