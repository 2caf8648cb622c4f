#include "runtime/session/engines.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace lupo {
namespace {

// What the engine of the draft is asked for, at a context of the model.
RuntimeOptions draft_options(const RuntimeOptions& options, const Model& draft, int64_t n_ctx) {
  return {.backend = options.backend,
          .n_ctx = std::min(n_ctx, draft.hparams().n_ctx_train),
          .n_seq = options.n_seq,
          .k_type = options.k_type,
          .v_type = options.v_type,
          .n_threads = options.n_threads};
}

Machine without(Machine machine, int64_t bytes) {
  // 0 bytes would mean that the free memory is not known.
  if (machine.ram.available_bytes > 0) machine.ram.available_bytes = std::max<int64_t>(1, machine.ram.available_bytes - bytes);
  return machine;
}

// Why the model cannot take proposals back; "" where it can. A graph of any size tells.
Result<std::string> obstacle(const Model& model, std::string_view whose) {
  TRY_ASSIGN(const Graph graph, model.graph({.n_ctx = 1, .n_batch = 1}));
  const bool has = std::ranges::any_of(graph.tensors, [](const Tensor& t) { return t.policy == StatePolicy::fixed; });
  return has ? fmt::format("{} has recurrent states, which cannot take a proposal back", whose) : std::string();
}

// The context is what a draft of the context that the model would have alone leaves memory for: a draft of a shorter one would
// leave more, which a longer context would then take from it.
Result<void> load_both(const Model& model, const Model& draft, const Machine& machine, const RuntimeOptions& options,
                       Engines& engines) {
  TRY_ASSIGN(const Preview alone, preview(model, machine, options));
  TRY_ASSIGN(const Preview beside, preview(draft, machine, draft_options(options, draft, alone.graph.n_ctx)));
  TRY_ASSIGN(engines.engine, Engine::load(model, without(machine, beside.plan.bytes.total()), options));
  const Machine rest = without(machine, engines.engine->plan().bytes.total());
  TRY_ASSIGN(engines.draft, Engine::load(draft, rest, draft_options(options, draft, engines.engine->n_ctx())));
  return {};
}

std::string describe_speculation(const Engines& engines) {
  const std::string always =
      engines.mode == Speculate::automatic ? "off while it does not pay" : "as asked for, whether it pays or not";
  if (engines.draft == nullptr) return fmt::format("speculation by lookup in the text: {}", always);
  const MemoryBytes& bytes = engines.draft->plan().bytes;
  return fmt::format("speculation with a draft: {}; {} beside the model: weights {}, KV cache {} for {} tokens, scratch {}",
                     always, format_bytes(bytes.total()), format_bytes(bytes.weights), format_bytes(bytes.kv),
                     engines.draft->n_ctx(), format_bytes(bytes.scratch));
}

}  // namespace

std::optional<Speculate> find_speculate(std::string_view name) {
  const auto at = std::ranges::find(kSpeculateNames, name);
  if (at == kSpeculateNames.end()) return std::nullopt;
  return static_cast<Speculate>(at - kSpeculateNames.begin());
}

std::unique_ptr<Speculator> Engines::speculator(int32_t slot) const {
  if (mode == Speculate::off) return nullptr;
  const int64_t n_vocab = engine->model().hparams().n_vocab;
  return std::make_unique<Speculator>(draft != nullptr ? make_draft_proposer(*draft, slot, n_vocab) : make_lookup_proposer(),
                                      mode != Speculate::automatic);
}

Result<Engines> load_engines(const Model& model, const Model* draft, const Machine& machine, RuntimeOptions options,
                             Speculate mode) {
  if (mode == Speculate::draft && draft == nullptr)
    return fail(Layer::runtime, "no-draft", "speculation with a draft, and there is none", "--draft MODEL.gguf");
  if (mode == Speculate::off || mode == Speculate::ngram) draft = nullptr;
  Engines engines{.engine = nullptr, .draft = nullptr, .mode = mode, .decisions = {}};
  std::string why_off;
  if (mode != Speculate::off) {
    TRY_ASSIGN(why_off, obstacle(model, "the model"));
    if (draft != nullptr && why_off.empty()) {
      TRY_ASSIGN(why_off, obstacle(*draft, "the draft"));
    }
    if (!why_off.empty() && (mode != Speculate::automatic || draft != nullptr))
      return fail(Layer::runtime, "cannot-speculate", why_off, "--speculate off, without --draft");
    if (!why_off.empty()) engines.mode = Speculate::off;
  }
  if (engines.mode != Speculate::off) options.n_outputs = std::max(options.n_outputs, kProposalsMax + 1);
  if (draft != nullptr) {
    TRY(check_draft(model, *draft));
    TRY(load_both(model, *draft, machine, options, engines));
  } else {
    TRY_ASSIGN(engines.engine, Engine::load(model, machine, options));
  }
  engines.decisions = engines.engine->decisions();
  if (engines.mode != Speculate::off)
    engines.decisions.push_back(describe_speculation(engines));
  else if (!why_off.empty())
    engines.decisions.push_back("speculation off: " + why_off);
  return engines;
}

}  // namespace lupo
