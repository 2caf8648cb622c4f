// The flags of speculation, and a draft model's file.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "runtime/session/engines.h"

namespace lupo::cli {

struct SpeculationFlags {
  std::string mode = "auto";
  std::string draft;  // path; "": none
};

// Adds --speculate and --draft to a verb.
void add_speculation_options(CLI::App& app, SpeculationFlags& flags);

// {cli, usage} for a mode that does not exist, for draft without --draft, and for --draft with another mode.
Result<Speculate> speculate_mode(const SpeculationFlags& flags);

// The draft, where there is one to be used.
Result<std::optional<Model>> open_draft(const SpeculationFlags& flags);

}  // namespace lupo::cli
