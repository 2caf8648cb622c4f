// Kernels of ops with a state (conv, scan, delta) of every instruction set against the formulas in double, at sizes around the
// lane counts, over several tokens: what is kept counts as much as what is given.
#include <gtest/gtest.h>

#include <cmath>
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

TEST_P(StateKernels, Delta) {
  for (int64_t key_dim : kSizes)
    for (int64_t n : {1, 3, 4, 9}) {
      const size_t width = static_cast<size_t>(key_dim);
      std::vector<float> state(width * static_cast<size_t>(n));
      std::vector<double> expected_state(state.size());
      for (unsigned token = 0; token < kTokens; ++token) {
        const float small = 1 / std::sqrt(static_cast<float>(key_dim));  // keys have length 1, or the state would grow
        const std::vector<float> q = draw(key_dim, small, 10 + token), k = draw(key_dim, small, 20 + token),
                                 v = draw(n, 1, 30 + token);
        const float g = -0.1f * static_cast<float>(token), beta = 0.3f + 0.1f * static_cast<float>(token);
        std::vector<float> out(v.size());
        kernels().delta({q.data(), k.data(), v.data(), g, beta, out.data(), key_dim, n}, state.data());
        for (size_t j = 0; j < v.size(); ++j) {
          double read = 0, sum = 0, size = 0;
          double* row = expected_state.data() + j * width;
          for (size_t i = 0; i < width; ++i) read += (row[i] *= std::exp(static_cast<double>(g))) * k[i];
          for (size_t i = 0; i < width; ++i) {
            row[i] += k[i] * (static_cast<double>(beta) * (v[j] - read));
            sum += row[i] * q[i];
            size += std::abs(row[i] * q[i]) + std::abs(k[i] * q[i]) * (std::abs(v[j]) + std::abs(read));
          }
          EXPECT_NEAR(out[j], sum, (8 * kTokens + static_cast<double>(key_dim)) * kUnit * (size + 1)) << "Dk " << key_dim;
        }
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Isa, StateKernels, testing::ValuesIn(tested_kernels().begin(), tested_kernels().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace lupo::cpu
