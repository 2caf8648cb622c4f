// The line after each run: speed of both phases, bytes moved, and how near that is to what this machine's memory gives.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "doctor/expectation.h"
#include "doctor/resident.h"
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
  RunOutcome outcome{};  // beside what was predicted
  std::optional<MemoryOutcome> memory{};
};

// Relates answers of one engine to the roof and to what was predicted.
class Reporter {
 public:
  // `model`: the path as the user gave it, for commands.
  Reporter(const Engine& engine, const Machine& machine, std::string_view isa, std::string model);
  // Measures the roof over the model's own mapped bytes (0.15 s, no memory). Speeds are judged where this machine was calibrated
  // for such a model, by `lupo plan` or `lupo doctor`: a run is not made longer for it.
  RunReport report(const Answer& answer, Circumstances circumstances);

 private:
  const Engine& engine_;
  CalibrationStore store_;
  std::string model_;
  std::optional<Calibration> calibration_;
  bool is_first_ = true;  // no answer of this process was reported yet
};

std::string to_line(const RunReport& report);
nlohmann::ordered_json to_json(const RunReport& report);

}  // namespace lupo::cli
