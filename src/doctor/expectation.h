// What a run is expected to be on this machine, from the calibration and from earlier runs; and what it was, for the next one.
//
// Files that cannot be read or written are done without: a run never fails for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "doctor/calibration.h"
#include "doctor/history.h"
#include "doctor/predict.h"
#include "doctor/verdict.h"
#include "runtime/runtime.h"

namespace lupo {

// What a model goes by in the history: the file's name, so that one that was moved is still known, and the bytes of a token, so
// that another of that name is not.
std::string model_name_of(const Model& model);
// Of the environment's user; nothing where there is none, or none that can be opened.
std::optional<History> open_history(const Env& env);

// Prior spreads of a calibration, moved and narrowed by the history of this machine and model.
struct Narrowed {
  Spreads spreads{};
  int64_t n_records = 0;  // in the history, of this machine
};
Narrowed narrowed_by_history(const Env& env, const CalibrationStore& store, const Calibration& calibration, const Model& model);

// What happened in one run.
struct RunFacts {
  int64_t n_prefill = 0, prefill_depth = 0;  // tokens evaluated, and in the context before
  double prefill_tps = 0;                    // 0: none was measured
  bool is_first = false;                     // of this process: the prompt was what mapped the weights' pages, too
  int64_t n_decode = 0, decode_depth = 0;    // tokens, and in the context in the middle of them
  double decode_tps = 0;
  double roof_fraction = 0;    // of the read bandwidth, in the decode
  bool is_speculated = false;  // steps ran more than a token: says nothing of a plain decode
};

struct PhaseOutcome {
  PhaseResult result;
  PhaseVerdict verdict;
};
struct RunOutcome {
  std::optional<PhaseOutcome> prefill{}, decode{};  // of phases long enough to judge
};

// Judges a run beside what the calibration says and, when nothing disturbed it, notes it in the history. `model_name`: for
// commands.
RunOutcome judge_run(const Env& env, const CalibrationStore& store, const Calibration& calibration, const Engine& engine,
                     const RunFacts& facts, const Circumstances& circumstances, const std::string& model_name);

}  // namespace lupo
