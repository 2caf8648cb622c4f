#include "doctor/report_plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/units.h"
#include "doctor/plot.h"
#include "doctor/roofline.h"

namespace lupo {
namespace {

using Anchor = Plot::Anchor;
using Row = std::vector<std::string>;

constexpr double kShareShown = 0.01;  // of a step's time: what takes less is in the table alone

void open_figure(Markup& out, std::string_view heading, bool wide = false) {
  out.open("figure", {{"class", wide ? "card wide" : "card"}}).leaf("h2", {}, heading);
}

void add_table(Markup& out, const Row& head, const std::vector<Row>& rows) {
  out.open("div", {{"class", "scroll"}}).open("table").open("thead").open("tr");
  for (const std::string& cell : head) out.leaf("th", {{"scope", "col"}}, cell);
  out.close().close().open("tbody");
  for (const Row& row : rows) {
    out.open("tr");
    for (const std::string& cell : row) out.leaf("td", {}, cell);
    out.close();
  }
  out.close().close().close();
}

// Ends the figure: a sentence below the plot, and on demand the numbers behind it.
void close_figure(Markup& out, std::string_view caption, const Row& head = {}, const std::vector<Row>& rows = {}) {
  out.open("figcaption").leaf("p", {}, caption);
  if (!rows.empty()) {
    out.open("details").leaf("summary", {}, "Numbers");
    add_table(out, head, rows);
    out.close();
  }
  out.close().close();
}

std::string rate(double value) { return fmt::format("{:.{}f}", value, value < 0.1 ? 2 : value < 10 ? 1 : 0); }
std::string tokens_name(double n) { return n >= 1024 ? fmt::format("{:.0f}K", n / 1024) : fmt::format("{:.0f}", n); }
std::string power_name(double value) { return fmt::format("{:g}", value); }

struct Ceiling {
  const char* name;
  double gflops;
};

// Highest first; those of equal height once.
std::vector<Ceiling> ceilings_of(const Roof& roof) {
  std::vector<Ceiling> ceilings{{"int8", 2 * roof.int8_gmacs}, {"bf16", 2 * roof.bf16_gmacs}, {"f32", 2 * roof.f32_gmacs}};
  std::erase_if(ceilings, [](const Ceiling& c) { return !(c.gflops > 0) || !std::isfinite(c.gflops); });
  std::ranges::stable_sort(ceilings, std::ranges::greater{}, &Ceiling::gflops);
  return ceilings;
}

// Both axes wide enough for every point and for all corners of the roof.
std::pair<Axis, Axis> roofline_axes(const Roof& roof, const std::vector<Ceiling>& ceilings,
                                    const std::vector<RoofPoint>& points) {
  Axis x{ceilings.back().gflops / roof.read_gbps / 8, ceilings.front().gflops / roof.read_gbps * 8, true};
  Axis y{ceilings.back().gflops / 8, ceilings.front().gflops * 2, true};
  for (const RoofPoint& p : points) {
    for (const double factor : {0.5, 3.0}) x.include(factor * p.intensity);
    for (const double factor : {0.5, 2.0}) y.include(factor * p.gflops);
  }
  return {x, y};
}

void draw_roof(const Roof& roof, const std::vector<Ceiling>& ceilings, const Axis& x, const Axis& y, Plot& plot) {
  const Ceiling& top = ceilings.front();
  const double begin = std::max(x.low, y.low / roof.read_gbps), ridge = top.gflops / roof.read_gbps;
  plot.line({{begin, begin * roof.read_gbps}, {ridge, top.gflops}, {x.high, top.gflops}}, "roof");
  plot.label_along({begin, begin * roof.read_gbps}, {ridge, top.gflops}, fmt::format("memory {:.1f} GB/s", roof.read_gbps),
                   "note");
  for (const Ceiling& c : ceilings)
    if (&c != &top) plot.line({{c.gflops / roof.read_gbps, c.gflops}, {x.high, c.gflops}}, "roof lower");
}

// Above each ceiling where a dot leaves room: at its right end, or where it begins.
void label_ceilings(const Roof& roof, const std::vector<Ceiling>& ceilings, Plot& plot) {
  for (const Ceiling& c : ceilings) {
    const std::string text = fmt::format("{} {} GFLOP/s", c.name, rate(c.gflops));
    const double y = plot.at_y(c.gflops) - 5;
    if (!plot.label(Plot::kRight, y, Anchor::end, text, "note"))
      plot.label(plot.at_x(c.gflops / roof.read_gbps) + 14, y, Anchor::start, text, "note");
  }
}

struct Phased {
  RoofPoint point;
  bool is_decode;
};

double radius_of(const RoofPoint& p) { return 3 + 8 * std::sqrt(p.share); }

void draw_points(const std::vector<Phased>& points, Plot& plot) {
  for (const auto& [p, is_decode] : points)
    plot.dot({p.intensity, p.gflops}, radius_of(p), is_decode ? "dot" : "dot hollow",
             fmt::format("{}, {}: {:.1f} operations a byte, {:.1f} GFLOP/s, {:.1f} GB/s, {:.0f} % of the time",
                         is_decode ? "decode" : "prefill", p.name, p.intensity, p.gflops, p.gbps, 100 * p.share));
}

void label_points(const std::vector<Phased>& points, Plot& plot) {
  for (const auto& [p, is_decode] : points)
    plot.label_dot({p.intensity, p.gflops}, radius_of(p), fmt::format("{} {:.0f} %", p.name, 100 * p.share),
                   is_decode ? "name" : "name second");
}

Row roofline_row(const char* phase, const RoofPoint& p, const Roof& roof, double peak) {
  const std::string share = fmt::format("{:.0f} %", 100 * p.share), name = fmt::format("{}, {}", phase, p.name);
  if (p.intensity <= 0) return {name, share, "", "", "", ""};
  return {name,
          share,
          rate(p.intensity),
          rate(p.gbps),
          rate(p.gflops),
          fmt::format("{:.0f} %", 100 * p.gflops / attainable_gflops(p.intensity, roof.read_gbps, peak))};
}

// Memory when the context is that long, from the bottom up.
struct Layered {
  const char *name, *style;
  int64_t MemoryBytes::*bytes;
};
constexpr std::array<Layered, 4> kStack = {{{"weights", "area a1", &MemoryBytes::weights},
                                            {"state", "area a2", &MemoryBytes::state},
                                            {"KV cache", "area a3", &MemoryBytes::kv},
                                            {"scratch", "area a4", &MemoryBytes::scratch}}};

void draw_stack(const std::vector<ContextPoint>& points, Plot& plot) {
  std::vector<double> floor(points.size(), 0);
  std::vector<std::pair<const char*, double>> names;  // and where they stand
  for (const Layered& layer : kStack) {
    std::vector<PlotBand> band;
    for (size_t i = 0; i < points.size(); ++i) {
      const double bytes = static_cast<double>(points[i].bytes.*layer.bytes);
      band.push_back({static_cast<double>(points[i].n_ctx), floor[i], floor[i] + bytes});
      floor[i] += bytes;
    }
    if (std::ranges::all_of(points, [&](const ContextPoint& p) { return p.bytes.*layer.bytes == 0; })) continue;
    plot.band(band, layer.style);
    const double top = plot.at_y(band.back().high), bottom = plot.at_y(band.back().low);
    if (bottom - top >= 18) names.emplace_back(layer.name, (top + bottom) / 2 + 5);
  }
  // Inside the areas that are thick enough, at their right end; above all of them, since a later area may reach over a name.
  for (const auto& [name, y] : names) plot.label(Plot::kRight - 6, y, Anchor::end, name, "name inside");
}

void draw_available(const Machine& machine, double most, Plot& plot) {
  const double available = static_cast<double>(machine.ram.available_bytes - kReserveBytes);
  const std::string text = format_bytes(static_cast<int64_t>(available));
  if (available <= most) {
    plot.line({{1, available}, {1e18, available}}, "limit");
    plot.label(Plot::kLeft + 6, plot.at_y(available) - 6, Anchor::start, text + " available", "note strong");
  } else {
    plot.label(Plot::kLeft + 6, Plot::kTop + 14, Anchor::start, fmt::format("{} available: far above", text), "note strong");
  }
}

double middle_at(const std::vector<SpeedAt>& curve, double n) {
  const auto at = std::ranges::find_if(curve, [&](const SpeedAt& s) { return static_cast<double>(s.n) >= n; });
  return at == curve.end() ? 0 : at->tps.middle;
}

void draw_curve(const std::vector<SpeedAt>& curve, const char* name, const char* style, Plot& plot) {
  std::vector<PlotPoint> middle;
  std::vector<PlotBand> band;
  for (const SpeedAt& at : curve) {
    const double n = static_cast<double>(at.n);
    middle.push_back({n, at.tps.middle});
    band.push_back({n, at.tps.low, at.tps.high});
  }
  plot.band(band, fmt::format("interval {}", style));
  plot.line(middle, fmt::format("curve {}", style));
  if (middle.empty()) return;
  const PlotPoint& at = middle[middle.size() / 2];
  plot.label(plot.at_x(at.x), plot.at_y(at.y) - 7, Anchor::middle, name, "name");
}

// Rows of a waterfall: each part begins where the one before it ended.
void add_parts(const ModelExam& exam, Markup& out) {
  double total = 0, at = 0;
  for (const RunPart& part : exam.timeline.parts) total += part.time.ms;
  if (!(total > 0)) return;
  out.open("ol", {{"class", "parts"}});
  for (const RunPart& part : exam.timeline.parts) {
    out.open("li").leaf("span", {{"class", "part"}}, part.name).open("span", {{"class", "track"}});
    out.leaf("span",
             {{"class", "fill"},
              {"style", fmt::format("left:{}%;width:{}%", coordinate(100 * at / total), coordinate(100 * part.time.ms / total))}},
             "");
    const int64_t n = part.time.major_faults;
    const std::string faults = n > 0 ? fmt::format(" · {} disk wait{}", n, n == 1 ? "" : "s") : "";
    out.close().leaf("span", {{"class", "ms"}}, fmt::format("{} ms{}", rate(part.time.ms), faults)).close();
    at += part.time.ms;
  }
  out.close();
}

void draw_tokens(const std::vector<StepTime>& tokens, const TokenTimes& summary, Markup& out) {
  const Axis x{0.5, static_cast<double>(tokens.size()) + 0.5}, y{0, summary.slowest_ms * 1.15};
  Plot plot(out, "tokens", "Time of each decoded token",
            fmt::format("{} tokens; the median takes {} ms, the slowest {} ms", tokens.size(), rate(summary.median_ms),
                        rate(summary.slowest_ms)),
            x, y, 220);
  plot.titles("decoded token", "time of a token");
  for (const double tick : even_ticks(y.high, 4))
    if (tick <= y.high) plot.tick_y(tick, fmt::format("{:g} ms", tick));
  for (const double tick : even_ticks(x.high, 5))
    if (tick >= 1 && tick <= x.high) plot.tick_x(tick, fmt::format("{:g}", tick));
  const double width = std::clamp((Plot::kRight - Plot::kLeft) / static_cast<double>(tokens.size()) * 0.7, 0.8, 8.0);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool is_slow = std::ranges::find(summary.slow, i) != summary.slow.end();
    const std::string reason = reason_of(tokens[i]);
    plot.stem({static_cast<double>(i + 1), tokens[i].ms}, width, is_slow ? "stem slow" : "stem",
              fmt::format("token {}: {:.2f} ms{}{}", i + 1, tokens[i].ms, reason.empty() ? "" : ", ", reason));
  }
  plot.line({{x.low, summary.median_ms}, {x.high, summary.median_ms}}, "limit");
  plot.label(Plot::kRight, Plot::kTop - 4, Anchor::end, fmt::format("dashed: median {} ms", rate(summary.median_ms)), "note");
}

}  // namespace

