// Ops on values alone: glu, activate, add, mul, scale, softcap, clamp, xielu.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "graph/ops/check.h"

namespace lupo {
namespace {

Result<Shape> infer_unary(const Graph& graph, const Node& node) {
  TRY(check_rows(op_name(node.op()), graph, node.in[0], 0));
  return graph[node.in[0]].shape;
}

// Two operands of one shape; add and mul also take a weight of C values, mul one value a token [1, T] or a weight of one.
Result<Shape> infer_binary(const Graph& graph, const Node& node) {
  TRY(check_rows(op_name(node.op()), graph, node.in[0], 0));
  const Shape& a = graph[node.in[0]].shape;
  const Tensor& second = graph[node.in[1]];
  if (node.op() != Op::glu && second.life == Life::weight) {
    if (second.type != Type::f32 ||
        (second.shape.elements(0, 0) != a.dim[0] && !(node.op() == Op::mul && second.shape.elements(0, 0) == 1)))
      return bad_operand(op_name(node.op()), graph, node.in[1], fmt::format("{} values of F32", a.dim[0]));
  } else if (node.op() == Op::mul && second.shape == Shape{{1, a.dim[1], 1, 1}} && second.type == Type::f32) {
    return a;
  } else if (second.shape != a || second.type != Type::f32) {
    return bad_operand(op_name(node.op()), graph, node.in[1], "F32 " + to_string(a));
  }
  return a;
}

Cost cost(const Graph& graph, const Node& node, int64_t n_tokens, int64_t n_outputs, int64_t) {
  return {.flops = static_cast<double>(graph[node.out].shape.elements(n_tokens, n_outputs))};
}

template <class Function>
void each(const Execution& run, const Node& node, Function function) {
  const float* x = run.f32(node.in[0]);
  float* out = run.f32(node.out);
  for (int64_t i = 0, n = run.elements(node.out); i < n; ++i) out[i] = static_cast<float>(function(i, static_cast<double>(x[i])));
}

// After how many values the second operand begins again: a weight has one value or one for each of a token.
int64_t period_of(const Execution& run, const Node& node) {
  return run.graph[node.in[1]].life == Life::weight ? run.elements(node.in[1]) : run.elements(node.out);
}

void reference_glu(const Execution& run, const Node& node) {
  const float* up = run.f32(node.in[1]);  // [F, T]
  const Activation act = std::get<GluAttrs>(node.attrs).act;
  each(run, node, [&](int64_t i, double gate) { return activation(act, gate) * up[i]; });
}

void reference_activate(const Execution& run, const Node& node) {
  const Activation act = std::get<ActivateAttrs>(node.attrs).act;
  each(run, node, [&](int64_t, double x) { return activation(act, x); });
}

void reference_add(const Execution& run, const Node& node) {
  const float* b = run.f32(node.in[1]);  // [C, T] or [C]
  const int64_t period = period_of(run, node);
  each(run, node, [&](int64_t i, double a) { return a + b[i % period]; });
}

void reference_mul(const Execution& run, const Node& node) {
  const float* b = run.f32(node.in[1]);  // [C, T], [C], [1, T] or [1]
  const int64_t width = run.graph[node.out].shape.dim[0];
  if (width > 1 && run.graph[node.in[1]].shape.dim[0] == 1 && run.graph[node.in[1]].life != Life::weight)
    return each(run, node, [&](int64_t i, double a) { return a * b[i / width]; });
  const int64_t period = period_of(run, node);
  each(run, node, [&](int64_t i, double a) { return a * b[i % period]; });
}

void reference_scale(const Execution& run, const Node& node) {
  const double factor = std::get<ScaleAttrs>(node.attrs).factor;
  each(run, node, [&](int64_t, double x) { return x * factor; });
}

void reference_softcap(const Execution& run, const Node& node) {
  const double cap = std::get<SoftcapAttrs>(node.attrs).cap;
  each(run, node, [&](int64_t, double x) { return cap * std::tanh(x / cap); });
}

void reference_clamp(const Execution& run, const Node& node) {
  const double limit = std::get<ClampAttrs>(node.attrs).limit;
  each(run, node, [&](int64_t, double x) { return std::clamp(x, -limit, limit); });
}

void reference_xielu(const Execution& run, const Node& node) {
  each(run, node, [&](int64_t, double x) { return xielu(std::get<XieluAttrs>(node.attrs), x); });
}

}  // namespace

double xielu(const XieluAttrs& attrs, double x) {
  if (x > 0) return attrs.alpha_p * x * x + attrs.beta * x;
  return attrs.alpha_n * (std::expm1(std::min<double>(x, attrs.eps)) - x) + attrs.beta * x;
}

double activation(Activation act, double x) {
  switch (act) {
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::gelu: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::gelu_erf: return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::relu_squared: return x > 0 ? x * x : 0;
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
    case Activation::softplus: return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  }
  return x;
}

const OpInfo glu_op{"glu", infer_binary, cost, reference_glu};
const OpInfo activate_op{"activate", infer_unary, cost, reference_activate};
const OpInfo add_op{"add", infer_binary, cost, reference_add};
const OpInfo mul_op{"mul", infer_binary, cost, reference_mul};
const OpInfo scale_op{"scale", infer_unary, cost, reference_scale};
const OpInfo softcap_op{"softcap", infer_unary, cost, reference_softcap};
const OpInfo clamp_op{"clamp", infer_unary, cost, reference_clamp};
const OpInfo xielu_op{"xielu", infer_unary, cost, reference_xielu};

}  // namespace lupo
