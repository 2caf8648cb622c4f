// A predicted quantity and where it lies in 80 of 100 cases. Pure.
#pragma once

#include <string>

namespace lupo {

// How far predictions are off: mean and deviation of ln(measured / predicted).
struct Spread {
  double bias = 0, deviation = 0;
};

struct Interval {
  double low = 0, middle = 0, high = 0;
  bool contains(double value) const { return value >= low && value <= high; }
};
Interval interval_of(double predicted, const Spread& spread);
// Of a / b, both above 0 and predicted independently.
Interval ratio_of(const Interval& a, const Interval& b);
std::string in_words(const Interval& interval);  // "41 [36–47]", below 10 with a digit more

}  // namespace lupo
