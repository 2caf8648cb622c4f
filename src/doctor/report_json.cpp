// The diagnosis as JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "base/units.h"
#include "doctor/doctor.h"
#include "doctor/json.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

Json ops_json(const std::vector<OpTime>& ops) {
  Json list = Json::array();
  for (const OpTime& op : ops)
    list.push_back({{"op", op.op}, {"type", op.type}, {"ms", op.ms}, {"gbps", op.gbps}, {"gflops", op.gflops}});
  return list;
}

Json time_json(const StepTime& time) {
  return {{"ms", time.ms}, {"major_faults", time.major_faults}, {"preemptions", time.preemptions}};
}

Json timeline_json(const Timeline& timeline) {
  Json parts = Json::array(), tokens = Json::array();
  for (const RunPart& part : timeline.parts) {
    parts.push_back({{"part", part.name}});
    parts.back().update(time_json(part.time));
  }
  for (const StepTime& token : timeline.tokens) tokens.push_back(time_json(token));
  return {{"parts", std::move(parts)}, {"tokens", std::move(tokens)}};
}

Json roof_json(const Roof& roof) {
  return {{"threads", roof.threads},
          {"read_gbps", roof.read_gbps},
          {"int8_gmacs", roof.int8_gmacs},
          {"bf16_gmacs", roof.bf16_gmacs > 0 ? Json(roof.bf16_gmacs) : Json()},
          {"f32_gmacs", roof.f32_gmacs}};
}

Json exam_json(const ModelExam& exam) {
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
          {"decode_ops", ops_json(exam.decode_ops)},
          {"decisions", std::move(decisions)},
          {"name", valid_utf8(exam.name)},
          {"architecture", exam.architecture},
          {"n_prefill", exam.n_prefill},
          {"decode_depth", exam.decode_depth},
          {"prefill_ops", ops_json(exam.prefill_ops)},
          {"prefill_gflops", exam.prefill_gflops},
          {"peak_gflops", exam.peak_gflops},
          {"timeline", timeline_json(exam.timeline)},
          {"memory_over_context", json_of(exam.memory)},
          {"predicted_decode", json_of(exam.prediction.decode)},
          {"predicted_prefill", json_of(exam.prediction.prefill)}};
}

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
               {"read_gbps", d.machine.measured.read_gbps},
               {"roof", d.roof.threads > 0 ? roof_json(d.roof) : Json()}};
  json["machine"] = d.has_machine() ? Json::parse(to_json(d.machine)) : Json(nullptr);
  json["server"] = d.served ? Json::parse(to_json(*d.served)) : Json(nullptr);
  json["model"] = d.exam ? exam_json(*d.exam) : Json(nullptr);
  return json.dump();
}

}  // namespace lupo
