#include "graph/ops/op.h"

#include <array>

namespace lupo {

const OpInfo& op_info(Op op) {
  static constexpr std::array<const OpInfo*, kOpCount> table = {
      &embed_op, &norm_op,  &linear_op,  &rope_op,   &attend_op, &glu_op,   &activate_op, &add_op,
      &mul_op,   &scale_op, &softcap_op, &select_op, &moe_op,    &slice_op, &join_op,     &pool_op};
  return *table[static_cast<size_t>(op)];
}

std::string_view op_name(Op op) { return op_info(op).name; }

}  // namespace lupo
