#include "doctor/neighbours.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/printable.h"
#include "doctor/expectation.h"
#include "hardware/checks.h"
#include "model/gguf/file_name.h"
#include "model/kinds.h"

namespace lupo {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kFilesMax = 64;
constexpr auto kTimeMax = std::chrono::seconds(3);
constexpr size_t kNewTypesMax = 2;

// Names of files that could be models of their own, first parts of split ones.
bool is_model_name(const std::string& name, const gguf::FileName& own) {
  const std::string lower = in_lower_case(name);
  if (!lower.ends_with(".gguf") || lower.find("draft") != lower.npos) return false;
  if (printable(name) != name || name.find_first_of("\n\t") != name.npos) return false;  // nothing to put into a command
  gguf::FileName parsed = gguf::parse_file_name(name);
  if (!parsed.type.empty() || parsed.shard > 1) return false;
  parsed.shard = own.shard;
  return parsed.n_shards == 0 || parsed != own;  // the parts of the examined model are not others
}

// In the order of their names.
std::vector<std::string> models_beside(const std::string& path, Clock::time_point deadline) {
  const fs::path folder = fs::path(path).parent_path();
  const gguf::FileName own = gguf::parse_file_name(path);
  std::set<std::string> paths;
  std::error_code fault;
  for (fs::directory_iterator it(folder.empty() ? fs::path(".") : folder, fault), end; !fault && it != end; it.increment(fault)) {
    if (Clock::now() > deadline) break;
    std::error_code unreadable;  // the next one may be well
    const std::string name = it->path().filename().string();
    if (!is_model_name(name, own) || !it->is_regular_file(unreadable) || fs::equivalent(it->path(), path, unreadable)) continue;
    paths.insert((folder / name).string());
    if (paths.size() > kFilesMax) paths.erase(std::prev(paths.end()));
  }
  return {paths.begin(), paths.end()};
}

// Nothing when it is no model to talk to.
std::optional<ModelChoice> choice_of(const Model& model, const Preview& shown) {
  const std::vector<KindFound> kinds = model_kinds(model.metadata(), model.file().path());
  if (find_kind(kinds, ModelKind::embedding) != nullptr || find_kind(kinds, ModelKind::reranker) != nullptr) return std::nullopt;
  const ModelFacts& facts = model.facts();
  return ModelChoice{
      .path = model.file().path(),
      .architecture = std::string(model.metadata().string("general.architecture").value_or("")),
      .names = names_of(model.metadata(), model.file().path()),
      .answers = find_kind(kinds, ModelKind::base) == nullptr,
      .is_mixture = std::ranges::any_of(shown.graph.nodes, [](const Node& node) { return node.op() == Op::moe; }),
      .params_total = facts.params_total,
      .params_active = facts.params_active,
      .bits_per_weight = bits_per_weight(matrix_bytes_by_type(shown.graph)),
      .weight_bytes = shown.plan.bytes.weights,
      .total_bytes = shown.plan.bytes.total(),
      .bytes_per_token = facts.bytes_per_token,
      .n_ctx = shown.graph.n_ctx,
      .n_ctx_train = model.hparams().n_ctx_train,
      .fits = shown.fits,
  };
}

class Predictor {
 public:
  Predictor(const Env& env, const Machine& machine, const DoctorRequest& request, const Gains& gains)
      : env_(env), machine_(machine), store_(env, machine, request.isa) {
    if (!gains.decode || !gains.calibration) return;
    calibration_ = gains.calibration;
    // What was measured of it since.
    auto stored = store_.find(calibration_->n_threads, calibration_->activations);
    if (stored && stored->quiet) calibration_ = std::move(stored);
  }

  std::optional<Interval> decode_tps(const Model& model, const Graph& graph) {
    if (!calibration_) return std::nullopt;
    measure_types(graph);
    const double seconds = decode_seconds(graph, *calibration_, std::min(kExamDepth, graph.n_ctx - 1));
    if (!(seconds > 0)) return std::nullopt;
    return interval_of(1 / seconds, narrowed_by_history(env_, store_, *calibration_, model).spreads.decode);
  }

 private:
  // A measurement while the machine was busy is worth less than none.
  void measure_types(const Graph& graph) {
    CalibrationNeeds missing{.activations = calibration_->activations};
    for (const Type type : needs_of(graph).types)
      if (!calibration_->kernels.contains(type)) missing.types.push_back(type);
    if (missing.types.empty() || missing.types.size() > n_new_types_) return;
    n_new_types_ -= missing.types.size();
    Result<Calibration> more = calibrate(env_, store_, machine_, missing, calibration_->n_threads, *calibration_);
    if (more && more->quiet) calibration_ = std::move(*more);
  }

  const Env& env_;
  const Machine& machine_;
  CalibrationStore store_;
  std::optional<Calibration> calibration_;
  size_t n_new_types_ = kNewTypesMax;
};

// As the examined model is planned; nothing when it cannot be.
std::optional<Preview> planned(const Model& other, const Machine& machine, const DoctorRequest& request, int64_t n_ctx) {
  const int64_t n_ctx_train = other.hparams().n_ctx_train;
  if (request.runtime.n_ctx > 0 && n_ctx_train < request.runtime.n_ctx) return std::nullopt;
  RuntimeOptions options = request.runtime;
  options.n_ctx = std::min(n_ctx, n_ctx_train);
  Result<Preview> shown = preview(other, machine, options);
  return shown ? std::optional(std::move(*shown)) : std::nullopt;
}

}  // namespace

Neighbours neighbours_of(const Env& env, const Model& model, const Preview& shown, const Machine& machine,
                         const DoctorRequest& request, const ModelExam& exam, const Gains& gains) {
  const Clock::time_point deadline = Clock::now() + kTimeMax;
  std::optional<ModelChoice> used = choice_of(model, shown);
  if (!used) return {};
  used->decode_tps = gains.decode;
  Neighbours found{
      .used = std::move(*used), .measured_tps = exam.decode_tps, .is_memory_bound = exam.roof_fraction >= kRoofReached};
  Predictor predictor(env, machine, request, gains);
  for (const std::string& path : models_beside(request.model, deadline)) {
    if (Clock::now() > deadline) break;
    const Result<Model> other = Model::open(path);
    if (!other || !other->hparams().causal) continue;
    const std::optional<Preview> plan = planned(*other, machine, request, exam.n_ctx);
    std::optional<ModelChoice> choice = plan ? choice_of(*other, *plan) : std::nullopt;
    if (!choice || !is_alternative(found.used, *choice)) continue;
    choice->decode_tps = predictor.decode_tps(*other, plan->graph);
    found.others.push_back(std::move(*choice));
  }
  return found;
}

}  // namespace lupo
