// The diagnosis for people at a terminal: what limits, in bars and sentences, within about a screen.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/lines.h"
#include "base/printable.h"
#include "base/units.h"
#include "doctor/doctor.h"

namespace lupo {
namespace {

constexpr int kLabel = 14;        // columns of a line's name
constexpr int kColumnsMax = 120;  // longer lines are hard to read, however wide the window
constexpr int kWide = 110;        // from here on bars have 20 cells, else 10
constexpr const char *kGood = "32", *kLimit = "33", *kDim = "2", *kBold = "1";

class Text {
 public:
  explicit Text(const TextStyle& style) : style_(style), columns_(std::clamp(style.columns, 40, kColumnsMax)) {}

  int columns() const { return columns_; }
  int bar_cells() const { return columns_ >= kWide ? 20 : 10; }
  std::string paint(const char* code, const std::string& text) const {
    return style_.color && !text.empty() ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
  }
  // A bar with its share in figures.
  std::string share(double filled, const char* code) const {
    return fmt::format("{} {:>5}", paint(code, format_bar(filled, bar_cells())), fmt::format("{:.0f} %", 100 * filled));
  }
  int share_columns() const { return bar_cells() + 6; }
  std::string wrap(std::string_view text, int indent) const { return wrapped(text, columns_, indent); }
  std::string wrap(std::span<const std::string> items, std::string_view between, int indent) const {
    return wrapped(items, between, columns_, indent);
  }
  void line(const std::string& label, const std::string& rest) {
    std::string line = fmt::format("{:<{}}{}", label, kLabel, rest);
    line.erase(line.find_last_not_of(' ') + 1);
    text_ += line + "\n";
  }
  void add(const std::string& text) { text_ += text; }
  std::string take() && { return style_.utf8 ? std::move(text_) : in_ascii(text_); }

