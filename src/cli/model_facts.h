// The facts of a model as inspect, plan and bench give them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/facts.h"

namespace lupo::cli {

// "params_total", "params_active", "bytes_per_token", "kv_bytes_per_token", "kv" (a list by kind) and "state_bytes".
void add_facts(const ModelFacts& facts, nlohmann::ordered_json& json);

// Label and text of each line: parameters, what a token reads, what it leaves in the cache, the state of a sequence.
std::vector<std::pair<std::string, std::string>> fact_lines(const ModelFacts& facts);

}  // namespace lupo::cli