void add_roofline(const Diagnosis& d, Markup& out) {
  const std::vector<Ceiling> ceilings = ceilings_of(d.roof);
  if (!(d.roof.read_gbps > 0) || ceilings.empty()) return;
  std::vector<Phased> shown;
  std::vector<RoofPoint> points;
  std::vector<Row> rows;
  if (d.exam)
    for (const bool is_decode : {true, false})
      for (const RoofPoint& p : roof_points(is_decode ? d.exam->decode_ops : d.exam->prefill_ops)) {
        if (p.share < kShareShown) continue;
        rows.push_back(roofline_row(is_decode ? "decode" : "prefill", p, d.roof, ceilings.front().gflops));
        if (p.intensity <= 0) continue;
        shown.push_back({p, is_decode});
        points.push_back(p);
      }
  const auto [x, y] = roofline_axes(d.roof, ceilings, points);
  open_figure(out, rows.empty() ? "Roofline" : "Roofline: what memory and cores allow, and what was reached", !rows.empty());
  out.open("div", {{"class", rows.empty() ? "" : "pair"}});
  {
    Plot plot(
        out, "roofline", "Roofline of this machine",
        fmt::format("Operations a second over operations per byte, both logarithmic. The memory gives {:.1f} GB/s, the cores {} "
                    "GFLOP/s at most; {} points are kinds of operations of the model.",
                    d.roof.read_gbps, rate(ceilings.front().gflops), shown.size()),
        x, y);
    plot.titles("operations per byte read", "GFLOP/s");
    for (const double tick : log_ticks(x)) plot.tick_x(tick, power_name(tick));
    for (const double tick : log_ticks(y)) plot.tick_y(tick, power_name(tick));
    draw_roof(d.roof, ceilings, x, y, plot);
    draw_points(shown, plot);
    label_ceilings(d.roof, ceilings, plot);
    label_points(shown, plot);
  }
  if (!rows.empty()) add_table(out, {"operation", "of the time", "op/byte", "GB/s", "GFLOP/s", "of the roof"}, rows);
  out.close();
  close_figure(out,
               shown.empty()
                   ? "What an operation can reach: on the slope the memory is the limit, under the ceilings the cores are."
                   : fmt::format("Filled dots: a decoded token. Hollow: a prompt of {} tokens. A dot's area is its share of the "
                                 "time. On the slope the memory is the limit, under the ceilings the cores are; what lies "
                                 "above the slope was read from caches.",
                                 d.exam->n_prefill));
}

