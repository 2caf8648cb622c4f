// Every code of an error, a finding or a verdict, explained: what `lupo explain` shows and docs/errors.md holds.
//
// The entries are data, a table for each layer in codes/*.inc; the tidy test compares them with the codes that the sources make,
// in both directions. Immutable; safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lupo::cli {

// Who says a code; one may be said by several.
enum CodeKind : unsigned {
  kError = 1,    // stops a command: error[layer/code]
  kFinding = 2,  // of lupo doctor and lupo inspect
  kVerdict = 4,  // of a run's speed against its prediction
};

struct CodeEntry {
  std::optional<Layer> layer;  // none: a verdict that blames no layer
  std::string_view code;
  unsigned kinds;                       // of CodeKind
  std::string_view means;               // one to three sentences, the first of which can stand alone
  std::string_view test;                // how lupo tells: what it compares with what
  std::string_view causes;              // what usually brings it about
  std::vector<std::string_view> steps;  // what to do, in this order; commands in `backticks`
};

// In the order of Layer, in each by code; what has no layer last.
std::span<const CodeEntry> all_codes();

std::string full_name(const CodeEntry& entry);             // "memory/does-not-fit"; "faster" where there is no layer
std::string_view first_sentence(const CodeEntry& entry);   // of `means`
std::vector<std::string_view> kind_names(unsigned kinds);  // {"error", "finding"}

// Entries by what a user copies: "does-not-fit", "memory/does-not-fit", "error[memory/does-not-fit]" or "[memory/does-not-fit]".
// A code without its layer may be several. Errors: {cli, unknown-code} with the nearest name.
Result<std::vector<const CodeEntry*>> find_codes(std::string_view name);

}  // namespace lupo::cli
