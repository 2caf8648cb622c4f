// A Finding is what a layer's check noticed: doctor collects, ranks and prints them.
#pragma once

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
  double gain = 0;       // predicted relative gain in decode speed from the fix: 0.25 = 25 % faster; 0 = none or unknown
  std::string fix;       // exact command, or empty
  bool limits = true;    // the layer holds the model back; false: worth knowing, but not what a slow or poor model is stuck on
};

}  // namespace lupo
