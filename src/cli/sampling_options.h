// The sampling flags of a verb. What the user gives wins over the model's recommendation, which wins over lupo's defaults.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/session/sampler.h"

namespace lupo::cli {

struct SamplingFlags {
  std::optional<float> temperature, top_p, min_p, typical_p, repeat_penalty, frequency_penalty, presence_penalty;
  std::optional<int32_t> top_k, penalty_last_n;
  std::optional<uint64_t> seed;
  std::vector<std::string> logit_bias;  // "15043+1.5", "15043-inf"
};

void add_sampling_options(CLI::App& app, SamplingFlags& flags);

// `notes` gets the model's recommendations that were taken. Without --seed the seed is drawn and shown, so that a text can be had
// again.
Result<SamplingOptions> sampling_options(const SamplingFlags& flags, const gguf::Metadata& metadata,
                                         std::vector<std::string>& notes);

// One setting by its flag's name ("temp", "top-k", …), for /set.
Result<void> set_sampling(SamplingOptions& options, const std::string& name, const std::string& value);

// "temp 0.8, top-k 40, …": what differs from "off", for printing.
std::string describe(const SamplingOptions& options);

}  // namespace lupo::cli
