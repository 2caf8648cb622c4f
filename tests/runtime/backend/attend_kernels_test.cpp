// Attention kernels of every instruction set against softmax in double over the decoded cells.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "runtime/backend/tested_kernels.h"

namespace lupo::cpu {
namespace {

std::vector<float> draw(int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

// Cells with random content, and what they decode to.
struct Cache {
  Cache(Type type, int64_t width, int64_t n_cells, unsigned seed) : width(width), values(draw(width * n_cells, seed)) {
    bytes.resize(static_cast<size_t>(row_bytes(type, width) * n_cells));
    type_info(type).from_float(values.data(), nullptr, bytes.data(), width * n_cells);
    type_info(type).to_float(bytes.data(), values.data(), width * n_cells);
    cells = {bytes.data(), type, width, row_bytes(type, width), n_cells};
  }
  const float* at(int64_t position) const { return values.data() + position % cells.n_cells * width; }

  int64_t width;
  std::vector<float> values;  // [width, N]
  std::vector<std::byte> bytes;
  Cells cells;
};

struct Problem {
  int64_t head_dim, head_dim_v, n_rep, n_tokens, pos, n_cells, window;
  float softcap;
  bool causal, has_sinks;
  Type type;
  bool has_slopes = false, is_latent = false;  // latent: values are the first head_dim_v of a key
};

class Attention : public testing::TestWithParam<const Kernels*> {
 protected:
  const AttendKernels& kernels() const { return GetParam()->attend; }

  void set_up(const Problem& p) {
    problem = p;
    k = std::make_unique<Cache>(p.type, p.head_dim, p.n_cells, 1);
    v = std::make_unique<Cache>(p.type, p.is_latent ? p.head_dim : p.head_dim_v, p.n_cells, p.is_latent ? 1 : 2);
    if (p.is_latent) v->cells = k->cells, v->cells.width = p.head_dim_v;
    sinks = draw(p.n_rep, 4);
    slopes.assign(sinks.begin(), sinks.end());
    for (float& slope : slopes) slope = 0.01f + 0.02f * std::abs(slope);
    const int64_t n_rows = p.n_tokens * p.n_rep, stride = padded_width(p.head_dim);
    q.assign(static_cast<size_t>(std::max(n_rows, padded_rows(p.n_rep)) * stride), 0.0f);
    const std::vector<float> values = draw(n_rows * p.head_dim, 3);
    const float scale = 1 / std::sqrt(static_cast<float>(p.head_dim)) / (p.softcap > 0 ? p.softcap : 1.0f);
    for (int64_t m = 0; m < n_rows; ++m)
      for (int64_t d = 0; d < p.head_dim; ++d)
        q[static_cast<size_t>(m * stride + d)] = 2 * scale * values[static_cast<size_t>(m * p.head_dim + d)];
    task = {.k = k->cells,
            .v = v->cells,
            .q = q.data(),
            .n_rows = n_rows,
            .n_rep = p.n_rep,
            .pos = p.pos,
            .key_begin = p.window > 0 ? std::max<int64_t>(0, p.pos - p.window + 1) : 0,
            .key_end = p.pos + p.n_tokens,
            .window = p.window,
            .softcap = p.softcap,
            .causal = p.causal,
            .sinks = p.has_sinks ? sinks.data() : nullptr,
            .slopes = p.has_slopes ? slopes.data() : nullptr};
  }

  std::vector<double> expected(int64_t m) const {
    const int64_t pos = problem.pos + m / problem.n_rep;
    const int64_t begin = problem.window > 0 ? std::max<int64_t>(0, pos - problem.window + 1) : 0,
                  end = problem.causal ? pos + 1 : task.key_end;
    std::vector<double> out(static_cast<size_t>(problem.head_dim_v));
    double total = problem.has_sinks ? std::exp(static_cast<double>(sinks[static_cast<size_t>(m % problem.n_rep)])) : 0;
    for (int64_t j = begin; j < end; ++j) {
      double score = 0;
      for (int64_t d = 0; d < problem.head_dim; ++d)
        score += static_cast<double>(q[static_cast<size_t>(m * padded_width(problem.head_dim) + d)]) * k->at(j)[d];
      if (problem.has_slopes)
        score -= static_cast<double>(slopes[static_cast<size_t>(m % problem.n_rep)]) * static_cast<double>(std::abs(pos - j));
      if (problem.softcap > 0) score = problem.softcap * std::tanh(score);
      const double weight = std::exp(score);  // scores here are small enough for it
      for (size_t d = 0; d < out.size(); ++d) out[d] += weight * v->at(j)[d];
      total += weight;
    }
    for (double& value : out) value /= total;
    return out;
  }

  // A score of n products of values up to 5 · 5 has an absolute error of about n · 2^-24 · 4, and a weight the same as a relative
  // one; the result is a mean of values up to 5.
  double tolerance() const { return 5 * (static_cast<double>(problem.head_dim) * 4 + 64) * 0x1p-24; }

  void compare(const float* out, int64_t m) const {
    const std::vector<double> wanted = expected(m);
    for (size_t d = 0; d < wanted.size(); ++d)
      ASSERT_NEAR(out[d], wanted[d], tolerance())
          << "row " << m << " value " << d << " head_dim " << problem.head_dim << " n_rep " << problem.n_rep << " pos "
          << problem.pos << " cache " << type_info(problem.type).name;
  }

  Problem problem;
  std::unique_ptr<Cache> k, v;
  std::vector<float> q, sinks, slopes;
  AttendTask task;
};

std::vector<Problem> problems() {
  std::vector<Problem> all;
  for (Type type : {Type::f32, Type::f16, Type::bf16, Type::q8_0, Type::q4_0}) {
    all.push_back({64, 64, 7, 9, 120, 200, 0, 0, true, false, type});
    all.push_back({32, 96, 3, 21, 0, 64, 0, 0, true, true, type});
    all.push_back({128, 32, 1, 5, 300, 150, 100, 0, true, false, type});  // a ring that wraps
    all.push_back({64, 64, 8, 8, 63, 128, 0, 15, true, false, type});
  }
  for (Type type : {Type::f32, Type::f16, Type::bf16}) {
    all.push_back({20, 12, 2, 3, 70, 80, 0, 0, true, true, type});
    all.push_back({1, 1, 1, 1, 0, 1, 0, 0, true, false, type});
    all.push_back({7, 33, 5, 12, 5, 40, 4, 0, true, false, type});
    all.push_back({40, 40, 4, 16, 0, 64, 0, 0, false, false, type});
    all.push_back({256, 256, 4, 16, 100, 130, 0, 0, true, false, type});
    all.push_back({40, 40, 4, 16, 0, 64, 0, 0, false, false, type, true});
    all.push_back({32, 32, 3, 21, 50, 100, 0, 0, true, true, type, true});
    all.push_back({200, 130, 20, 3, 200, 150, 140, 0, true, true, type, false, true});
    all.push_back({576, 512, 16, 2, 140, 150, 0, 30, true, false, type, false, true});
  }
  return all;
}

TEST_P(Attention, Tile) {
  for (const Problem& p : problems()) {
    set_up(p);
    std::vector<float> scratch(static_cast<size_t>(tile_scratch_floats(p.head_dim, p.head_dim_v)), NAN);
    const int64_t token_stride = p.n_rep * p.head_dim_v + 3;
    std::vector<float> out(static_cast<size_t>(token_stride * p.n_tokens), 7);
    kernels().tile(task, out.data(), token_stride, scratch.data());
    for (int64_t m = 0; m < task.n_rows; ++m) compare(out.data() + m / p.n_rep * token_stride + m % p.n_rep * p.head_dim_v, m);
    for (int64_t i = 0; i < p.n_tokens; ++i)
      for (int64_t gap = 1; gap <= 3; ++gap)
        ASSERT_EQ(out[static_cast<size_t>((i + 1) * token_stride - gap)], 7) << "wrote past a token's heads";
  }
}

// The last token alone, its keys in one part and in several.
TEST_P(Attention, StreamAndMerge) {
  for (Problem p : problems()) {
    p.pos += p.n_tokens - 1;
    p.n_tokens = 1;
    for (int64_t n_rep : {p.n_rep, int64_t{13}, int64_t{16}, int64_t{37}, kTileRows}) {
      p.n_rep = n_rep;
      set_up(p);
      for (int64_t n_parts : {1, 3}) {
        const int64_t stride = partial_floats(p.n_rep, p.head_dim_v) + 5, n_keys = task.key_end - task.key_begin;
        if (n_parts > n_keys) continue;
        std::vector<float> partials(static_cast<size_t>(stride * n_parts), NAN),
            scratch(static_cast<size_t>(std::max(stream_scratch_floats(), tile_scratch_floats(p.head_dim, p.head_dim_v))), NAN);
        for (int64_t i = 0; i < n_parts; ++i) {
          AttendTask part = task;
          part.key_begin = task.key_begin + n_keys * i / n_parts;
          part.key_end = task.key_begin + n_keys * (i + 1) / n_parts;
          kernels().stream(part, partials.data() + i * stride, scratch.data());
        }
        std::vector<float> out(static_cast<size_t>(p.n_rep * p.head_dim_v));
        kernels().merge(partials.data(), n_parts, stride, p.n_rep, p.head_dim_v, task.sinks, out.data());
        for (int64_t m = 0; m < p.n_rep; ++m) compare(out.data() + m * p.head_dim_v, m);
      }
    }
  }
}

// Cells are written exactly as the reference encoder does, special values included.
TEST_P(Attention, Store) {
  std::vector<float> x = draw(100, 9);
  for (float v : {0.0f, -0.0f, 65504.0f, 65519.0f, 65520.0f, 1e6f, -1e6f, 6e-8f, 2.9e-8f, 6.1e-5f, 1e-40f, INFINITY, -INFINITY})
    x.push_back(v);
  const int64_t n = static_cast<int64_t>(x.size());
  for (Type type : {Type::f32, Type::f16, Type::bf16}) {
    std::vector<std::byte> expected(static_cast<size_t>(row_bytes(type, n))), actual(expected.size());
    type_info(type).from_float(x.data(), nullptr, expected.data(), n);
    kernels().store(x.data(), n, type, actual.data());
    EXPECT_EQ(actual, expected) << type_info(type).name;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Attention, testing::ValuesIn(tested_vector_kernels().begin(), tested_vector_kernels().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace lupo::cpu
