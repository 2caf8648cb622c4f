#include "graph/ops/op.h"

#include <array>

namespace lupo {

const OpInfo& op_info(Op op) {
#define LUPO_OP(name, Name) &name##_op,
  static constexpr std::array<const OpInfo*, kOpCount> table = {LUPO_OPS(LUPO_OP)};
#undef LUPO_OP
  return *table[static_cast<size_t>(op)];
}

std::string_view op_name(Op op) { return op_info(op).name; }

}  // namespace lupo