void add_memory_over_context(const Diagnosis& d, Markup& out) {
  if (!d.exam || d.exam->memory.size() < 2) return;
  const std::vector<ContextPoint>& points = d.exam->memory;
  const Axis x{static_cast<double>(points.front().n_ctx), static_cast<double>(points.back().n_ctx), true};
  double most = static_cast<double>(points.back().bytes.total()) * 1.1;
  const double available = static_cast<double>(d.machine.ram.available_bytes - kReserveBytes);
  if (available > most && available < 3 * most) most = available * 1.05;
  const double unit = static_cast<double>(most >= static_cast<double>(kGiB) ? kGiB : kMiB);
  const std::vector<double> ticks = even_ticks(most / unit, 5);
  const Axis y{0, ticks.back() * unit};
  const int64_t n_ctx = d.exam->n_ctx;
  open_figure(out, "Memory over the context");
  {
    Plot plot(out, "memory", "Memory over the context",
              fmt::format("From {} at {} tokens to {} at {}; {} are available.", format_bytes(points.front().bytes.total()),
                          points.front().n_ctx, format_bytes(points.back().bytes.total()), points.back().n_ctx,
                          format_bytes(d.machine.ram.available_bytes)),
              x, y);
    plot.titles("tokens of context", "memory");
    for (const double tick : ticks) plot.tick_y(tick * unit, fmt::format("{:g} {}", tick, unit > 1e9 ? "GiB" : "MiB"));
    for (const double tick : binary_ticks(x, 7)) plot.tick_x(tick, tokens_name(tick));
    draw_stack(points, plot);
    draw_available(d.machine, y.high, plot);
    plot.line({{static_cast<double>(n_ctx), 0}, {static_cast<double>(n_ctx), static_cast<double>(d.exam->bytes.total())}},
              "here");
    plot.dot({static_cast<double>(n_ctx), static_cast<double>(d.exam->bytes.total())}, 4, "dot",
             fmt::format("context {}: {}", n_ctx, format_bytes(d.exam->bytes.total())));
    plot.label_dot({static_cast<double>(n_ctx), static_cast<double>(d.exam->bytes.total())}, 4,
                   format_bytes(d.exam->bytes.total()), "name");
  }
  std::vector<Row> rows;
  for (const ContextPoint& p : points)
    rows.push_back({fmt::format("{}", p.n_ctx), format_bytes(p.bytes.weights), format_bytes(p.bytes.kv),
                    format_bytes(p.bytes.state), format_bytes(p.bytes.scratch), format_bytes(p.bytes.total()),
                    p.fits ? "fits" : "does not fit"});
  close_figure(
      out,
      fmt::format("Planned to the byte at every doubling. The dot is the context of this run, {}; {} of the available memory "
                  "are kept in reserve.",
                  n_ctx, format_bytes(kReserveBytes)),
      {"context", "weights", "KV cache", "state", "scratch", "total", ""}, rows);
}

