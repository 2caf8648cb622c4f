// Small random models: weights of given types, a graph made with Builder, and programs of it on any backend.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/builder.h"
#include "memory/plan.h"
#include "runtime/backend/cpu/cpu_backend.h"
#include "runtime/backend/cpu/isa.h"

namespace lupo {

// Weights by name, drawn when they are declared.
class RandomWeights {
 public:
  explicit RandomWeights(unsigned seed) : random_(seed) {}

  // A matrix [K, F] or one of each head [K, F, H] of standard deviation 1/√K, encoded as `type` (one with an encoder).
  void matrix(const std::string& name, Type type, int64_t k, int64_t f, int64_t n_head = 1) {
    std::vector<float> values = draw(k * f * n_head, 0, 1 / std::sqrt(static_cast<float>(k)));
    std::vector<std::byte>& bytes = data_[name];
    bytes.resize(static_cast<size_t>(f * n_head * row_bytes(type, k)));
    type_info(type).from_float(values.data(), nullptr, bytes.data(), k * f * n_head);
    table_[data_.find(name)->first] = {type, Shape{{k, f, n_head, 1}}};
  }
  // A vector [n] around `mean`.
  void vector(const std::string& name, int64_t n, float mean, float deviation) {
    const std::vector<float> values = draw(n, mean, deviation);
    std::vector<std::byte>& bytes = data_[name];
    bytes.resize(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    table_[data_.find(name)->first] = {Type::f32, Shape{{n, 1, 1, 1}}};
  }

  const WeightTable& table() const { return table_; }
  WeightData data_for(const Graph& graph) const {
    return [this, &graph](TensorId id) { return data_.at(graph[id].name).data(); };
  }

 private:
  std::vector<float> draw(int64_t n, float mean, float deviation) {
    std::normal_distribution<float> normal(mean, deviation);
    std::vector<float> values(static_cast<size_t>(n));
    for (float& value : values) value = normal(random_);
    return values;
  }

  std::mt19937 random_;
  std::map<std::string, std::vector<std::byte>> data_;
  WeightTable table_;
};

// A llama-like model, small.
struct ModelShape {
  int64_t n_layer = 2, n_embd = 64, n_head = 4, n_kv_head = 2, head_dim = 32, n_ff = 96, n_vocab = 50;
  int64_t window = 0;    // of the odd layers
  bool chunked = false;  // their windows do not slide
  int64_t latent = 0;    // width of the row that keys and values are made of; head_dim values of a head turn, and as many do not
  int64_t n_expert = 0;  // of which a token uses two, in place of the feed-forward
  Type expert_type = Type::f32;
  bool delta_net = false;  // in place of attention; head_dim values of a key, of a value 8 less
  bool neox = false, head_norms = false, bias = false, post_norms = false, tied = true;
  float softcap = 0;
  std::vector<Type> types{Type::f32};  // of the matrices, in turn
};

inline RandomWeights random_weights(const ModelShape& m, unsigned seed) {
  RandomWeights weights(seed);
  size_t next = 0;
  const auto matrix = [&](const std::string& name, int64_t k, int64_t f, int64_t n_head = 1) {
    weights.matrix(name + ".weight", m.types[next++ % m.types.size()], k, f, n_head);
  };
  const auto norm = [&](const std::string& name, int64_t n) { weights.vector(name + ".weight", n, 1, 0.1f); };
  matrix("token_embd", m.n_embd, m.n_vocab);
  if (!m.tied) matrix("output", m.n_embd, m.n_vocab);
  norm("output_norm", m.n_embd);
  for (int64_t l = 0; l < m.n_layer; ++l) {
    const std::string block = "blk." + std::to_string(l) + ".";
    norm(block + "attn_norm", m.n_embd);
    norm(block + "ffn_norm", m.n_embd);
    if (m.delta_net) {
      matrix(block + "attn_q", m.n_embd, m.n_kv_head * m.head_dim);
      matrix(block + "attn_k", m.n_embd, m.n_kv_head * m.head_dim);
      matrix(block + "attn_v", m.n_embd, m.n_head * (m.head_dim - 8));
      matrix(block + "gate", m.n_embd, m.n_head);
      matrix(block + "beta", m.n_embd, m.n_head);
    } else if (m.latent > 0) {
      matrix(block + "attn_q", m.n_embd, m.n_head * 2 * m.head_dim);
      matrix(block + "attn_kv", m.n_embd, m.latent + m.head_dim);
      matrix(block + "attn_k", m.head_dim, m.latent, m.n_head);
      matrix(block + "attn_v", m.latent, m.head_dim, m.n_head);
    } else {
      matrix(block + "attn_q", m.n_embd, m.n_head * m.head_dim);
      matrix(block + "attn_k", m.n_embd, m.n_kv_head * m.head_dim);
      matrix(block + "attn_v", m.n_embd, m.n_kv_head * m.head_dim);
    }
    matrix(block + "attn_output", m.n_head * (m.delta_net ? m.head_dim - 8 : m.head_dim), m.n_embd);
    if (m.n_expert > 0) {
      matrix(block + "router", m.n_embd, m.n_expert);
      for (const char* name : {"ffn_gate_exps.weight", "ffn_up_exps.weight"})
        weights.matrix(block + name, m.expert_type, m.n_embd, m.n_ff, m.n_expert);
      weights.matrix(block + "ffn_down_exps.weight", m.expert_type, m.n_ff, m.n_embd, m.n_expert);
    } else {
      matrix(block + "ffn_gate", m.n_embd, m.n_ff);
      matrix(block + "ffn_up", m.n_embd, m.n_ff);
      matrix(block + "ffn_down", m.n_ff, m.n_embd);
    }
    if (m.bias) weights.vector(block + "attn_q.bias", m.n_head * m.head_dim, 0, 0.3f);
    if (m.head_norms) {
      norm(block + "attn_q_norm", m.head_dim);
      norm(block + "attn_k_norm", m.head_dim);
    }
    if (m.post_norms) norm(block + "post_ffw_norm", m.n_embd);
  }
  return weights;
}

// Multi-head latent attention, absorbed: [H·D, T].
inline Value latent_heads(Builder& b, const ModelShape& m, Value h, const RopeAttrs& rope) {
  const int64_t width = m.latent + m.head_dim;
  const Value q = b.linear(h, b.block("attn_q"), m.n_head * 2 * m.head_dim), kv = b.linear(h, b.block("attn_kv"), width);
  const Value nope = b.linear_heads(b.slice(q, m.n_head, 0, m.head_dim), b.block("attn_k"), m.latent, m.n_head);
  const Value turned = b.rope(b.slice(q, m.n_head, m.head_dim, m.head_dim), rope);
  const Value key = b.join(b.slice(kv, 1, 0, m.latent), b.rope(b.slice(kv, 1, m.latent, m.head_dim), rope), 1);
  const AttendAttrs attend{.n_head = m.n_head,
                           .n_kv_head = 1,
                           .head_dim = width,
                           .head_dim_v = m.latent,
                           .scale = 1 / std::sqrt(static_cast<float>(2 * m.head_dim))};
  const Value mixed = b.attend(b.join(nope, turned, m.n_head), key, kNone, b.cache(1, width, 0), attend);
  return b.linear_heads(mixed, b.block("attn_v"), m.head_dim, m.n_head);
}

// A gated delta net: [H·(D − 8), T].
inline Value delta_heads(Builder& b, const ModelShape& m, Value h) {
  const float small = 1 / std::sqrt(static_cast<float>(m.head_dim));  // keys and queries have length 1
  const auto head = [&](const char* name) {
    return b.scale(b.norm(b.linear(h, b.block(name), m.n_kv_head * m.head_dim), m.head_dim, 1e-6f), small);
  };
  const Value v = b.linear(h, b.block("attn_v"), m.n_head * (m.head_dim - 8));
  const Value g = b.scale(b.activate(b.linear(h, b.block("gate"), m.n_head), Activation::softplus), -1);
  const Value beta = b.activate(b.linear(h, b.block("beta"), m.n_head), Activation::sigmoid);
  return b.delta(head("attn_q"), head("attn_k"), v, g, beta, m.head_dim, m.head_dim - 8,
                 {.n_head = m.n_head, .n_key_head = m.n_kv_head});
}

// As most models have it: [H·D, T].
inline Value plain_heads(Builder& b, const ModelShape& m, Value h, const RopeAttrs& rope, int64_t window) {
  Value q = b.linear(h, b.block("attn_q"), m.n_head * m.head_dim), k = b.linear(h, b.block("attn_k"), m.n_kv_head * m.head_dim);
  const Value v = b.linear(h, b.block("attn_v"), m.n_kv_head * m.head_dim);
  if (m.head_norms)
    q = b.norm(q, b.block("attn_q_norm"), m.head_dim, 1e-6f), k = b.norm(k, b.block("attn_k_norm"), m.head_dim, 1e-6f);
  q = b.rope(q, rope), k = b.rope(k, rope);
  const AttendAttrs attend{.n_head = m.n_head,
                           .n_kv_head = m.n_kv_head,
                           .head_dim = m.head_dim,
                           .head_dim_v = m.head_dim,
                           .scale = 1 / std::sqrt(static_cast<float>(m.head_dim)),
                           .window = window,
                           .softcap = m.softcap,
                           .is_chunked = m.chunked};
  return b.attend(q, k, v, b.cache(m.n_kv_head, m.head_dim, m.head_dim, window), attend);
}

inline Result<Graph> build_model(const ModelShape& m, const WeightTable& table, const GraphRequest& request) {
  Builder b(table, request);
  const RopeAttrs rope{.head_dim = m.head_dim, .n_rot = m.head_dim, .neox = m.neox};
  Value x = b.embed("token_embd", m.n_embd, m.n_vocab, 2);
  for (int64_t l = 0; l < m.n_layer; ++l) {
    b.at_layer(l);
    const int64_t window = l % 2 == 1 ? m.window : 0;
    const Value h = b.norm(x, b.block("attn_norm"), m.n_embd, 1e-5f);
    const Value attended = m.delta_net    ? delta_heads(b, m, h)
                           : m.latent > 0 ? latent_heads(b, m, h, rope)
                                          : plain_heads(b, m, h, rope, window);
    x = b.add(x, b.linear(attended, b.block("attn_output"), m.n_embd));
    const Value f = b.norm(x, b.block("ffn_norm"), m.n_embd, 1e-5f);
    Value down;
    if (m.n_expert > 0)
      down = b.moe(f, b.linear(f, b.block("router"), m.n_expert), b.block("ffn_gate_exps"), b.block("ffn_up_exps"),
                   b.block("ffn_down_exps"), m.n_ff, {.n_expert = m.n_expert, .n_used = 2});
    else
      down = b.linear(b.glu(b.linear(f, b.block("ffn_gate"), m.n_ff), b.linear(f, b.block("ffn_up"), m.n_ff), Activation::silu),
                      b.block("ffn_down"), m.n_embd);
    if (m.post_norms) down = b.norm(down, b.block("post_ffw_norm"), m.n_embd, 1e-5f);
    x = b.add(x, down);
  }
  b.at_layer(-1);
  x = b.norm(b.select_outputs(x), "output_norm", m.n_embd, 1e-5f);
  const Value logits = b.linear(x, m.tied ? "token_embd" : "output", m.n_vocab);
  return b.finish(m.softcap > 0 ? b.softcap(logits, 30) : logits);
}

// A program with all that it points to.
struct TestProgram {
  Graph graph;
  Plan plan;
  std::unique_ptr<Program> program;

  // Runs one step and gives the logits of its outputs, [V] each.
  std::vector<std::vector<float>> run(const std::vector<int32_t>& tokens, const std::vector<StepSequence>& sequences,
                                      const std::vector<int32_t>& outputs) {
    const Result<void> done = program->run({tokens, sequences, outputs});
    EXPECT_TRUE(done) << done.error().what;
    std::vector<std::vector<float>> rows;
    for (size_t o = 0; o < outputs.size(); ++o) {
      const std::span<const float> row = program->result(static_cast<int64_t>(o));
      rows.emplace_back(row.begin(), row.end());
    }
    return rows;
  }
};

inline TestProgram compile(Backend& backend, const Graph& graph, const RandomWeights& weights) {
  Result<Plan> plan = plan_memory(graph, backend.caps(graph));
  if (!plan) throw std::runtime_error(plan.error().what);
  Result<std::unique_ptr<Program>> program = backend.compile(graph, *plan, weights.data_for(graph));
  if (!program) throw std::runtime_error(program.error().what);
  return {graph, *plan, std::move(*program)};
}

}  // namespace lupo
