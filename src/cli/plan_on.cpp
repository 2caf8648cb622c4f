#include "cli/plan_on.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "base/units.h"
#include "cli/model_facts.h"
#include "doctor/json.h"
#include "quant/checks.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kContextFirst = 4096, kPrompt = 512;

std::vector<int64_t> contexts(const Model& model, const RuntimeOptions& options) {
  if (options.n_ctx > 0) return {options.n_ctx};
  std::vector<int64_t> list;
  for (int64_t n = kContextFirst; n < model.hparams().n_ctx_train; n *= 2) list.push_back(n);
  list.push_back(model.hparams().n_ctx_train);
  return list;
}

// Where the layers are, in words.
std::string where(const Placement& p) {
  if (p.n_gpu_layers == 0) return "all in RAM";
  std::string text =
      p.n_gpu_layers == p.n_layer ? "all on the GPU" : fmt::format("{} of {} layers on the GPU", p.n_gpu_layers, p.n_layer);
  if (p.n_ram_expert_layers > 0) text += fmt::format(", experts of {} layers in RAM", p.n_ram_expert_layers);
  return text;
}

// How llama.cpp and its kin are told the same; "" where there is nothing to tell.
std::string flags(const Placement& p) {
  if (p.n_gpu_layers == 0) return "-ngl 0";
  std::string text = fmt::format("-ngl {}", p.n_gpu_layers == p.n_layer ? p.n_layer + 1 : p.n_gpu_layers);
  if (p.n_ram_expert_layers > 0) text += fmt::format(" --n-cpu-moe {}", p.n_ram_expert_layers);
  return text;
}

Json to_json(const PointOn& point) {
  Json json = {{"ctx", point.n_ctx},
               {"fits", point.placement.fits},
               {"bytes", json_of(point.bytes)},
               {"gpu_bytes", point.placement.gpu_bytes},
               {"ram_bytes", point.placement.ram_bytes},
               {"layers", point.placement.n_layer},
               {"gpu_layers", point.placement.n_gpu_layers},
               {"ram_expert_layers", point.placement.n_ram_expert_layers},
               {"llama_cpp_flags", flags(point.placement)},
               {"ceiling_tps", nullptr},
               {"decode_tps", nullptr},
               {"prefill_tps", nullptr}};
  if (!point.speeds) return json;
  const Prediction& p = point.speeds->prediction;
  json["ceiling_tps"] = point.speeds->ceiling_tps;
  if (!p.decode.empty()) json["decode_tps"] = json_of(p.decode.front().tps);
  if (!p.prefill.empty()) json["prefill_tps"] = json_of(p.prefill.front().tps);
  return json;
}

}  // namespace

Result<PlanOn> plan_on(const std::string& description, const Machine& machine, const GivenModel& given, RuntimeOptions options) {
  const Model& model = given.model;
  PlanOn plan{.path = given.path,
              .machine = description,
              .remote = given.remote,
              .file_bytes = model.file().file_bytes(),
              .nominal = nominal_of(machine),
              .points = {},
              .facts = model.facts()};
  for (int64_t n_ctx : contexts(model, options)) {
    options.n_ctx = n_ctx;
    // A machine without figures: nothing is cut, placing decides what fits.
    TRY_ASSIGN(const Preview shown, preview(model, Machine{}, options));
    plan.bits_per_weight = bits_per_weight(matrix_bytes_by_type(shown.graph));
    PointOn point{.n_ctx = n_ctx,
                  .bytes = shown.plan.bytes,
                  .placement = place(shown.graph, shown.plan.bytes, plan.nominal.rooms),
                  .speeds = {}};
    point.speeds = predict_nominal(shown.graph, point.placement, plan.nominal, static_cast<double>(plan.facts.params_active),
                                   {n_ctx / 2}, {std::min(kPrompt, n_ctx)});
    plan.points.push_back(std::move(point));
  }
  return plan;
}

void print(const PlanOn& plan) {
  fmt::print("{} on {}\n\n", printable(plan.path), printable(plan.machine));
  if (!plan.nominal.gpu.empty())
    fmt::print("  {}: {} for a model, {:g} GB/s\n", plan.nominal.gpu, format_bytes(plan.nominal.rooms.gpu_bytes),
               plan.nominal.gpu_gbps);
  fmt::print("  RAM: {}{}\n", plan.nominal.rooms.ram_bytes > 0 ? format_bytes(plan.nominal.rooms.ram_bytes) : "size not said",
             plan.nominal.ram_gbps > 0 ? fmt::format(", {:g} GB/s", plan.nominal.ram_gbps) : ", bandwidth not known");
  for (const auto& [label, text] : fact_lines(plan.facts)) fmt::print("  {:<16}{}\n", label, text);
  fmt::print("\n  {:>9} {:>12} {:>12}  {:<22} {:>14}  {}\n", "context", "GPU", "RAM", "decode, half full", "at most, tok/s",
             "where");
  for (const PointOn& point : plan.points)
    fmt::print(
        "  {:>9} {:>12} {:>12}  {:<22} {:>14}  {}\n", point.n_ctx, format_bytes(point.placement.gpu_bytes),
        format_bytes(point.placement.ram_bytes),
        point.speeds && !point.speeds->prediction.decode.empty() ? in_words(point.speeds->prediction.decode.front().tps) : "–",
        point.speeds ? fmt::format("{:.0f}", point.speeds->ceiling_tps) : "–",
        point.placement.fits ? where(point.placement) + " (" + flags(point.placement) + ")" : "does not fit");
  if (plan.remote) print(*plan.remote);
  const auto told = std::ranges::find_if(plan.points, [](const PointOn& p) { return p.speeds.has_value(); });
  if (told == plan.points.end()) {
    fmt::print("\nno speed: {}\n", std::ranges::any_of(plan.points, [](const PointOn& p) { return p.placement.fits; })
                                       ? "the bandwidth of a memory that holds part of the model is not known"
                                       : "it does not fit");
    return;
  }
  if (!told->speeds->prediction.prefill.empty())
    fmt::print("\n  prefill of {} tokens: {} tok/s\n", told->speeds->prediction.prefill.front().n,
               in_words(told->speeds->prediction.prefill.front().tps));
  fmt::print("\nbasis: {}\n", told->speeds->basis);
}

Json to_json(const PlanOn& plan) {
  Json json = {{"model", valid_utf8(plan.path)},
               {"on", valid_utf8(plan.machine)},
               {"gpu", plan.nominal.gpu},
               {"gpu_room_bytes", plan.nominal.rooms.gpu_bytes},
               {"ram_room_bytes", plan.nominal.rooms.ram_bytes},
               {"gpu_gbps", plan.nominal.gpu_gbps},
               {"ram_gbps", plan.nominal.ram_gbps},
               {"basis", plan.nominal.basis}};
  if (plan.remote) json["source"] = to_json(*plan.remote);
  add_facts(plan.facts, json);
  json["contexts"] = Json::array();
  for (const PointOn& point : plan.points) json["contexts"].push_back(to_json(point));
  return json;
}

}  // namespace lupo::cli
