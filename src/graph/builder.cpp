#include "graph/builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/ops/op.h"

namespace lupo {
namespace {

constexpr size_t kProblemsMax = 8;

// Integers and doubles are never weights of a product; a kernel for them would serve broken files alone.
bool is_matrix_type(Type type) {
  return type != Type::i8 && type != Type::i16 && type != Type::i32 && type != Type::i64 && type != Type::f64 &&
         type != Type::q8_1 && type != Type::q8_k && type_info(type).to_float != nullptr;
}

bool is_cache_type(Type type) {
  return type == Type::f32 || type == Type::f16 || type == Type::bf16 || type == Type::q8_0 || type == Type::q4_0;
}

}  // namespace

Builder::Builder(const WeightTable& weights, const GraphRequest& request) : weights_(weights), request_(request) {
  graph_.n_batch = request.n_batch;
  graph_.n_outputs = request.n_outputs;
  graph_.n_ctx = request.n_ctx;
  graph_.n_seq = request.n_seq;
  graph_.n_checkpoints = request.n_checkpoints;
  graph_.tokens = add_tensor({Type::i32, {{kTokens, 1, 1, 1}}, Life::input, StatePolicy::none, "tokens"});
  graph_.positions = add_tensor({Type::i32, {{kTokens, 1, 1, 1}}, Life::input, StatePolicy::none, "positions"});
  graph_.outputs = add_tensor({Type::i32, {{kOutputs, 1, 1, 1}}, Life::input, StatePolicy::none, "outputs"});
}

std::string Builder::block(std::string_view name) const { return fmt::format("blk.{}.{}", layer_, name); }

void Builder::ignore(std::string_view name) {
  if (const auto found = weights_.find(name); found != weights_.end()) used_.insert(found->first);
}

void Builder::ignore_block(int64_t layer, std::string_view why) {
  const std::string prefix = fmt::format("blk.{}.", layer);
  bool has_any = false;
  for (const auto& [name, info] : weights_)
    if (name.starts_with(prefix)) used_.insert(name), has_any = true;
  if (has_any) note(fmt::format("block {} is not used: {}", layer, why));
}

void Builder::refuse(Error error) {
  if (!bad_request_) bad_request_ = std::move(error);
}

void Builder::problem(std::string text) {
  if (++n_problems_ <= static_cast<int64_t>(kProblemsMax)) problems_.push_back(std::move(text));
}

Value Builder::add_tensor(Tensor tensor) {
  graph_.tensors.push_back(std::move(tensor));
  return static_cast<Value>(graph_.tensors.size() - 1);
}

// After a fault the shapes that follow mean nothing: results of broken operands are dropped without a further complaint.
Value Builder::add_node(Attrs attrs, std::vector<TensorId> in) {
  if (n_problems_ > 0) return kNone;
  Node node{std::move(attrs), std::move(in), kNone, static_cast<int32_t>(layer_)};
  const OpInfo& op = op_info(node.op());
  const Result<Shape> shape = op.infer(graph_, node);
  if (!shape) return problem(shape.error().what), kNone;
  node.out =
      add_tensor({Type::f32, *shape, Life::scratch, StatePolicy::none, layer_ < 0 ? std::string(op.name) : block(op.name)});
  graph_.nodes.push_back(node);
  return node.out;
}

// `shape` is that of the part wanted; of a vector, `rows` counts elements.
Value Builder::weight(const std::string& name, const Shape& shape, bool is_vector, Rows rows) {
  const std::string key = fmt::format("{}:{}", name, rows.first);
  if (const auto known = asked_.find(key); known != asked_.end()) return known->second;
  Shape whole = shape;
  whole.dim[is_vector ? 0 : 1] = rows.n_total / rows.n_matrices;
  if (rows.n_matrices > 1) whole.dim[2] = rows.n_matrices;
  const WeightInfo* info = checked(name, whole, is_vector);
  if (info == nullptr) return kNone;
  return asked_[key] = add_tensor({info->type, shape, Life::weight, StatePolicy::none, name, rows.first, rows.n_total});
}

const WeightInfo* Builder::checked(const std::string& name, const Shape& shape, bool is_vector) {
  const auto found = weights_.find(name);
  if (found == weights_.end()) return problem(fmt::format("tensor '{}' {} is missing", name, to_string(shape))), nullptr;
  used_.insert(found->first);
  const WeightInfo& info = found->second;
  if (info.shape != shape) problem(fmt::format("tensor '{}' is {}, wanted {}", name, to_string(info.shape), to_string(shape)));
  if (is_vector ? info.type != Type::f32 : !is_matrix_type(info.type))
    problem(fmt::format("tensor '{}' has type {}, wanted {}", name, type_info(info.type).name,
                        is_vector ? "F32" : "a floating or quantized type"));
  return &info;
}

void Builder::check_vector(const std::string& name, int64_t width) { checked(name, {{width, 1, 1, 1}}, true); }

int64_t Builder::n_rows(const std::string& name) const {
  const auto found = weights_.find(name);
  return found == weights_.end() ? 0 : found->second.shape.dim[1];
}

Value Builder::vector(const std::string& name, int64_t width) { return weight(name, {{width, 1, 1, 1}}, true, {0, width}); }
Value Builder::vector_if(const std::string& name, int64_t width) { return has(name) ? vector(name, width) : kNone; }
Value Builder::matrix(const std::string& name, int64_t n_in, int64_t n_out) {
  return weight(name, {{n_in, n_out, 1, 1}}, false, {0, n_out});
}

Value Builder::state(std::string_view name, Type type, const Shape& shape, StatePolicy policy) {
  return add_tensor({type, shape, Life::state, policy, block(name)});
}

Value Builder::embed(const std::string& name, int64_t width, int64_t n_vocab, float scale) {
  const Value table = matrix(name + ".weight", width, n_vocab);
  return add_node(EmbedAttrs{scale}, {table, graph_.tokens});
}

Value Builder::embed_first(const std::string& name, int64_t width) {
  return add_node(EmbedAttrs{}, {matrix(name + ".weight", width, n_rows(name + ".weight")), kNone});
}

Value Builder::embed_positions(const std::string& name, int64_t width, int64_t n_positions) {
  if (request_.n_ctx > n_positions)
    refuse({Layer::runtime, "context-too-long",
            fmt::format("a context of {} tokens: this model has learned positions for {}", request_.n_ctx, n_positions),
            fmt::format("--ctx {}", n_positions)});
  return add_node(EmbedAttrs{}, {matrix(name + ".weight", width, n_positions), graph_.positions});
}

Value Builder::norm(Value x, const std::string& name, int64_t width, float eps, bool rms) {
  const Value weight = vector(name + ".weight", width), bias = vector_if(name + ".bias", width);
  return add_node(NormAttrs{width, eps, rms}, {x, weight, bias});
}

// A weight of a node that cannot be made: its shape is not known, but it is not surplus either, and its absence is worth a line.
void Builder::expect(const std::string& name) {
  const auto found = weights_.find(name + ".weight");
  if (found == weights_.end())
    problem(fmt::format("tensor '{}.weight' is missing", name));
  else
    used_.insert(found->first);
  for (const char* extra : {".bias", ".scale"}) ignore(name + extra);
}

Value Builder::linear(Value x, const std::string& name, int64_t n_out, Rows rows) {
  if (x == kNone) return expect(name), kNone;
  const Value matrix = weight(name + ".weight", {{graph_[x].shape.dim[0], n_out, 1, 1}}, false, rows);
  const Value bias = has(name + ".bias") ? weight(name + ".bias", {{n_out, 1, 1, 1}}, true, rows) : kNone;
  const bool has_scale = matrix != kNone && graph_[matrix].type == Type::nvfp4;
  if (has_scale) ignore(name + ".input_scale");  // for activations of 4 bits
  return add_node(LinearAttrs{}, {matrix, x, bias, has_scale ? vector_if(name + ".scale", 1) : kNone});
}

Value Builder::linear_heads(Value x, const std::string& name, int64_t n_out, int64_t n_head) {
  if (x == kNone) return expect(name), kNone;
  const Value matrix = weight(name + ".weight", {{graph_[x].shape.dim[0] / n_head, n_out, n_head, 1}}, false, {0, n_out});
  const Value heads = add_node(LinearHeadsAttrs{}, {matrix, x});
  if (matrix == kNone || graph_[matrix].type != Type::nvfp4) return heads;
  ignore(name + ".input_scale");
  return has(name + ".scale") ? mul(heads, vector(name + ".scale", 1)) : heads;
}

Value Builder::rope(Value x, const RopeAttrs& attrs, Value factors) { return add_node(attrs, {x, graph_.positions, factors}); }

Cache Builder::cache(int64_t n_kv_head, int64_t head_dim, int64_t head_dim_v, int64_t window) {
  const bool ring = window > 0 && window + request_.n_batch < request_.n_ctx;
  // A step writes all its cells before it reads: a query still needs the window before the first of up to n_batch new cells.
  const int64_t n_cells = ring ? window + request_.n_batch : request_.n_ctx;
  const StatePolicy policy = ring ? StatePolicy::ring : StatePolicy::append;
  const auto check = [&](Type type, int64_t width) {
    const TypeInfo& info = type_info(type);
    std::string what;
    if (!is_cache_type(type))
      what = fmt::format("a cache of type {} is not supported (f32, f16, bf16, q8_0, q4_0 are)", info.name);
    else if (width % info.block_elements != 0)
      what = fmt::format("a cache of type {} needs heads of a multiple of {} values, this model has {}", info.name,
                         info.block_elements, width);
    if (!what.empty()) refuse({Layer::runtime, "kv-type", std::move(what), "--kv-type f16"});
  };
  check(request_.k_type, head_dim);
  const Value k = state("k_cache", request_.k_type, {{head_dim, n_cells, n_kv_head, request_.n_seq}}, policy);
  if (head_dim_v == 0) return {k, kNone};
  check(request_.v_type, head_dim_v);
  return {k, state("v_cache", request_.v_type, {{head_dim_v, n_cells, n_kv_head, request_.n_seq}}, policy)};
}

Value Builder::attend(Value q, Value k, Value v, Cache cache, const AttendAttrs& attrs, Value sinks) {
  return add_node(attrs, {q, k, v, cache.k, cache.v, sinks});
}

Value Builder::glu(Value gate, Value up, Activation act) { return add_node(GluAttrs{act}, {gate, up}); }
Value Builder::activate(Value x, Activation act) { return add_node(ActivateAttrs{act}, {x}); }
Value Builder::add(Value a, Value b) { return add_node(AddAttrs{}, {a, b}); }
Value Builder::mul(Value a, Value b) { return add_node(MulAttrs{}, {a, b}); }
Value Builder::scale(Value x, float factor) { return add_node(ScaleAttrs{factor}, {x}); }
Value Builder::softcap(Value x, float cap) { return add_node(SoftcapAttrs{cap}, {x}); }
Value Builder::clamp(Value x, float limit) { return add_node(ClampAttrs{limit}, {x}); }
Value Builder::xielu(Value x, const XieluAttrs& attrs) { return add_node(attrs, {x}); }
Value Builder::temperature(Value x, const TemperatureAttrs& attrs) { return add_node(attrs, {x, graph_.positions}); }
Value Builder::slice(Value x, int64_t n_group, int64_t offset, int64_t size) {
  return add_node(SliceAttrs{n_group, offset, size}, {x});
}
Value Builder::join(Value a, Value b, int64_t n_group, bool is_shared) { return add_node(JoinAttrs{n_group, is_shared}, {a, b}); }
Value Builder::moe(Value x, Value router, const std::string& gate, const std::string& up, const std::string& down, int64_t n_ff,
                   const MoeAttrs& attrs, Value selection) {
  const auto experts = [&](const std::string& name, int64_t n_in, int64_t n_out, Rows rows) {
    return weight(name + ".weight", {{n_in, n_out, attrs.n_expert, 1}}, false, rows);
  };
  if (x == kNone || router == kNone) {
    for (const std::string& name : {gate, up, down})
      if (!name.empty()) expect(name);
    return kNone;
  }
  const int64_t width = graph_[x].shape.dim[0];
  const bool is_fused = gate == up;
  const Value g = experts(gate, width, n_ff, {0, is_fused ? 2 * n_ff : n_ff}),
              u = up.empty() ? kNone : experts(up, width, n_ff, {is_fused ? n_ff : 0, is_fused ? 2 * n_ff : n_ff}),
              d = experts(down, n_ff, width, {0, width});
  const auto bias = [&](const std::string& name, int64_t n_out) {
    return has(name + ".bias") ? matrix(name + ".bias", n_out, attrs.n_expert) : kNone;
  };
  const auto scale = [&](const std::string& name) { return vector_if(name + ".scale", attrs.n_expert); };
  return add_node(attrs, {x, router, g, u, d, selection, bias(gate, n_ff), bias(up, n_ff), bias(down, width), scale(gate),
                          scale(up), scale(down)});
}

Value Builder::conv(Value x, const std::string& name, int64_t width) {
  if (x == kNone) return expect(name), kNone;
  const int64_t n_channels = graph_[x].shape.dim[0];
  const Value weight = matrix(name + ".weight", width, n_channels), bias = vector_if(name + ".bias", n_channels);
  const Shape shape{{n_channels, width - 1, 1, graph_.n_fixed()}};
  return add_node(ConvAttrs{}, {x, weight, bias, state("conv_state", Type::f32, shape, StatePolicy::fixed)});
}

Value Builder::scan(Value x, Value dt, Value a, Value b, Value c, Value d, int64_t n_state, const ScanAttrs& attrs) {
  const Shape shape{{n_state, attrs.head_dim, attrs.n_head, graph_.n_fixed()}};
  return add_node(attrs, {x, dt, a, b, c, d, state("scan_state", Type::f32, shape, StatePolicy::fixed)});
}

Value Builder::delta(Value q, Value k, Value v, Value g, Value beta, int64_t key_dim, int64_t value_dim,
                     const DeltaAttrs& attrs) {
  const Shape shape{{key_dim, value_dim, attrs.n_head, graph_.n_fixed()}};
  return add_node(attrs, {q, k, v, g, beta, state("delta_state", Type::f32, shape, StatePolicy::fixed)});
}

Value Builder::select_outputs(Value x) { return add_node(SelectAttrs{}, {x, graph_.outputs}); }

Value Builder::pool(Value x, Pooling pooling) {
  return pooling == Pooling::none ? select_outputs(x) : add_node(PoolAttrs{pooling}, {x, graph_.outputs});
}

Result<Graph> Builder::finish(Value result) {
  if (bad_request_) return std::unexpected(*bad_request_);
  // Surplus names come out of a hash table: sorted, so that the message is the same each time.
  std::vector<std::string_view> surplus;
  for (const auto& [name, info] : weights_)
    if (!used_.contains(name)) surplus.push_back(name);
  std::sort(surplus.begin(), surplus.end());
  for (std::string_view name : surplus) problem(fmt::format("tensor '{}' is in the file but not in this architecture", name));
  if (n_problems_ > 0) {
    const std::string rest = n_problems_ > static_cast<int64_t>(kProblemsMax)
                                 ? fmt::format("; and {} more", n_problems_ - static_cast<int64_t>(kProblemsMax))
                                 : "";
    return fail(Layer::model, "bad-tensors", fmt::format("{} faults: {}{}", n_problems_, fmt::join(problems_, "; "), rest),
                "lupo inspect MODEL --tensors  # and get the file again from its source");
  }
  graph_.result = result;
  graph_.tensors[static_cast<size_t>(result)].life = Life::output;
  return std::move(graph_);
}

}  // namespace lupo
