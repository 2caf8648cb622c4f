// The functions of one value. A header of its own: kernels need these names and nothing else of the graph.
#pragma once

#include <cstdint>

namespace lupo {

enum class Activation : uint8_t { silu, gelu, gelu_erf, relu, relu_squared, sigmoid, tanh, softplus };

}  // namespace lupo
