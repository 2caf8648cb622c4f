// The plan for a machine that is described, not here: what lies where, at every context, and how fast that would be.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/given_model.h"
#include "doctor/nominal.h"
#include "runtime/runtime.h"

namespace lupo::cli {

struct PointOn {
  int64_t n_ctx = 0;
  MemoryBytes bytes;
  Placement placement;
  std::optional<NominalSpeeds> speeds;  // at half of this context, and of a prompt of 512 tokens
};
struct PlanOn {
  std::string path, machine;  // the machine as it was described
  std::optional<RemoteSource> remote;
  int64_t file_bytes = 0;
  double bits_per_weight = 0;
  NominalMachine nominal;
  std::vector<PointOn> points;  // 4096, 8192, … up to the trained context, or the one asked for
  ModelFacts facts;
};

// options.n_ctx 0: every context; else that one.
Result<PlanOn> plan_on(const std::string& description, const Machine& machine, const GivenModel& given, RuntimeOptions options);

void print(const PlanOn& plan);
nlohmann::ordered_json to_json(const PlanOn& plan);

}  // namespace lupo::cli
