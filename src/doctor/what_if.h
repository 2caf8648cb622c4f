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

// A model with some options, as it would run.
struct WhatThen {
  Graph graph;
  const Calibration* calibration;  // lives as long as the WhatIf that it is from
  double decode_tps(
      int64_t depth) const;  // tokens a second with `depth` tokens in the context, of which there is room for one more
  double prefill_seconds(int64_t n, int64_t depth) const;  // of a prompt of n tokens behind `depth` others
};

// Of the second over the first at this depth: 0.25 = a quarter faster. 0 where there is none, or where one is nothing.
double gain_of(const std::optional<WhatThen>& before, const std::optional<WhatThen>& after, int64_t depth);

class WhatIf {
 public:
  // References must outlive it. `isa`: the kernels in use.
  WhatIf(const Env& env, const Model& model, const Machine& machine, std::string_view isa)
      : env_(env), model_(model), machine_(machine), store_(env, machine, isa) {}

  // Nothing where it does not fit, or where nothing can be measured.
  std::optional<WhatThen> with(const RuntimeOptions& options);
  const CalibrationStore& store() const { return store_; }

 private:
  const Env& env_;
  const Model& model_;
  const Machine& machine_;
  CalibrationStore store_;
  std::map<std::pair<int, ActivationBits>, Calibration> known_;
};

}  // namespace lupo
