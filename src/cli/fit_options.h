// What to do when a model does not fit as it was asked for: say what would, with its speed, or take it when the user allows that.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/runtime.h"

namespace lupo::cli {

// `misfit`: the error {memory, does-not-fit} of loading with these options. With `shrink` they become the first of what would
// fit, said in `notes`; without, or where nothing fits, the error comes back with a fix that lists at most three, each with its
// bytes and, on a calibrated machine, its speed. `path`: of the model, for the commands.
Result<RuntimeOptions> after_misfit(Error misfit, const std::string& path, const Model& model, const Machine& machine,
                                    const RuntimeOptions& options, bool shrink, std::vector<std::string>& notes);

}  // namespace lupo::cli