void add_speed_over_context(const ModelExam& exam, Markup& out) {
  const Prediction& predicted = exam.prediction;
  if (predicted.decode.empty() || predicted.prefill.empty()) return;
  struct Measured {
    double n, tps;
    const std::vector<SpeedAt>* curve;
  };
  const std::array<Measured, 2> measured{{{static_cast<double>(exam.decode_depth), exam.decode_tps, &predicted.decode},
                                          {static_cast<double>(exam.n_prefill), exam.prefill_tps, &predicted.prefill}}};
  Axis x = Axis::of_nothing(), y = Axis::of_nothing();
  for (const auto& [n, tps, curve] : measured) {
    y.include(tps);
    for (const SpeedAt& at : *curve) {
      x.include(static_cast<double>(at.n));
      y.include(at.tps.low);
      y.include(at.tps.high);
    }
  }
  y = {y.low / 1.3, y.high * 1.6, true};
  open_figure(out, "Speed over the context");
  {
    Plot plot(out, "speed", "Predicted speed over the context, and what was measured",
              fmt::format("Measured: decode {} and prefill {} tokens a second.", rate(exam.decode_tps), rate(exam.prefill_tps)),
              x, y);
    plot.titles("tokens in the context", "tokens a second");
    for (const double tick : log_ticks(y)) plot.tick_y(tick, power_name(tick));
    for (const double tick : binary_ticks(x, 7)) plot.tick_x(tick, tokens_name(tick));
    draw_curve(predicted.prefill, "prefill", "second", plot);
    draw_curve(predicted.decode, "decode", "first", plot);
    for (const auto& [n, tps, curve] : measured) {
      if (tps <= 0) continue;
      const PlotPoint at{std::clamp(n, x.low, x.high), tps};
      plot.dot(at, 4, "dot", fmt::format("measured: {} tokens a second", rate(tps)));
      const std::string text = fmt::format("measured {}", rate(tps));
      const double away = tps > middle_at(*curve, n) ? -8 : 16;  // from the curve
      if (!plot.label(plot.at_x(at.x) + 7, plot.at_y(at.y) + away, Anchor::start, text, "name"))
        plot.label_dot(at, 4, text, "name");
    }
  }
  std::vector<Row> rows;
  for (const auto& [name, curve] : {std::pair{"decode", &predicted.decode}, {"prefill", &predicted.prefill}})
    for (const SpeedAt& at : *curve)
      rows.push_back({name, fmt::format("{}", at.n), rate(at.tps.low), rate(at.tps.middle), rate(at.tps.high)});
  close_figure(
      out,
      "Predicted from the speed of this machine's kernels; in 8 of 10 cases a run lies in the shaded band. Dots were measured "
      "just now, by this run.",
      {"", "tokens", "low", "middle", "high"}, rows);
}