 private:
  TextStyle style_;
  int columns_;
  std::string text_;
};

const char* color_of(Severity severity) {
  return severity == Severity::problem ? "31" : severity == Severity::warning ? "33" : "36";
}

void add_layer(const LayerVerdict& v, bool is_limit, Text& text) {
  const int indent = kLabel + text.share_columns() + 2;
  std::string what = text.wrap(printable(v.what), indent);
  if (is_limit) {
    const size_t last = what.rfind('\n');
    const int at = last == std::string::npos ? indent + columns_of(what) : columns_of(what.substr(last + 1));
    const std::string mark = text.paint(kLimit, "← the limit");
    what += at + 13 <= text.columns() ? "  " + mark : fmt::format("\n{:{}}", "", indent) + mark;
  }
  const std::string bar = v.filled > 0 ? text.share(v.filled, is_limit ? kLimit : kGood)
                                       : std::string(static_cast<size_t>(text.share_columns()), ' ');
  text.line(std::string(layer_name(v.layer)), bar + "  " + what);
}

// The two roofs and what came up to them.
void add_roofs(const Diagnosis& d, Text& text) {
  if (d.roof.read_gbps <= 0) return;
  if (!d.exam || d.exam->decode_gbps <= 0) {
    const std::array items{
        fmt::format("memory {:.1f} GB/s", d.roof.read_gbps),
        fmt::format("products of int8 {:.0f} GOP/s, of f32 {:.0f} GFLOP/s", 2 * d.roof.int8_gmacs, 2 * d.roof.f32_gmacs)};
    text.line("roofs", text.wrap(items, " · ", kLabel));
    return;
  }
  const ModelExam& exam = *d.exam;
  const int indent = kLabel + text.share_columns() + 2;
  text.line("memory roof",
            text.share(exam.roof_fraction, kGood) + "  " +
                text.wrap(fmt::format("{:.1f} of {:.1f} GB/s in a decode", exam.decode_gbps, d.roof.read_gbps), indent));
  if (exam.peak_gflops > 0)
    text.line("compute roof", text.share(exam.prefill_gflops / exam.peak_gflops, kGood) + "  " +
                                  text.wrap(fmt::format("{:.0f} of {:.0f} GFLOP/s in a prefill of {} tokens", exam.prefill_gflops,
                                                        exam.peak_gflops, exam.n_prefill),
                                            indent));
}

// What the model takes of the available memory, as one bar and its legend.
void add_memory(const Diagnosis& d, Text& text) {
  if (!d.exam || d.machine.ram.available_bytes <= 0) return;
  const MemoryBytes& bytes = d.exam->bytes;
  const int64_t available = d.machine.ram.available_bytes, total = bytes.total() + kReserveBytes;
  struct Part {
    const char *cell, *code, *name;
    int64_t bytes;
  };
  const std::array<Part, 6> parts{{{"█", "34", "weights", bytes.weights},
                                   {"▓", "35", "KV cache", bytes.kv},
                                   {"▓", "36", "state", bytes.state},
                                   {"▒", "36", "scratch", bytes.scratch},
                                   {"╱", kDim, "reserve", kReserveBytes},
                                   {"░", kDim, "free", std::max<int64_t>(0, available - total)}}};
  const double whole = static_cast<double>(std::max(available, total));
  const int cells = std::min(60, text.columns() - kLabel);
  std::string bar;
  std::vector<std::string> legend;
  int left = cells;
  for (const Part& part : parts) {
    if (part.bytes <= 0) continue;
    // What is there is seen, however small; the last takes the rest.
    const int wanted = std::max(1, static_cast<int>(static_cast<double>(part.bytes) / whole * cells + 0.5));
    const int n = &part == &parts.back() ? left : std::min(wanted, left);
    left -= n;
    std::string drawn;
    for (int i = 0; i < n; ++i) drawn += part.cell;
    bar += text.paint(part.code, drawn);
    legend.push_back(fmt::format("{} {} {}", part.cell, part.name, format_bytes(part.bytes)));
  }
  text.line(total > available ? "needed" : "available", bar);
  text.line("", text.wrap(legend, "  ", kLabel));
  if (total > available)
    text.line("", fmt::format("{} are available, {} too few", format_bytes(available), format_bytes(total - available)));
}

// Memory and predicted speed over the context, a column for each; the longest that there is room for.
void add_contexts(const Diagnosis& d, Text& text) {
  if (!d.exam || d.exam->memory.size() < 2) return;
  constexpr int kColumn = 11;
  const size_t n = static_cast<size_t>((text.columns() - kLabel - 6) / kColumn);
  std::span<const ContextPoint> points = d.exam->memory;
  if (points.size() > n) points = points.last(n);
  const std::vector<SpeedAt>& curve = d.exam->prediction.decode;
  std::string contexts, memory, decode;
  for (const ContextPoint& point : points) {
    contexts += fmt::format("{:<{}}", point.n_ctx, kColumn);
    const std::string bytes = fmt::format("{:<{}}", format_bytes(point.bytes.total()), kColumn);
    memory += point.fits ? bytes : text.paint("31", bytes);
    const auto at = std::ranges::find_if(curve, [&](const SpeedAt& s) { return s.n >= point.n_ctx - 1; });
    decode += fmt::format("{:<{}}", at == curve.end() ? "" : fmt::format("{:.0f}", at->tps.middle), kColumn);
  }
  text.line("context", contexts + "tokens");
  text.line("memory", memory);
  if (!curve.empty()) text.line("predicted", decode + "tok/s");
}

// Parts of one name on one line, "prefill 233, 196, 200 ms".
void add_run(const Diagnosis& d, Text& text) {
  if (!d.exam || d.exam->timeline.parts.empty()) return;
  const Timeline& timeline = d.exam->timeline;
  std::vector<std::string> items;
  std::string name;
  int64_t faults = 0;
  for (const RunPart& part : timeline.parts) {
    faults += part.time.major_faults;
    const std::string ms = fmt::format("{:.{}f}", part.time.ms, part.time.ms < 10 ? 1 : 0);
    if (part.name == name)
      items.back() += ", " + ms;
    else
      items.push_back(fmt::format("{} {}", part.name, ms));
    name = part.name;
  }
  for (std::string& item : items) item += " ms";
  const TokenTimes tokens = summary_of(timeline.tokens);
  items.push_back(fmt::format("a token {:.1f} ms, the slowest {:.1f} ms", tokens.median_ms, tokens.slowest_ms));
  if (faults > 0) items.push_back(fmt::format("{} wait{} for the disk", faults, faults == 1 ? "" : "s"));
  text.line("run", text.wrap(items, " · ", kLabel));
}

void add_finding(const Finding& finding, Text& text) {
  constexpr int kIndent = 9;
  const auto below = [&](const std::string& line) { text.add(fmt::format("{:{}}{}\n", "", kIndent, line)); };
  text.add(fmt::format(
      "{} {}\n", text.paint(color_of(finding.severity), fmt::format("{:<8}", severity_name(finding.severity))),
      text.wrap(fmt::format("{} [{}/{}]", printable(finding.what), layer_name(finding.layer), finding.code), kIndent)));
  if (!finding.evidence.empty()) below(text.wrap(printable(finding.evidence), kIndent));
  if (finding.gain >= 0.01)
    below(fmt::format(
        "gain: {} about {:.0f} % faster{}", finding.gain_of, 100 * finding.gain,
        finding.gain_high > 0 ? fmt::format(" [{:.0f}–{:.0f}]", 100 * finding.gain_low, 100 * finding.gain_high) : ""));
  if (!finding.fix.empty()) below("fix: " + printable(finding.fix));  // a command stays one line
}

}  // namespace

std::string to_text(const Diagnosis& d, const TextStyle& style) {
  Text text(style);
  if (d.has_machine()) text.add(fmt::format("{}, {}\n", printable(d.machine.cpu.model), format_bytes(d.machine.ram.total_bytes)));
  if (d.served) text.add(to_line(*d.served) + "\n");
  if (d.exam) text.add(printable(d.exam->path) + "\n");
  text.add("\n");
  for (const LayerVerdict& v : d.layers) add_layer(v, d.stuck_on == v.layer, text);
  if (d.exam || d.roof.read_gbps > 0) text.add("\n");
  add_roofs(d, text);
  add_memory(d, text);
  add_contexts(d, text);
  add_run(d, text);
  text.add("\n");
  for (const Finding& finding : d.findings) add_finding(finding, text);
  if (d.served)
    for (const std::string& unknown : unknown_of(*d.served))
      text.add(fmt::format("{} {}\n", text.paint(kDim, "unknown "), text.wrap(unknown, 9)));
  if (!d.findings.empty() || d.served) text.add("\n");
  text.add(text.paint(kBold, text.wrap(printable(d.verdict), 0)) + "\n");
  return std::move(text).take();
}

}  // namespace lupo
