// Options that every verb that loads a model understands, and the way from them to an Engine.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/result.h"
#include "hardware/machine.h"
#include "runtime/runtime.h"

namespace lupo::cli {

struct EngineOptions {
  std::string model;          // path
  int64_t n_ctx = 0;          // 0: chosen
  std::string threads = "0";  // see parse_threads
  std::string kv_type = "f16";
  std::string activations = "auto";
  std::string backend = "cpu";
};

// Adds MODEL, --ctx, --threads, --kv-type, --activations and --backend to a verb.
void add_engine_options(CLI::App& app, EngineOptions& options);

// Error {cli, usage} for a cache type that does not exist, and for --threads that only a trial can settle.
Result<RuntimeOptions> runtime_options(const EngineOptions& options);
// The same with such a trial on the model, of a few seconds, where --threads asks for one.
Result<RuntimeOptions> runtime_options(const EngineOptions& options, const Model& model, const Machine& machine);

// The machine this runs on, probed.
Result<Machine> this_machine();

// Whole content of a file, or of standard input for "-". Errors {cli, file-missing} and {cli, file-unreadable}; `option` is what
// the user gave the path to ("-f").
Result<std::string> read_input(const std::string& path, std::string_view option);

}  // namespace lupo::cli
