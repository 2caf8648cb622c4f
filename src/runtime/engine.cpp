// Engine: decides, plans, allocates, compiles; then runs steps.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/address.h"
#include "base/units.h"
#include "runtime/backend/cpu/cpu_backend.h"
#include "runtime/runtime.h"

namespace lupo {
namespace {

constexpr int64_t kBatchDefault = 512;
constexpr int64_t kContextMin = 256;

Result<std::unique_ptr<Backend>> make_backend(const std::string& name, int n_threads, ActivationBits activations) {
  if (name == "ref") return make_ref_backend();
  if (name == "cpu") return make_cpu_backend(n_threads, activations);
  return fail(Layer::runtime, "unknown-backend", fmt::format("backend '{}'; there are {}", name, fmt::join(kBackends, ", ")),
              "--backend cpu");
}

struct Decided {
  Graph graph;
  Plan plan;
  std::unique_ptr<Backend> backend;
  int n_threads = 1;
  std::vector<std::string> reasons;
  int64_t available_bytes = 0;
  bool fits = true;
};

struct Sized {
  Graph graph;
  Plan plan;
};

Result<Sized> size_for(const Model& model, const Backend& backend, const RuntimeOptions& options, int64_t n_ctx) {
  GraphRequest request{.n_ctx = n_ctx,
                       .n_seq = options.n_seq,
                       .n_batch = options.n_batch > 0 ? options.n_batch : kBatchDefault,
                       .n_outputs = options.n_outputs,
                       .pooling = options.pooling,
                       .k_type = options.k_type,
                       .v_type = options.v_type,
                       .n_checkpoints = options.n_checkpoints};
  if (!model.hparams().causal && options.n_batch == 0) request.n_batch = std::max(kBatchDefault, n_ctx);  // a whole text at once
  request.n_batch = std::min(request.n_batch, n_ctx * options.n_seq);
  request.n_outputs = std::min(request.n_outputs, request.n_batch);
  Sized sized;
  TRY_ASSIGN(sized.graph, model.graph(request));
  TRY_ASSIGN(sized.plan, plan_memory(sized.graph, backend.caps(sized.graph)));
  return sized;
}

// The greatest context that fits in `room` bytes, by halving from `n_ctx`.
Result<Sized> shrink_to_fit(const Model& model, const Backend& backend, const RuntimeOptions& options, int64_t n_ctx,
                            int64_t room) {
  TRY_ASSIGN(Sized sized, size_for(model, backend, options, n_ctx));
  while (sized.plan.bytes.total() > room && n_ctx > kContextMin) {
    n_ctx = std::max(kContextMin, n_ctx / 2);
    TRY_ASSIGN(sized, size_for(model, backend, options, n_ctx));
  }
  return sized;
}

Result<void> check_options(const RuntimeOptions& options) {
  const auto refuse = [](std::string what, std::string fix) {
    return fail(Layer::runtime, "bad-option", std::move(what), std::move(fix));
  };
  if (options.n_ctx < 0 || options.n_ctx >= int64_t{1} << 31)
    return refuse(fmt::format("a context of {} tokens", options.n_ctx), "--ctx 4096");
  if (options.n_seq < 1 || options.n_seq > 1024)
    return refuse(fmt::format("{} sequences, 1 to 1024 are possible", options.n_seq), "--batch 1");
  if (options.n_threads < 0 || options.n_threads > 1024)
    return refuse(fmt::format("{} threads, 1 to 1024 are possible", options.n_threads), "--threads 0  # chooses");
  if (options.n_checkpoints < 0 || options.n_checkpoints > 16)
    return refuse(fmt::format("{} checkpoints, 0 to 16 are possible", options.n_checkpoints), "leave it out");
  if (options.n_batch < 0 || options.n_outputs < 0) return refuse("a negative batch", "leave it out");
  return {};
}

Result<Decided> decide(const Model& model, const Machine& machine, const RuntimeOptions& options) {
  TRY(check_options(options));
  Decided decided;
  decided.n_threads = options.n_threads > 0 ? options.n_threads : machine.usable_threads();
  decided.reasons.push_back(fmt::format("threads {}: {}", decided.n_threads,
                                        options.n_threads == 0           ? machine.threads_reason()
                                        : options.threads_reason.empty() ? "as asked for"
                                                                         : options.threads_reason));
  TRY_ASSIGN(decided.backend, make_backend(options.backend, decided.n_threads, options.activations));
  decided.available_bytes = machine.ram.available_bytes;
  // Pages of the file that are cached already count as available: reading them again costs nothing new.
  const int64_t room = std::max<int64_t>(0, machine.ram.available_bytes - kReserveBytes);
  const int64_t n_ctx_train = model.hparams().n_ctx_train;
  TRY_ASSIGN(Sized sized, options.n_ctx > 0 ? size_for(model, *decided.backend, options, options.n_ctx)
                                            : shrink_to_fit(model, *decided.backend, options, n_ctx_train, room));
  const int64_t n_ctx = sized.graph.n_ctx;
  std::string why = "as trained";
  if (options.n_ctx > n_ctx_train)
    why = fmt::format("as asked for, beyond the {} it was trained for", n_ctx_train);
  else if (options.n_ctx > 0)
    why = "as asked for";
  else if (n_ctx < n_ctx_train)
    why = fmt::format("cut from {} to what {} of free memory hold", n_ctx_train, format_bytes(room));
  decided.reasons.push_back(fmt::format("context {}: {}", n_ctx, why));
  if (sized.plan.bytes.kv > 0)
    decided.reasons.push_back(fmt::format("KV cache {}/{}: {} when full", type_info(options.k_type).name,
                                          type_info(options.v_type).name, format_bytes(sized.plan.bytes.kv)));
  if (sized.plan.bytes.state > 0)
    decided.reasons.push_back(fmt::format("recurrent state {}: the same at any length, with {} copies to go back to",
                                          format_bytes(sized.plan.bytes.state), options.n_checkpoints));
  if (options.activations == ActivationBits::eight)
    decided.reasons.push_back("activations of 8 bits in every step: as asked for");
  decided.reasons.insert(decided.reasons.end(), sized.graph.notes.begin(), sized.graph.notes.end());
  decided.fits = machine.ram.available_bytes == 0 || sized.plan.bytes.total() <= room;
  decided.graph = std::move(sized.graph);
  decided.plan = std::move(sized.plan);
  return decided;
}

}  // namespace

Result<Preview> preview(const Model& model, const Machine& machine, const RuntimeOptions& options) {
  TRY_ASSIGN(Decided decided, decide(model, machine, options));
  return Preview{std::move(decided.graph),   std::move(decided.plan), decided.n_threads,
                 std::move(decided.reasons), decided.available_bytes, decided.fits};
}

Result<std::unique_ptr<Engine>> Engine::load(const Model& model, const Machine& machine, const RuntimeOptions& options) {
  if (!model.file().has_data())
    return fail(Layer::model, "header-only", fmt::format("{}: the header alone is here, not the weights", model.file().path()),
                how_to_fetch(model.file().path()));
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  TRY_ASSIGN(Decided decided, decide(model, machine, options));
  const double plan_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  if (!decided.fits)
    return fail(
        Layer::memory, "does-not-fit",
        fmt::format("the model at a context of {} needs {} (weights {}, KV cache {}, state {}, scratch {}), {} are free, of "
                    "which {} stay "
                    "in reserve",
                    decided.graph.n_ctx, format_bytes(decided.plan.bytes.total()), format_bytes(decided.plan.bytes.weights),
                    format_bytes(decided.plan.bytes.kv), format_bytes(decided.plan.bytes.state),
                    format_bytes(decided.plan.bytes.scratch), format_bytes(decided.available_bytes), format_bytes(kReserveBytes)),
        fmt::format("--ctx {} or --kv-type q8_0, or a smaller quantization  # lupo plan MODEL shows what fits",
                    std::max(kContextMin, decided.graph.n_ctx / 2)));
  auto engine = std::unique_ptr<Engine>(new Engine(model));
  engine->graph_ = std::move(decided.graph);
  engine->plan_ = std::move(decided.plan);
  engine->backend_ = std::move(decided.backend);
  engine->n_threads_ = decided.n_threads;
  engine->activations_ = options.activations;
  engine->backend_name_ = std::string(engine->backend_->name());
  engine->decisions_ = std::move(decided.reasons);
  engine->plan_ms_ = plan_ms;
  const WeightData weights = [&](TensorId id) { return model.weight(engine->graph_, id); };
  TRY_ASSIGN(engine->program_, engine->backend_->compile(engine->graph_, engine->plan_, weights));
  return engine;
}

Result<void> Engine::run(const Step& step) {
  TRY(program_->run(step));
  TRY(model_.file().check_intact());
  if (step.outputs.empty()) return {};
  const std::span<const float> row = result(static_cast<int64_t>(step.outputs.size()) - 1);
  if (!std::all_of(row.begin(), row.end(), [](float x) { return std::isfinite(x); }))
    return fail(Layer::runtime, "non-finite",
                "the result holds NaN or infinity: the weights are damaged or overflow in this precision",
                "--backend ref to see whether the file itself is bad, or get the file again");
  return {};
}

}  // namespace lupo
