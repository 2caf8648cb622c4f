// A plot as SVG: two axes, areas, lines, dots and labels that keep clear of each other.
//
// Colours come from classes of the page's style sheet. Coordinates are of the view box; text is set for the largest size that the
// sheet gives it. Values that an axis cannot show (not finite, not positive on a logarithmic one) are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "doctor/markup.h"

namespace lupo {

struct Axis {
  double low = 0, high = 1;
  bool is_log = false;
  static Axis of_nothing() { return {1e300, 0, true}; }  // logarithmic, to be widened
  void include(double value);                            // widens it to a value that it can show
  bool is_empty() const { return !(low < high) || !shows(low) || !shows(high); }
  bool shows(double value) const;    // it can be placed: finite, and positive when logarithmic
  double share(double value) const;  // 0 at low, 1 at high; beyond them cut
};
// Steps of 1, 2 or 5 times a power of ten, from 0 to at least `high`, about `n` of them.
std::vector<double> even_ticks(double high, int n);
// Powers of ten between the ends; with 2 and 5 between them where there would be fewer than three.
std::vector<double> log_ticks(const Axis& axis);
// At most n powers of two between the ends, evenly.
std::vector<double> binary_ticks(const Axis& axis, int n);

struct PlotPoint {
  double x = 0, y = 0;
};
struct PlotBand {
  double x = 0, low = 0, high = 0;
};

class Plot {
 public:
  static constexpr double kWidth = 440, kLeft = 58, kRight = 426, kTop = 30;  // of the view box, and of the frame in it
  // Opens the <svg>; `id` is unique in the page, `what` says in a sentence what is seen.
  Plot(Markup& out, std::string_view id, std::string_view title, std::string_view what, const Axis& x, const Axis& y,
       double height = 300);
  ~Plot();  // sets the labels that found a place and closes the <svg>
  Plot(const Plot&) = delete;
  Plot& operator=(const Plot&) = delete;

  double at_x(double value) const { return kLeft + x_.share(value) * (kRight - kLeft); }
  double at_y(double value) const { return bottom_ - y_.share(value) * (bottom_ - kTop); }

  void tick_x(double value, std::string_view label);
  void tick_y(double value, std::string_view label);
  void titles(std::string_view x, std::string_view y);  // below the x axis, above the y axis
  void line(const std::vector<PlotPoint>& points, std::string_view style);
  void band(const std::vector<PlotBand>& points, std::string_view style);
  void dot(const PlotPoint& at, double radius, std::string_view style, std::string_view tip);
  void stem(const PlotPoint& at, double width, std::string_view style, std::string_view tip);
  // Where it is; text may cross nothing that was placed before, else it is left out and false comes back.
  enum class Anchor { start, middle, end };
  bool label(double x, double y, Anchor anchor, std::string_view text, std::string_view style);
  // Beside a dot: right, left, above or below it, whichever is free.
  bool label_dot(const PlotPoint& at, double radius, std::string_view text, std::string_view style);
  // Along a line from a to b, above it. Later labels keep clear of both.
  void label_along(const PlotPoint& a, const PlotPoint& b, std::string_view text, std::string_view style);

 private:
  struct Box {
    double left, top, right, bottom;
  };
  bool shows(const PlotPoint& p) const { return x_.shows(p.x) && y_.shows(p.y); }
  bool is_free(const Box& box) const;

  Markup& out_;
  Axis x_, y_;
  double height_, bottom_;
  std::vector<Box> taken_;
};

}  // namespace lupo
