// The *.test files of this folder: what a command must print and how it must end, as text that a user can read and send.
//
//   test NAME           begins a case
//   seconds N           time limit, 60 when not said
//   $ COMMAND           run by sh in an empty folder; several lines are one script. In the environment: lupo on PATH, $TESTS (the
//                       folder tests/), and $SMOLLM2, $GEMMA3, $QWEN2 (the real models; naming one puts the case under the label
//                       `model`)
//   exit N              exit code, 0 when not said. Unless 0, standard error must hold `error[layer/code]: what` and `fix: …`
//   out TEXT            all `out` lines together are standard output; out~ REGEX: some line of it matches
//   out! REGEX          no line of standard output matches
//   err~ REGEX          some line of standard error matches
//   json                standard output is one JSON value and nothing else
//   json PATH CHECK     … and at the JSON pointer PATH (`*` = every element, at least one) stands CHECK:
//                       a type (number, integer, string, boolean, array, object), `= VALUE`, `in ARRAY`, `~ REGEX`, `> N`, `>=
//                       N`, `< N`
// Empty lines and lines that begin with # mean nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lupo::cli_test {

struct Expectation {
  int line;          // in the file, from 1
  std::string kind;  // "out", "out~", "out!", "err~", "json"
  std::string text;
};

struct Case {
  std::string name;
  int line = 0;
  int seconds = 60;
  int exit_code = 0;
  std::string script;
  std::vector<Expectation> expectations;

  // Names of the model variables that the script uses.
  std::vector<std::string> models() const;
};

// What is wrong with the text itself comes back in `problem`.
std::vector<Case> parse_cases(const std::string& text, std::string& problem);

struct Outcome {
  int exit_code;
  std::string out, err;
};

// Every way in which the outcome is not what the case expects, one sentence each.
std::vector<std::string> disagreements(const Case& one, const Outcome& outcome);

}  // namespace lupo::cli_test
