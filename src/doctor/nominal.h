// Speed on a machine that is not here: from the bandwidth its maker states, and from what engines are seen to reach of it.
//
//   s/token = Σ_pool bytes read / (share · GB/s) + overhead       pools: the GPU's memory, the machine's
//   prefill = 2 · active parameters · tokens / (share · FLOP/s)   of GPUs whose table row has FLOP/s, all layers on them
//
// The shares are of measurements that others published (decode of dense Q4 models, one user, on ten devices: median 0.68, 8 of 10
// between 0.46 and 0.85; overhead 0.5 to 3.2 ms); hence wide intervals. What the table does not have gets no number.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "doctor/predict.h"
#include "memory/placement.h"

namespace lupo {

struct NominalMachine {
  Rooms rooms;
  double gpu_gbps = 0, ram_gbps = 0;  // 1e9 bytes a second; 0: not known
  double gpu_tflops = 0;              // 1e12 operations a second in fp16; 0: not known
  std::string gpu{}, basis{};         // "2 × NVIDIA GeForce RTX 3090"; where the figures come from
};
// GPUs of one kind count as one of their memories together, since layers run one after the other; of several kinds the fastest
// kind alone. The GPU of a unified memory has that memory and no other. RAM that was not described has no room.
NominalMachine nominal_of(const Machine& machine);

struct NominalSpeeds {
  double ceiling_tps = 0;  // every byte at the stated bandwidth, nothing else: no run is faster
  Prediction prediction;
  std::string basis;
};
// Nothing where the model does not fit, or where a pool that holds some of it has no bandwidth.
std::optional<NominalSpeeds> predict_nominal(const Graph& graph, const Placement& placement, const NominalMachine& machine,
                                             double params_active, const std::vector<int64_t>& depths,
                                             const std::vector<int64_t>& prompts);

}  // namespace lupo
