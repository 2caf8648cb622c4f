// The diagnosis of a model that another server runs: what the server says, what its process shows, what its file holds where it
// can be read here, and what lupo's own engine is predicted to do with that file.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/printable.h"
#include "base/units.h"
#include "doctor/doctor.h"
#include "doctor/expectation.h"
#include "doctor/served/checks.h"
#include "hardware/bandwidth.h"
#include "hardware/checks.h"
#include "model/checks.h"
#include "quant/checks.h"

namespace lupo {
namespace {

constexpr double kReadSeconds = 0.3;
constexpr int kLoadMilliseconds = 200;   // how long others are watched
constexpr int64_t kGraphContext = 2048;  // tokens; the measurement needs a few hundred

// The process that runs the model: of Ollama the child that its server started, where there is one to be seen.
std::optional<ServerProcess> find_process(const Env& env, const Served& served, int port) {
  const int listener = listener_on(env, port);
  if (listener == 0) return std::nullopt;
  const int runner = served.kind == ServerKind::ollama ? runner_of(env, listener, served.path) : 0;
  return look_at_process(env, runner > 0 ? runner : listener);
}

// A tunnel or proxy holds the port: of the server itself nothing is to be seen, and it may be elsewhere.
void drop_forwarder(std::optional<ServerProcess>& process, Served& served) {
  const Forwarder forwarder = process ? forwarder_of(*process) : Forwarder::none;
  if (forwarder == Forwarder::none) return;
  process.reset();
  if (forwarder == Forwarder::anywhere) served.same_host = false;
}

// The process may have started the model for the measurement: what was seen before it counts for the faults alone.
void look_again(const Env& env, int port, std::optional<ServerProcess> before, Served& served) {
  served.process = find_process(env, served, port);
  drop_forwarder(served.process, served);
  if (!served.process) return;
  if (before && before->pid == served.process->pid && before->major_faults && served.process->major_faults)
    served.process->faults_while_measured = std::max<int64_t>(0, *served.process->major_faults - *before->major_faults);
  if (served.path.empty() && served.flags()) served.path = served.flags()->model;
  if (served.path.empty()) served.path = served.process->mapped_model;
  if (!served.n_slots && served.kind == ServerKind::ollama) served.n_slots = served.process->flags.n_slots;
}

// With all the threads that this machine has use for: what could be, whatever the server was given.
Result<void> predict_here(const Env& env, const Served& served, const std::string& isa, const Model& model, Here& here) {
  RuntimeOptions options;
  options.n_ctx = std::min<int64_t>(kGraphContext, std::max<int64_t>(1, model.hparams().n_ctx_train));
  TRY_ASSIGN(const Preview shown, preview(model, here.machine, options));
  const CalibrationStore store(env, here.machine, isa);
  TRY_ASSIGN(const Calibration calibration, calibrate(env, store, here.machine, needs_of(shown.graph), shown.n_threads));
  const Spreads spreads = narrowed_by_history(env, store, calibration, model).spreads;
  const int64_t n = std::clamp<int64_t>(served.run->n_prompt, 1, options.n_ctx - 1);
  const Interval decode = interval_of(1 / decode_seconds(shown.graph, calibration, n), spreads.decode);
  const Interval prefill = interval_of(static_cast<double>(n) / prefill_seconds(shown.graph, calibration, n), spreads.prefill);
  here.decode = {decode.low, decode.middle};
  if (served.run->n_prompt > 0) here.prefill = {prefill.low, prefill.middle};
  return {};
}

// What the file says, where it can be read: the checks of its own layers with fixes for the server, and a prediction.
void read_file(const Env& env, const std::string& isa, Served& served, Here& here, std::vector<Finding>& findings) {
  if (served.path.empty() || served.path.front() != '/') return;
  const Result<Model> model = Model::open(served.path);
  if (!model) return;
  here.file_was_read = true;
  here.bytes_per_token = model->facts().bytes_per_token;
  if (!served.n_params) served.n_params = model->facts().params_total;
  if (!served.n_ctx_train) served.n_ctx_train = model->hparams().n_ctx_train;
  if (!served.n_layers) served.n_layers = model->hparams().n_layer;
  served.is_moe = model->facts().params_active < model->facts().params_total / 2;
  const auto tokenizer = model->tokenizer();
  std::vector<Finding> more = check_model(model->file(), tokenizer ? (*tokenizer)->notes() : std::span<const std::string>());
  // The server may have been given a template that the file lacks.
  std::erase_if(more, [&](const Finding& f) { return f.code == "template-missing" || f.code == "tokenizer-notes"; });
  if (const Result<Graph> graph = model->graph({.n_ctx = 64})) {
    const std::map<Type, int64_t> matrices = matrix_bytes_by_type(*graph);
    int64_t bytes = 0;
    for (const auto& [type, n] : matrices) bytes += n;
    for (Finding& f : check_quantization({matrices, std::max<int64_t>(0, here.bytes_per_token - bytes)}, served.model))
      more.push_back(std::move(f));
  }
  for (Finding& finding : more) {
    finding.fix = fix_in_their_terms(served, finding.code, finding.fix);
    findings.push_back(std::move(finding));
  }
  // On a GPU this machine's processor says nothing; a prediction that fails leaves the comparison out.
  if (served.run && served.run->decode_tps > 0 && served.gpu_bytes.value_or(0) == 0)
    (void)predict_here(env, served, isa, *model, here);
}

Result<void> look_at_machine(const Env& env, const std::string& isa, Served& served, Here& here, std::vector<Finding>& findings) {
  TRY_ASSIGN(here.machine, probe(env));
  Measured& measured = here.machine.measured;
  measured.threads = here.machine.usable_threads();
  measured.read_gbps = measure_read_gbps(measured.threads, kReadSeconds, bandwidth_buffer_bytes(here.machine));
  read_file(env, isa, served, here, findings);
  return {};
}

std::string or_unknown(const std::optional<int64_t>& count) { return count ? fmt::format("{}", *count) : "unknown"; }

std::vector<LayerVerdict> layers_of(const Served& s, const Here* here) {
  const double gbps = here ? decode_gbps(s, *here) : 0, roof = here ? here->machine.measured.read_gbps : 0;
  std::string hardware =
      here ? fmt::format("reads {:.1f} GB/s ({})", roof, here->machine.threads_reason()) : "another machine: unknown";
  if (gbps > 0) hardware = fmt::format("{:.1f} of {:.1f} GB/s in a decode, {}", gbps, roof, here->machine.threads_reason());
  std::string memory = s.loaded_bytes ? format_bytes(*s.loaded_bytes) + " loaded" : "";
  if (s.gpu_bytes) memory += fmt::format(", {} of it on a GPU", format_bytes(*s.gpu_bytes));
  if (s.process && s.process->resident_bytes)
    memory += fmt::format("{}{} resident, {} in swap", memory.empty() ? "" : ", ", format_bytes(*s.process->resident_bytes),
                          s.process->swapped_bytes ? format_bytes(*s.process->swapped_bytes) : "unknown");
  std::string runtime = "not measured";
  if (s.run)
    runtime = fmt::format("decode {:.1f} tok/s, prefill {}{}", s.run->decode_tps,
                          s.run->prefill_tps > 0 ? fmt::format("{:.0f} tok/s", s.run->prefill_tps) : "unknown",
                          s.run->reused ? fmt::format(", {:.0f} % of a repeated prompt kept", 100 * *s.run->reused) : "");
  runtime += fmt::format(", context {}, {} at once", or_unknown(s.n_ctx), or_unknown(s.n_slots));
  const bool compares = here && here->decode.middle > 0 && s.run;
  if (compares) runtime += fmt::format("; lupo would decode {:.1f}", here->decode.middle);
  const int64_t total = here ? here->machine.ram.total_bytes : 0;
  const int64_t resident = s.process ? s.process->resident_bytes.value_or(0) : 0;
  return {{Layer::hardware, roof > 0 ? gbps / roof : 0, hardware},
          {Layer::memory, total > 0 ? static_cast<double>(resident) / static_cast<double>(total) : 0,
           memory.empty() ? "unknown" : memory},
          {Layer::runtime, compares ? s.run->decode_tps / here->decode.middle : 0, runtime},
          {Layer::model, 0,
           fmt::format("{} parameters, trained for {} tokens", s.n_params ? format_count(*s.n_params) : "unknown",
                       or_unknown(s.n_ctx_train))},
          {Layer::quantization, 0, s.quantization.empty() ? "unknown" : printable(s.quantization, 60)}};
}

std::string verdict_of(const Diagnosis& d, const Here* here) {
  const Served& s = *d.served;
  std::string speed;
  if (s.run && here && here->decode.middle > 0)
    speed = fmt::format("{:.0f} % of what this machine can do with this file; ", 100 * s.run->decode_tps / here->decode.middle);
  if (!d.stuck_on) return speed + "nothing that can be seen limits this model";
  const auto first =
      std::find_if(d.findings.begin(), d.findings.end(), [&](const Finding& f) { return f.layer == *d.stuck_on && f.limits; });
  return fmt::format("{}stuck on {}{}{}", speed, layer_name(*d.stuck_on), first == d.findings.end() ? "" : ": ",
                     first == d.findings.end() ? "" : first->what);
}

}  // namespace

Result<Diagnosis> diagnose_served(const Env& env, const ServedRequest& request) {
  TRY_ASSIGN(const Url url, parse_url(request.url));
  HttpClient client(url);
  Diagnosis d;
  d.isa = request.isa;
  TRY_ASSIGN(d.served, describe_served(client, request.model));
  Served& served = *d.served;
  std::optional<ServerProcess> before;
  std::optional<Here> here;
  if (served.same_host) {
    before = find_process(env, served, url.port);
    drop_forwarder(before, served);
  }
  if (served.same_host) here.emplace();
  const std::optional<CpuTimes> at_start = here ? read_cpu_times(env) : std::nullopt;
  std::this_thread::sleep_for(std::chrono::milliseconds(at_start ? kLoadMilliseconds : 0));
  const std::optional<CpuTimes> at_request = here ? read_cpu_times(env) : std::nullopt;
  TRY(measure_served(client, served));
  if (here) {
    const std::optional<CpuTimes> at_end = read_cpu_times(env);
    if (at_start && at_request) here->load_before = load_between(*at_start, *at_request);
    if (at_request && at_end) here->load_during = load_between(*at_request, *at_end);
    look_again(env, url.port, before, served);
    TRY(look_at_machine(env, request.isa, served, *here, d.findings));
    d.machine = here->machine;
  }
  const Here* known = here ? &*here : nullptr;
  for (Finding& finding : check_served(served, known)) d.findings.push_back(std::move(finding));
  rank(d.findings);
  d.stuck_on = stuck_on(d.findings, std::nullopt);
  if (!d.stuck_on && known && decode_gbps(served, *known) >= kRoofReached * known->machine.measured.read_gbps)
    d.stuck_on = Layer::hardware;
  d.layers = layers_of(served, known);
  d.verdict = verdict_of(d, known);
  return d;
}

}  // namespace lupo
