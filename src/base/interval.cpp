#include "base/interval.h"

#include <fmt/format.h>

#include <cmath>

namespace lupo {
namespace {

constexpr double kTail = 1.2816;  // deviations that 10 % of a normal distribution lie beyond

}  // namespace

Interval interval_of(double predicted, const Spread& spread) {
  const double middle = predicted * std::exp(spread.bias), factor = std::exp(kTail * spread.deviation);
  return {middle / factor, middle, middle * factor};
}

Interval ratio_of(const Interval& a, const Interval& b) {
  const double middle = a.middle / b.middle,
               factor = std::exp(std::hypot(std::log(a.high / a.middle), std::log(b.high / b.middle)));
  return {middle / factor, middle, middle * factor};
}

std::string in_words(const Interval& x) {
  return fmt::format("{1:.{0}f} [{2:.{0}f}–{3:.{0}f}]", x.middle < 10 ? 1 : 0, x.middle, x.low, x.high);
}

}  // namespace lupo
