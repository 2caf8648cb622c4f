// Vector kernels of every instruction set against the formulas in double, at sizes around the lane counts.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "graph/ops/op.h"
#include "runtime/backend/tested_kernels.h"
#include "runtime/backend/vector_data.h"

namespace lupo::cpu {
namespace {

constexpr int64_t kSizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 576};

class Vectors : public testing::TestWithParam<const Kernels*> {
 protected:
  const VectorKernels& kernels() const { return GetParam()->vector; }
};

TEST_P(Vectors, Norm) {
  for (int64_t n : kSizes)
    for (bool rms : {true, false})
      for (int options = 0; options < 4; ++options) {
        const std::vector<float> x = draw(n, 3, 1), weight = draw(n, 1, 2), bias = draw(n, 1, 3);
        std::vector<float> out(x.size());
        kernels().norm(x.data(), options & 1 ? weight.data() : nullptr, options & 2 ? bias.data() : nullptr, out.data(), n, 1e-5f,
                       rms);
        double mean = 0, squares = 0, size = 0;
        for (float v : x) mean += rms ? 0.0 : v / static_cast<double>(n);
        for (float v : x) squares += (v - mean) * (v - mean), size = std::max(size, std::abs(static_cast<double>(v)));
        const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
        for (size_t i = 0; i < x.size(); ++i) {
          const double w = options & 1 ? weight[i] : 1, b = options & 2 ? bias[i] : 0, expected = (x[i] - mean) * inverse * w + b;
          // Sums of n terms in lanes, then five roundings of values up to |x|; the bias adds its own.
          const double tolerance = (static_cast<double>(n) / 4 + 8) * kUnit * (2 * size * inverse * std::abs(w) + std::abs(b));
          EXPECT_NEAR(out[i], expected, tolerance) << "n " << n << " rms " << rms << " options " << options;
        }
      }
}

TEST_P(Vectors, Rope) {
  for (const auto& [head_dim, n_rot] : {std::pair<int64_t, int64_t>{2, 2}, {6, 4}, {20, 20}, {64, 64}, {80, 32}, {128, 128}})
    for (bool neox : {false, true}) {
      const std::vector<float> x = draw(head_dim, 1, 1), angle = draw(n_rot / 2, 2, 2);
      std::vector<float> cosine(angle.size()), sine(angle.size()), out(x.size());
      for (size_t i = 0; i < angle.size(); ++i) cosine[i] = std::cos(angle[i]), sine[i] = std::sin(angle[i]);
      kernels().rope(x.data(), out.data(), head_dim, n_rot, neox, cosine.data(), sine.data());
      std::vector<double> expected(x.begin(), x.end());
      for (size_t i = 0; i < angle.size(); ++i) {
        const size_t a = neox ? i : 2 * i, b = neox ? i + angle.size() : 2 * i + 1;
        expected[a] = static_cast<double>(x[a]) * cosine[i] - static_cast<double>(x[b]) * sine[i];
        expected[b] = static_cast<double>(x[a]) * sine[i] + static_cast<double>(x[b]) * cosine[i];
      }
      for (size_t i = 0; i < x.size(); ++i)
        EXPECT_NEAR(out[i], expected[i], 3 * kUnit * 8) << "head_dim " << head_dim << " i " << i;
    }
}

// A relative error of a few ulp; where 1 + tanh or 1 + erf cancels, an error of that size in what is cancelled.
TEST_P(Vectors, Activations) {
  std::vector<float> x = draw(3000, 4, 1);
  for (float v : {0.0f, -0.0f, 1e-20f, -1e-3f, 0.624f, 0.626f, 20.0f, -20.0f, 60.0f, -60.0f, 87.5f, -87.5f, 100.0f, -100.0f, 3e4f,
                  -3e4f, 1e30f, -1e30f})
    x.push_back(v);
  const std::vector<float> up = draw(static_cast<int64_t>(x.size()), 1, 2);
  for (Activation act : {Activation::silu, Activation::gelu, Activation::gelu_erf, Activation::relu, Activation::relu_squared,
                         Activation::sigmoid, Activation::tanh, Activation::softplus}) {
    for (int64_t n : {static_cast<int64_t>(x.size()), int64_t{1}, int64_t{5}, int64_t{19}}) {
      std::vector<float> out(x.size(), 7), gated(x.size(), 7);
      kernels().activate(act, x.data(), out.data(), n);
      kernels().glu(act, x.data(), up.data(), gated.data(), n);
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        const double expected = activation(act, x[i]);
        // e^u has the relative error of its argument's rounding, |u| units; the reference itself cancels 1 + tanh u or 1 + erf u
        // in double.
        const double size = std::min(100.0, std::abs(static_cast<double>(x[i]))),
                     cubic = act == Activation::gelu ? size * size * size / 14 : 0;
        const double relative = (8 + 4 * (size + cubic)) * kUnit * std::abs(expected);
        const double absolute = act == Activation::gelu_erf ? 4 * kUnit * size : act == Activation::gelu ? 0x1p-52 * size : 1e-34;
        if (std::abs(expected) < 1e37) {
          EXPECT_NEAR(out[i], expected, relative + absolute) << "activation " << static_cast<int>(act) << " of " << x[i];
          const double product = static_cast<double>(out[i]) * up[i];
          EXPECT_NEAR(gated[i], product, 2 * kUnit * std::abs(product) + 1e-37);
        }
      }
      for (size_t i = static_cast<size_t>(n); i < out.size(); ++i) ASSERT_EQ(out[i], 7) << "wrote past the end";
    }
  }
}

TEST_P(Vectors, NanAndInfinity) {
  const std::vector<float> x{NAN, INFINITY, -INFINITY};
  std::vector<float> out(3);
  kernels().activate(Activation::silu, x.data(), out.data(), 3);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], INFINITY);
  kernels().activate(Activation::sigmoid, x.data(), out.data(), 3);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 1);
  EXPECT_EQ(out[2], 0);
  kernels().softcap(x.data(), 30, out.data(), 3);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 30);
  EXPECT_EQ(out[2], -30);
}

TEST_P(Vectors, Elementwise) {
  for (int64_t n : kSizes) {
    const std::vector<float> a = draw(n, 5, 1), b = draw(n, 5, 2);
    std::vector<float> sum(a.size()), product(a.size()), scaled(a.size()), capped(a.size());
    kernels().add(a.data(), b.data(), sum.data(), n);
    kernels().mul(a.data(), b.data(), product.data(), n);
    kernels().scale(a.data(), 0.3f, scaled.data(), n);
    kernels().softcap(a.data(), 4, capped.data(), n);
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(sum[i], a[i] + b[i]);
      EXPECT_EQ(product[i], a[i] * b[i]);
      EXPECT_EQ(scaled[i], a[i] * 0.3f);
      EXPECT_NEAR(capped[i], 4 * std::tanh(static_cast<double>(a[i]) / 4), 8 * kUnit * 4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Vectors, testing::ValuesIn(tested_vector_kernels().begin(), tested_vector_kernels().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace lupo::cpu
