// The plan of a model on this machine, or on one of which only the memory counts: bytes, what fits, and the speed where the
// machine is calibrated for it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/engine_options.h"
#include "cli/given_model.h"
#include "doctor/expectation.h"
#include "doctor/fit.h"
#include "doctor/outlook.h"

namespace lupo::cli {

struct PlanOptions {
  EngineOptions engine;
  std::vector<std::string> more;  // further models
  int64_t batch = 1;
  std::string use;  // name, "" for all
  std::string machine_file, on;
  bool json = false;
};

struct Planned {
  std::string path, command_path;  // see GivenModel
  std::optional<RemoteSource> remote;
  int64_t file_bytes = 0;
  ModelFacts facts;
  int64_t n_ctx_train = 0;
  Preview preview;
  std::vector<ContextPoint> memory;
  std::vector<FitOption> fitting;  // when it does not fit
  double bits_that_fit = 0;        // when the weights alone do not
  std::optional<Calibration> calibration;
  Prediction prediction;  // at a depth of 64 and of 512 tokens first, then the curve
  std::vector<UseOutlook> uses;
  double bits_per_weight = 0;
  std::string basis;
};

// With the calibration that is missing, which takes some seconds.
Result<Planned> make_plan(const Machine& machine, const GivenModel& given, const PlanOptions& options);

void print(const Planned& planned);
nlohmann::ordered_json to_json(const Planned& planned, const PlanOptions& options);

}  // namespace lupo::cli