void add_timeline(const ModelExam& exam, Markup& out) {
  if (exam.timeline.parts.empty()) return;
  open_figure(out, "The run, part by part and token by token", true);
  out.open("div", {{"class", "pair"}});
  add_parts(exam, out);
  const TokenTimes summary = summary_of(exam.timeline.tokens);
  if (summary.slowest_ms > 0) draw_tokens(exam.timeline.tokens, summary, out);
  out.close();
  StepTime all;
  for (const RunPart& part : exam.timeline.parts) all = sum_of({all, part.time});
  std::string slow = fmt::format("{} of {} decoded tokens took half as long again as the median, or longer", summary.slow.size(),
                                 exam.timeline.tokens.size());
  if (!summary.slow.empty()) {
    std::vector<StepTime> slow_ones;
    for (const size_t i : summary.slow) slow_ones.push_back(exam.timeline.tokens[i]);
    const std::string reason = reason_of(sum_of(slow_ones));
    if (!reason.empty()) slow += ": " + reason;
  }
  close_figure(out, fmt::format("The first token touches the weights, which brings them in from the file. {}. In all, the "
                                "disk was waited for {} time{}, and threads were preempted {} times.",
                                slow, all.major_faults, all.major_faults == 1 ? "" : "s", all.preemptions));
}

}  // namespace lupo
