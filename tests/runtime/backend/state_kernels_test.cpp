// Kernels of ops with a state (conv, scan, delta) of every instruction set against the formulas in double, at sizes around the
// lane counts, over several tokens: what is kept counts as much as what is given.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/backend/tested_kernels.h"
#include "runtime/backend/vector_data.h"

namespace lupo::cpu {
namespace {

constexpr int64_t kSizes[] = {1, 3, 4, 7, 8, 16, 17, 20, 33, 64};
constexpr int kTokens = 6;

class StateKernels : public testing::TestWithParam<const Kernels*> {
 protected:
  const VectorKernels& kernels() const { return GetParam()->vector; }
};

TEST_P(StateKernels, Conv) {
  for (size_t n : kSizes)
    for (size_t width : {2, 3, 4, 5})
      for (bool has_bias : {false, true}) {
        const std::vector<float> x = draw(static_cast<int64_t>(width * n), 1, 1),
                                 weight = draw(static_cast<int64_t>(width * n), 1, 2), bias = draw(static_cast<int64_t>(n), 1, 3);
        std::vector<const float*> rows;
        for (size_t j = 0; j < width; ++j) rows.push_back(x.data() + j * n);
        std::vector<float> out(n);
        kernels().conv(rows.data(), static_cast<int64_t>(width), weight.data(), has_bias ? bias.data() : nullptr, out.data(),
                       static_cast<int64_t>(n));
        for (size_t i = 0; i < n; ++i) {
          double expected = has_bias ? bias[i] : 0, size = std::abs(expected);
          for (size_t j = 0; j < width; ++j) {
            const double term = static_cast<double>(weight[i * width + j]) * static_cast<double>(x[j * n + i]);
            expected += term;
            size += std::abs(term);
          }
          EXPECT_NEAR(out[i], expected, 2 * static_cast<double>(width + 1) * kUnit * size) << "n " << n << " width " << width;
        }
      }
}

TEST_P(StateKernels, Scan) {
  constexpr int64_t kHeads = 3, kHeadDim = 5;
  for (int64_t n_state : kSizes)
    for (int64_t n_a : {int64_t{1}, n_state}) {
      std::vector<float> state(static_cast<size_t>(n_state * kHeadDim * kHeads));
      std::vector<double> expected_state(state.size());
      std::vector<float> a = draw(n_a * kHeads, 1, 1), d = draw(kHeads, 1, 2);
      for (float& value : a) value = -std::abs(value);
      for (unsigned token = 0; token < kTokens; ++token) {
        const std::vector<float> x = draw(kHeadDim * kHeads, 1, 10 + token), b = draw(n_state, 1, 20 + token),
                                 c = draw(n_state, 1, 30 + token);
        std::vector<float> dt = draw(kHeads, 1, 40 + token), out(x.size());
        for (float& value : dt) value = std::abs(value);
        kernels().scan({x.data(), dt.data(), a.data(), b.data(), c.data(), d.data(), out.data(), kHeads, kHeadDim, n_state, n_a},
                       state.data());
        for (size_t row = 0; row < x.size(); ++row) {
          const size_t h = row / kHeadDim, n = static_cast<size_t>(n_state);
          double sum = static_cast<double>(d[h]) * static_cast<double>(x[row]), size = std::abs(sum);
          for (size_t i = 0; i < n; ++i) {
            double& s = expected_state[row * n + i];
            s = std::exp(static_cast<double>(dt[h]) * a[h * static_cast<size_t>(n_a) + (n_a == 1 ? 0 : i)]) * s +
                static_cast<double>(dt[h]) * x[row] * b[i];
            sum += s * c[i];
            size += std::abs(s * c[i]);
          }
          // Each token adds a few roundings of what is kept; the sum has n terms in lanes.
          EXPECT_NEAR(out[row], sum, (8 * kTokens + static_cast<double>(n_state)) * kUnit * (size + 1)) << "N " << n_state;
        }
      }
    }
}

// The gated delta rule in double: the state [Dk, n] and, of the last token, what it gives and the size of its terms.
struct DeltaOracle {
  size_t key_dim, n;
  std::vector<double> state = std::vector<double>(key_dim * n), out = std::vector<double>(n), size = std::vector<double>(n);

