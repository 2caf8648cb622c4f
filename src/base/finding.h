// A Finding is what a layer's check noticed: doctor collects, ranks and prints them.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace lupo {

enum class Severity { info, warning, problem };

std::string_view severity_name(Severity severity);

struct Finding {
  Layer layer;
  std::string code;  // short kebab-case name, stable
  Severity severity;
  std::string what;      // one sentence
  std::string evidence;  // the numbers it rests on
  double gain = 0;       // predicted relative gain in speed from the fix: 0.25 = 25 % faster; 0 = none or unknown
  std::string fix;       // exact command, or empty
  bool limits = true;    // the layer holds the model back; false: worth knowing, but not what a slow or poor model is stuck on
  double gain_low = 0, gain_high = 0;  // where the gain lies in 80 of 100 cases; below 0: slower
  std::string gain_of = "decode";      // what gets faster: "decode", "first token", "loading"
  int64_t freed_bytes = 0;             // of memory by the fix, as planned; 0 = none or unknown
};

}  // namespace lupo
