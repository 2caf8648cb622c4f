// --threads: a count, 0, auto, or several to compare.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hardware/machine.h"
#include "runtime/runtime.h"

namespace lupo::cli {

struct ThreadsWanted {
  bool measures = false;    // auto: the counts that the machine suggests are tried
  std::vector<int> counts;  // as typed; {0}: chosen without trying

  bool tries() const { return measures || counts.size() > 1; }
};

// "4", "0", "auto", "1,2,4". Error {cli, usage}.
Result<ThreadsWanted> parse_threads(const std::string& text);

struct ThreadTrial {
  int n_threads = 1;
  double read_gbps = 0;                    // the roof: read bandwidth
  double decode_tps = 0, prefill_tps = 0;  // decode 0: of a model that does not generate
};

struct ThreadChoice {
  std::vector<ThreadTrial> trials;
  int n_threads = 1;
  std::string reason;  // "best of 1, 2: decode 20.1, 38.5 tok/s, prefill 170, 330 tok/s, reads 14.0, 27.1 GB/s"
};

// One thread, two, four, … and as many as the machine has use for, as it has processors.
std::vector<int> counts_to_try(const Machine& machine);

// Loads the model with each count for a decode and a prefill of a fraction of a second, twice in turns, of which the faster
// counts. The best has the greatest product of both speeds; of counts within 3 % of it the smallest is taken.
Result<ThreadChoice> try_threads(const Model& model, const Machine& machine, RuntimeOptions options, std::span<const int> counts);

// Puts what was typed into `options`, after a trial where it asks for one.
Result<void> settle_threads(const ThreadsWanted& wanted, const Model& model, const Machine& machine, RuntimeOptions& options);

}  // namespace lupo::cli