  void step(const float* q, const float* k, const float* v, float g, float beta) {
    for (size_t j = 0; j < n; ++j) {
      double read = 0;
      double* row = state.data() + j * key_dim;
      for (size_t i = 0; i < key_dim; ++i) read += (row[i] *= std::exp(static_cast<double>(g))) * k[i];
      out[j] = size[j] = 0;
      for (size_t i = 0; i < key_dim; ++i) {
        row[i] += k[i] * (static_cast<double>(beta) * (v[j] - read));
        out[j] += row[i] * q[i];
        size[j] += std::abs(row[i] * q[i]) + std::abs(k[i] * q[i]) * (std::abs(v[j]) + std::abs(read));
      }
    }
  }
  // Each token adds a few roundings of what is kept; sums have Dk terms in lanes.
  double tolerance(double of_size, size_t n_tokens) const {
    return static_cast<double>(8 * n_tokens + key_dim) * kUnit * (of_size + 1);
  }
};

TEST_P(StateKernels, Delta) {
  for (int64_t key_dim : kSizes)
    for (int64_t n : {1, 3, 4, 9}) {
      DeltaOracle oracle{static_cast<size_t>(key_dim), static_cast<size_t>(n)};
      std::vector<float> state(oracle.state.size()), out(oracle.n);
      for (unsigned token = 0; token < kTokens; ++token) {
        const float small = 1 / std::sqrt(static_cast<float>(key_dim));  // keys have length 1, or the state would grow
        const std::vector<float> q = draw(key_dim, small, 10 + token), k = draw(key_dim, small, 20 + token),
                                 v = draw(n, 1, 30 + token);
        const float g = -0.1f * static_cast<float>(token), beta = 0.3f + 0.1f * static_cast<float>(token);
        kernels().delta({q.data(), k.data(), v.data(), g, beta, out.data(), key_dim, n}, state.data());
        oracle.step(q.data(), k.data(), v.data(), g, beta);
        for (size_t j = 0; j < oracle.n; ++j)
          EXPECT_NEAR(out[j], oracle.out[j], oracle.tolerance(oracle.size[j], kTokens)) << "Dk " << key_dim;
      }
    }
}

// Gate of a token: near 0 (also above), strongly negative, and both in turn: a great gate before small ones must cost them
// nothing.
float gate_of(int kind, size_t token) {
  const float near = -1e-4f * static_cast<float>(token % 3) + 5e-5f;
  if (kind == 0) return near;
  if (kind == 1) return token % 2 == 0 ? -1e4f : -40.0f;
  if (kind == 2) return token % 5 == 1 ? -3000.0f : near;
  return token == 7 ? -std::numeric_limits<float>::infinity() : -0.3f;
}

// Rows of a run lie among those of other heads, and what stands between them is not written.
TEST_P(StateKernels, DeltaRun) {
  constexpr int64_t kBetweenKeys = 5, kBetweenValues = 3;
  for (int64_t key_dim : {1, 7, 16, 20, 33, 128})
    for (int64_t n : {1, 4, 9, 17, 40, 64})
      for (int64_t n_tokens : {1, 3, 15, 16, 17, 33, 50})
        for (int gates = 0; gates < 4; ++gates) {
          SCOPED_TRACE(testing::Message() << "Dk " << key_dim << " n " << n << " T " << n_tokens << " gates " << gates);
          const int64_t key_stride = key_dim + kBetweenKeys, value_stride = n + kBetweenValues;
          const float small = 1 / std::sqrt(static_cast<float>(key_dim));
          const std::vector<float> q = draw(key_stride * n_tokens, small, 1), k = draw(key_stride * n_tokens, small, 2),
                                   v = draw(value_stride * n_tokens, 1, 3), before = draw(key_dim * n, 1, 4);
          std::vector<float> g, beta, state = before, out(v.size(), -7);
          for (size_t t = 0; t < static_cast<size_t>(n_tokens); ++t) {
            g.push_back(gate_of(gates, t));
            beta.push_back(0.1f + 0.1f * static_cast<float>(t % 9));
          }
          std::vector<float> scratch(static_cast<size_t>(delta_scratch_floats(key_dim, n)), std::nanf(""));
          kernels().delta_run({q.data(), k.data(), v.data(), g.data(), beta.data(), out.data(), key_stride, value_stride, 1,
                               n_tokens, key_dim, n},
                              state.data(), scratch.data());
          DeltaOracle oracle{static_cast<size_t>(key_dim), static_cast<size_t>(n), {before.begin(), before.end()}};
          double greatest = 1;
          for (size_t t = 0; t < static_cast<size_t>(n_tokens); ++t) {
            const size_t key = t * static_cast<size_t>(key_stride), value = t * static_cast<size_t>(value_stride);
            oracle.step(q.data() + key, k.data() + key, v.data() + value, g[t], beta[t]);
            for (double kept : oracle.state) greatest = std::max(greatest, std::abs(kept));
            for (size_t j = 0; j < oracle.n; ++j)
              ASSERT_NEAR(out[value + j], oracle.out[j], oracle.tolerance(oracle.size[j] + greatest, t + 1)) << "t " << t;
            for (size_t j = oracle.n; j < static_cast<size_t>(value_stride); ++j) ASSERT_EQ(out[value + j], -7);
          }
          for (size_t i = 0; i < state.size(); ++i)
            ASSERT_NEAR(state[i], oracle.state[i], oracle.tolerance(greatest, static_cast<size_t>(n_tokens)));
        }
}

INSTANTIATE_TEST_SUITE_P(Isa, StateKernels, testing::ValuesIn(tested_vector_kernels().begin(), tested_vector_kernels().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace lupo::cpu
