#include "doctor/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/printable.h"

namespace lupo {

std::vector<FitOption> what_fits(const Model& model, const Machine& machine, RuntimeOptions options, int64_t n_ctx) {
  constexpr int64_t kContextMin = 256;
  std::vector<FitOption> fitting;
  std::vector<Type> types{options.k_type};
  for (const Type smaller : {Type::q8_0, Type::q4_0})
    if (row_bytes(smaller, 32) < row_bytes(types.back(), 32)) types.push_back(smaller);
  for (const Type type : types) {
    options.k_type = options.v_type = type;
    // The first candidate is the context asked for, then powers of two below it.
    for (int64_t candidate = n_ctx; candidate >= kContextMin;
         candidate = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(candidate - 1)))) {
      options.n_ctx = candidate;
      const Result<Preview> shown = preview(model, machine, options);
      if (!shown || !shown->fits) continue;
      fitting.push_back({candidate, type, shown->plan.bytes.total(),
                         fmt::format("--ctx {} --kv-type {}", candidate, in_lower_case(type_info(type).name))});
      break;
    }
  }
  return fitting;
}

double bits_per_weight_that_fit(int64_t params, int64_t other_bytes, int64_t room) {
  return params > 0 ? 8.0 * static_cast<double>(std::max<int64_t>(0, room - other_bytes)) / static_cast<double>(params) : 0;
}

}  // namespace lupo
