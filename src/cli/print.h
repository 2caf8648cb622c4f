// How the command line shows errors, notes and what a model says.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace lupo::cli {

// `error[layer/code]: what` and `fix: …`, control bytes escaped.
void print(const Error& error);

// One line on standard error, dimmed where colour is wanted.
void print_note(const std::string& note);

// A piece of a model's text on standard output, at once; on a terminal with its control bytes made visible.
void print_answer(std::string_view piece);

}  // namespace lupo::cli
