#include "doctor/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/lines.h"

namespace lupo {
namespace {

// Of a letter in the largest size that text is set in (14 units on narrow screens): mean width, and height of a line.
constexpr double kLetter = 7.4, kLine = 15;
constexpr double kBelow = 44;  // of the frame, for ticks and the title

const char* anchor_name(Plot::Anchor anchor) {
  return anchor == Plot::Anchor::start ? "start" : anchor == Plot::Anchor::middle ? "middle" : "end";
}

}  // namespace

bool Axis::shows(double value) const { return std::isfinite(value) && (!is_log || value > 0); }

void Axis::include(double value) {
  if (!shows(value)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

double Axis::share(double value) const {
  const auto at = [&](double x) { return is_log ? std::log(x) : x; };
  const double range = at(high) - at(low);
  return range > 0 && shows(value) ? std::clamp((at(value) - at(low)) / range, 0.0, 1.0) : 0;
}

std::vector<double> even_ticks(double high, int n) {
  std::vector<double> ticks{0};
  if (!(high > 0) || !std::isfinite(high)) return ticks;
  const double raw = high / n, decade = std::pow(10, std::floor(std::log10(raw)));
  const double step = decade * (raw <= decade ? 1 : raw <= 2 * decade ? 2 : raw <= 5 * decade ? 5 : 10);
  while (ticks.back() < high * 0.999) ticks.push_back(step * static_cast<double>(ticks.size()));
  return ticks;
}

std::vector<double> log_ticks(const Axis& axis) {
  if (!axis.is_log || axis.is_empty()) return {};
  std::vector<double> tens, all;
  for (double decade = std::pow(10, std::floor(std::log10(axis.low))); decade <= axis.high; decade *= 10)
    for (const double x : {decade, 2 * decade, 5 * decade}) {
      if (x < axis.low || x > axis.high) continue;
      all.push_back(x);
      if (x == decade) tens.push_back(x);
    }
  return tens.size() >= 3 ? tens : all;
}

std::vector<double> binary_ticks(const Axis& axis, int n) {
  if (!axis.is_log || axis.is_empty()) return {};
  const int first = static_cast<int>(std::ceil(std::log2(axis.low) - 1e-9)),
            last = static_cast<int>(std::floor(std::log2(axis.high) + 1e-9));
  const int step = std::max(1, (last - first + n) / n);
  std::vector<double> ticks;
  for (int i = first; i <= last; i += step) ticks.push_back(std::exp2(i));
  return ticks;
}

Plot::Plot(Markup& out, std::string_view id, std::string_view title, std::string_view what, const Axis& x, const Axis& y,
           double height)
    : out_(out), x_(x), y_(y), height_(height), bottom_(height - kBelow) {
  const std::string title_id = std::string(id) + "-title", what_id = std::string(id) + "-desc";
  out_.open("svg", {{"viewBox", fmt::format("0 0 {} {}", coordinate(kWidth), coordinate(height_))},
                    {"role", "img"},
                    {"aria-labelledby", title_id + " " + what_id}});
  out_.leaf("title", {{"id", title_id}}, title).leaf("desc", {{"id", what_id}}, what);
}

Plot::~Plot() { out_.close(); }

void Plot::tick_x(double value, std::string_view label) {
  if (!x_.shows(value)) return;
  const std::string x = coordinate(at_x(value));
  out_.empty("line", {{"class", "grid"}, {"x1", x}, {"x2", x}, {"y1", coordinate(kTop)}, {"y2", coordinate(bottom_)}});
  out_.leaf("text", {{"class", "tick"}, {"x", x}, {"y", coordinate(bottom_ + 16)}, {"text-anchor", "middle"}}, label);
}

void Plot::tick_y(double value, std::string_view label) {
  if (!y_.shows(value)) return;
  const double y = at_y(value);
  out_.empty(
      "line",
      {{"class", "grid"}, {"x1", coordinate(kLeft)}, {"x2", coordinate(kRight)}, {"y1", coordinate(y)}, {"y2", coordinate(y)}});
  out_.leaf("text", {{"class", "tick"}, {"x", coordinate(kLeft - 6)}, {"y", coordinate(y + 4)}, {"text-anchor", "end"}}, label);
}

void Plot::titles(std::string_view x, std::string_view y) {
  out_.leaf("text", {{"class", "axis"}, {"x", coordinate(kRight)}, {"y", coordinate(bottom_ + 36)}, {"text-anchor", "end"}}, x);
  out_.leaf("text", {{"class", "axis"}, {"x", "4"}, {"y", "14"}}, y);
}

void Plot::line(const std::vector<PlotPoint>& points, std::string_view style) {
  std::string path;
  for (const PlotPoint& p : points)
    if (shows(p)) path += fmt::format("{}{},{}", path.empty() ? "M" : " L", coordinate(at_x(p.x)), coordinate(at_y(p.y)));
  if (!path.empty()) out_.empty("path", {{"class", std::string(style)}, {"d", path}});
}

void Plot::band(const std::vector<PlotBand>& points, std::string_view style) {
  std::string there, back;
  for (const PlotBand& p : points) {
    if (!shows({p.x, p.low}) || !shows({p.x, p.high})) continue;
    there += fmt::format("{}{},{}", there.empty() ? "M" : " L", coordinate(at_x(p.x)), coordinate(at_y(p.high)));
    back = fmt::format(" L{},{}", coordinate(at_x(p.x)), coordinate(at_y(p.low))) + back;
  }
  if (!there.empty()) out_.empty("path", {{"class", std::string(style)}, {"d", there + back + " Z"}});
}

void Plot::dot(const PlotPoint& at, double radius, std::string_view style, std::string_view tip) {
  if (!shows(at)) return;
  const double x = at_x(at.x), y = at_y(at.y);
  out_.open("circle", {{"class", std::string(style)}, {"cx", coordinate(x)}, {"cy", coordinate(y)}, {"r", coordinate(radius)}});
  out_.leaf("title", {}, tip).close();
  taken_.push_back({x - radius, y - radius, x + radius, y + radius});
}

void Plot::stem(const PlotPoint& at, double width, std::string_view style, std::string_view tip) {
  if (!shows(at)) return;
  const double y = at_y(at.y);
  out_.open("rect", {{"class", std::string(style)},
                     {"x", coordinate(at_x(at.x) - width / 2)},
                     {"y", coordinate(y)},
                     {"width", coordinate(width)},
                     {"height", coordinate(bottom_ - y)}});
  out_.leaf("title", {}, tip).close();
}

bool Plot::is_free(const Box& box) const {
  if (box.left < 0 || box.right > kWidth || box.top < kTop - 1.2 * kLine || box.bottom > bottom_) return false;
  return std::ranges::none_of(taken_, [&](const Box& other) {
    return box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom;
  });
}

bool Plot::label(double x, double y, Anchor anchor, std::string_view text, std::string_view style) {
  const double width = kLetter * columns_of(text);
  const double left = anchor == Anchor::start ? x : anchor == Anchor::middle ? x - width / 2 : x - width;
  const Box box{left, y - kLine * 0.8, left + width, y + kLine * 0.25};
  if (!is_free(box)) return false;
  taken_.push_back(box);
  out_.leaf("text",
            {{"class", std::string(style)}, {"x", coordinate(x)}, {"y", coordinate(y)}, {"text-anchor", anchor_name(anchor)}},
            text);
  return true;
}

bool Plot::label_dot(const PlotPoint& at, double radius, std::string_view text, std::string_view style) {
  if (!shows(at)) return false;
  const double x = at_x(at.x), y = at_y(at.y), gap = radius + 4;
  return label(x + gap, y + 4, Anchor::start, text, style) || label(x - gap, y + 4, Anchor::end, text, style) ||
         label(x, y - gap, Anchor::middle, text, style) || label(x, y + gap + 10, Anchor::middle, text, style) ||
         label(x + gap, y - gap, Anchor::start, text, style) || label(x + gap, y + gap + 8, Anchor::start, text, style) ||
         label(x - gap, y - gap, Anchor::end, text, style) || label(x - gap, y + gap + 8, Anchor::end, text, style);
}

void Plot::label_along(const PlotPoint& a, const PlotPoint& b, std::string_view text, std::string_view style) {
  if (!shows(a) || !shows(b)) return;
  const double x1 = at_x(a.x), y1 = at_y(a.y), x2 = at_x(b.x), y2 = at_y(b.y), x = (x1 + x2) / 2, y = (y1 + y2) / 2;
  const double degrees = std::atan2(y2 - y1, x2 - x1) * 180 / std::numbers::pi;
  out_.leaf("text",
            {{"class", std::string(style)},
             {"text-anchor", "middle"},
             {"transform",
              fmt::format("translate({} {}) rotate({}) translate(0 -6)", coordinate(x), coordinate(y), coordinate(degrees))}},
            text);
  constexpr int kPieces = 24;
  for (int i = 0; i <= kPieces; ++i) {
    const double at = static_cast<double>(i) / kPieces, px = x1 + at * (x2 - x1), py = y1 + at * (y2 - y1);
    taken_.push_back({px - 4, py - kLine, px + 4, py + 2});
  }
}

}  // namespace lupo
