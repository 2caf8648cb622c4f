// Several plans side by side, the best first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/given_model.h"
#include "cli/plan_here.h"
#include "cli/plan_on.h"

namespace lupo::cli {

struct Rank {
  std::string name, quantization;  // of the file; what its name says, "": not known
  int64_t params = 0;
  double bits_per_weight = 0;
  int64_t file_bytes = 0;
  int64_t n_ctx = 0;
  int64_t memory_bytes = 0;  // at n_ctx
  bool fits = false;
  std::optional<Interval> decode_tps{}, prefill_tps{};
  std::string fetch{};  // the command that fetches it; "": it is here
  size_t index = 0;     // among the plans
};
Rank rank_of(const Planned& planned);
Rank rank_of(const PlanOn& plan);  // at its first context

// Those that fit first, of these the ones fast enough to read along, of these the one that knows most: parameters, then bits,
// of which 8.5 are enough; of equals the smaller.
void rank(std::vector<Rank>& ranks);

void print_ranking(const std::vector<Rank>& ranks);

}  // namespace lupo::cli
