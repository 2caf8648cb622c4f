// The diagnosis as JSON and as text.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "base/units.h"
#include "doctor/doctor.h"
#include "doctor/json.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

Json exam_json(const ModelExam& exam) {
  Json ops = Json::array();
  for (const OpTime& op : exam.decode_ops)
    ops.push_back({{"op", op.op}, {"type", op.type}, {"ms", op.ms}, {"gbps", op.gbps}, {"gflops", op.gflops}});
  Json decisions = Json::array();
  for (const std::string& decision : exam.decisions) decisions.push_back(valid_utf8(decision));
  return {{"path", valid_utf8(exam.path)},
          {"ctx", exam.n_ctx},
          {"ctx_train", exam.n_ctx_train},
          {"threads", exam.n_threads},
          {"fits", exam.fits},
          {"bytes", json_of(exam.bytes)},
          {"params_total", exam.params},
          {"bits_per_weight", exam.bits_per_weight},
          {"bytes_per_token", exam.bytes_per_token},
          {"ceiling_tps", exam.ceiling_tps},
          {"decode_tps", exam.decode_tps},
          {"prefill_tps", exam.prefill_tps},
          {"decode_gbps", exam.decode_gbps},
          {"roof_fraction", exam.roof_fraction},
          {"decode_ops", std::move(ops)},
          {"decisions", std::move(decisions)}};
}

struct Paint {
  bool color;
  std::string operator()(const char* code, const std::string& text) const {
    return color ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
  }
};

const char* color_of(Severity severity) {
  return severity == Severity::problem ? "31" : severity == Severity::warning ? "33" : "36";
}

std::string finding_text(const Finding& finding, const Paint& paint) {
  std::string text =
      fmt::format("{} {} [{}/{}]\n", paint(color_of(finding.severity), fmt::format("{:<8}", severity_name(finding.severity))),
                  printable(finding.what), layer_name(finding.layer), finding.code);
  if (!finding.evidence.empty()) text += fmt::format("         {}\n", printable(finding.evidence));
  if (finding.gain >= 0.01)
    text += fmt::format("         gain: {} about {:.0f} % faster [{:.0f}–{:.0f}]\n", finding.gain_of, 100 * finding.gain,
                        100 * finding.gain_low, 100 * finding.gain_high);
  if (!finding.fix.empty()) text += fmt::format("         fix: {}\n", printable(finding.fix));
  return text;
}

bool has_machine(const Diagnosis& d) { return !d.served || d.served->same_host; }

}  // namespace

std::string to_json(const Diagnosis& d) {
  Json findings = Json::array(), layers = Json::array();
  for (const Finding& f : d.findings)
    findings.push_back({{"layer", layer_name(f.layer)},
                        {"code", f.code},
                        {"severity", severity_name(f.severity)},
                        {"what", valid_utf8(f.what)},
                        {"evidence", valid_utf8(f.evidence)},
                        {"gain", f.gain},
                        {"gain_low", f.gain_low},
                        {"gain_high", f.gain_high},
                        {"gain_of", f.gain_of},
                        {"freed_bytes", f.freed_bytes},
                        {"limits", f.limits},
                        {"fix", valid_utf8(f.fix)}});
  for (const LayerVerdict& v : d.layers)
    layers.push_back({{"layer", layer_name(v.layer)}, {"filled", v.filled}, {"what", valid_utf8(v.what)}});
  Json json = {{"stuck_on", d.stuck_on ? layer_name(*d.stuck_on) : "none"},
               {"verdict", valid_utf8(d.verdict)},
               {"findings", std::move(findings)},
               {"layers", std::move(layers)},
               {"isa", d.isa},
               {"read_gbps", d.machine.measured.read_gbps}};
  json["machine"] = has_machine(d) ? Json::parse(to_json(d.machine)) : Json(nullptr);
  json["server"] = d.served ? Json::parse(to_json(*d.served)) : Json(nullptr);
  json["model"] = d.exam ? exam_json(*d.exam) : Json(nullptr);
  return json.dump();
}

std::string to_text(const Diagnosis& d, bool color) {
  const Paint paint{color};
  std::string text;
  if (has_machine(d)) text = fmt::format("{}, {}\n", printable(d.machine.cpu.model), format_bytes(d.machine.ram.total_bytes));
  if (d.served) text += to_line(*d.served) + "\n";
  if (d.exam) text += printable(d.exam->path) + "\n";
  text += "\n";
  for (const LayerVerdict& v : d.layers) {
    const bool limit = d.stuck_on == v.layer;
    const bool has_bar = v.filled > 0;
    text += fmt::format("{:<13} {} {:>6}  {}{}\n", layer_name(v.layer),
                        has_bar ? paint(limit ? "33" : "32", format_bar(v.filled)) : fmt::format("{:20}", ""),
                        has_bar ? fmt::format("{:.0f} %", 100 * v.filled) : "", printable(v.what),
                        limit ? paint("33", "  ← the limit") : "");
  }
  text += "\n";
  for (const Finding& finding : d.findings) text += finding_text(finding, paint);
  if (d.served)
    for (const std::string& unknown : unknown_of(*d.served)) text += fmt::format("{} {}\n", paint("2", "unknown "), unknown);
  if (!d.findings.empty() || d.served) text += "\n";
  return text + paint("1", printable(d.verdict)) + "\n";
}

}  // namespace lupo
