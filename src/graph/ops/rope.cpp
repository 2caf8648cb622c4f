// rope: rotary position embedding (Su et al. 2021, arXiv 2104.09864) with YaRN (Peng et al. 2023, arXiv 2309.00071).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "graph/ops/check.h"

namespace lupo {
namespace {

// The pair whose wavelength fits `turns` rotations into the trained context (YaRN, section 3.2).
double correction_dim(const RopeAttrs& rope, double turns) {
  const double context = static_cast<double>(rope.n_ctx_orig);
  return static_cast<double>(rope.n_rot) * std::log(context / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(static_cast<double>(rope.freq_base)));
}

Result<Shape> infer(const Graph& graph, const Node& node) {
  const auto& rope = std::get<RopeAttrs>(node.attrs);
  TRY(check_rows("rope", graph, node.in[0], 0));
  TRY(check_vector("rope", graph, node.in[2], rope.n_rot / 2));
  const Shape& x = graph[node.in[0]].shape;
  const bool fits =
      rope.head_dim > 0 && x.dim[0] % rope.head_dim == 0 && rope.n_rot > 0 && rope.n_rot % 2 == 0 && rope.n_rot <= rope.head_dim;
  if (!fits) return bad_operand("rope", graph, node.in[0], fmt::format("heads of {} with {} rotated", rope.head_dim, rope.n_rot));
  return x;
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  return {.flops = 3.0 * static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs))};
}

void reference(const Execution& run, const Node& node) {
  const auto& rope = std::get<RopeAttrs>(node.attrs);
  const int64_t half = rope.n_rot / 2, n_heads = run.graph[node.in[0]].shape.dim[0] / rope.head_dim;
  const float* x = run.f32(node.in[0]);                                                   // [heads·D, T]
  const int32_t* positions = run.i32(node.in[1]);                                         // [T]
  float* out = run.f32(node.out);                                                         // [heads·D, T]
  std::vector<float> cosine(static_cast<size_t>(half)), sine(static_cast<size_t>(half));  // [n_rot/2] each
  for (int64_t t = 0; t < run.n_tokens(); ++t) {
    rope_table(rope, positions[t], run.f32(node.in[2]), cosine.data(), sine.data());
    for (int64_t head = 0; head < n_heads; ++head, x += rope.head_dim, out += rope.head_dim) {
      for (int64_t i = 0; i < half; ++i) {
        const int64_t a = rope.neox ? i : 2 * i, b = rope.neox ? i + half : 2 * i + 1;
        const double c = cosine[static_cast<size_t>(i)], s = sine[static_cast<size_t>(i)], xa = x[a], xb = x[b];
        out[a] = static_cast<float>(xa * c - xb * s);
        out[b] = static_cast<float>(xa * s + xb * c);
      }
      for (int64_t i = rope.n_rot; i < rope.head_dim; ++i) out[i] = x[i];
    }
  }
}

}  // namespace

void rope_table(const RopeAttrs& rope, int64_t position, const float* factors, float* cosine, float* sine) {
  const bool yarn = rope.ext_factor != 0;
  double low = 0, high = 0, magnitude = rope.attn_factor;
  if (yarn) {
    low = std::max(0.0, std::floor(correction_dim(rope, rope.beta_fast)));
    high = std::min(static_cast<double>(rope.n_rot - 1), std::ceil(correction_dim(rope, rope.beta_slow)));
    magnitude *= 1 + 0.1 * std::log(1 / static_cast<double>(rope.freq_scale));
  }
  for (int64_t i = 0; i < rope.n_rot / 2; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rope.n_rot);
    const double extrapolated =
        static_cast<double>(position) * std::pow(static_cast<double>(rope.freq_base), exponent) / (factors ? factors[i] : 1.0f);
    double angle = extrapolated * static_cast<double>(rope.freq_scale);
    if (yarn) {
      const double ramp = std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
      const double mix = (1 - ramp) * static_cast<double>(rope.ext_factor);
      angle = angle * (1 - mix) + extrapolated * mix;
    }
    cosine[i] = static_cast<float>(std::cos(angle) * magnitude);
    sine[i] = static_cast<float>(std::sin(angle) * magnitude);
  }
}

const OpInfo rope_op{"rope", infer, cost, reference};

}  // namespace lupo
