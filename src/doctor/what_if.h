// What a fix would gain: the model planned and predicted again with the fix applied.
//
// Each number of threads and form of activations is calibrated once, or found in the store. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "doctor/calibration.h"
#include "runtime/runtime.h"

namespace lupo {

class WhatIf {
 public:
  // References must outlive it. `isa`: the kernels in use.
  WhatIf(const Env& env, const Model& model, const Machine& machine, std::string_view isa)
      : env_(env), model_(model), machine_(machine), store_(env, machine, isa) {}

  // Tokens a second of a decode with `depth` tokens in the context; 0 where it does not fit, or where nothing can be measured.
  double decode_tps(const RuntimeOptions& options, int64_t depth);
  // Of a prompt of n tokens behind `depth` others; 0 likewise.
  double prefill_seconds(const RuntimeOptions& options, int64_t n, int64_t depth);
  // Of `after` over `before`: 0.25 = a quarter faster. 0 where there is none, or none can be told.
  double gain(const RuntimeOptions& before, const RuntimeOptions& after, int64_t depth);
  // What speeds with these options are predicted from; null where nothing can be measured. Lives as long as this.
  const Calibration* calibration_for(const RuntimeOptions& options);
  const CalibrationStore& store() const { return store_; }

 private:
  struct Ready {
    Graph graph;
    const Calibration* calibration;
  };
  std::optional<Ready> ready(const RuntimeOptions& options);

  const Env& env_;
  const Model& model_;
  const Machine& machine_;
  CalibrationStore store_;
  std::map<std::pair<int, ActivationBits>, Calibration> known_;
};

}  // namespace lupo
