#include "graph/graph.h"

#include <fmt/format.h>

namespace lupo {

int64_t Shape::elements(int64_t n_tokens, int64_t n_outputs) const {
  int64_t product = 1;
  for (int64_t d : dim) product *= d == kTokens ? n_tokens : d == kOutputs ? n_outputs : d;
  return product;
}

int64_t Shape::rows(int64_t n_tokens, int64_t n_outputs) const { return elements(n_tokens, n_outputs) / dim[0]; }

std::string to_string(const Shape& shape) {
  size_t n_dims = 4;
  while (n_dims > 1 && shape.dim[n_dims - 1] == 1) --n_dims;
  std::string text = "[";
  for (size_t i = 0; i < n_dims; ++i) {
    if (i > 0) text += ", ";
    text += shape.dim[i] == kTokens ? "T" : shape.dim[i] == kOutputs ? "O" : fmt::format("{}", shape.dim[i]);
  }
  return text + "]";
}

int64_t Graph::bytes_max(TensorId id) const {
  const Tensor& tensor = (*this)[id];
  const int64_t row =
      tensor.shape.dim[0] > 0 ? tensor.shape.dim[0] : tensor.shape.elements(n_batch, n_outputs);  // inputs are [T] or [O]
  return tensor.shape.elements(n_batch, n_outputs) / row * row_bytes(tensor.type, row);
}

}  // namespace lupo
