// What to do when a model does not fit as it was asked for: say what would, with its speed, or take it when the user allows that.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/runtime.h"

namespace lupo::cli {

// The options as they are where they fit. Else, with `shrink`, the first of what would fit, said in `notes`; without, an Error
// {memory, does-not-fit} whose fix lists at most three, each with its bytes and, on a calibrated machine, its speed. `path`: of the
// model, for the commands.
Result<RuntimeOptions> fitting_options(const std::string& path, const Model& model, const Machine& machine, RuntimeOptions options,
                                       bool shrink, std::vector<std::string>& notes);

}  // namespace lupo::cli
