// A verb is one file in cli/verbs/: `Verb add_<name>(CLI::App& root)` declares its options and returns what runs it.
// CMake lists the files, so that a new file is a new verb.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/result.h"

namespace lupo::cli {

struct Verb {
  CLI::App* app;
  std::function<Result<void>()> run;  // called when the verb was chosen; options hold their values by then
};

}  // namespace lupo::cli
