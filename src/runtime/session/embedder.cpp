#include "runtime/session/embedder.h"

#include <fmt/format.h>

#include <algorithm>

namespace lupo {
namespace {

constexpr int64_t kBatch = 512;        // tokens of a step; a text that has to be whole may be longer
constexpr int64_t kSequencesMax = 64;  // texts of a step

// What a step holds so far.
class Gathering {
 public:
  Gathering(Engine& engine, bool all_rows, const EmbeddingVisit& visit) : engine_(engine), all_rows_(all_rows), visit_(visit) {}

  bool has_room(size_t n_tokens) const {
    return static_cast<int64_t>(tokens_.size() + n_tokens) <= engine_.n_batch() &&
           static_cast<int64_t>(sequences_.size()) < engine_.graph().n_seq;
  }
  bool is_empty() const { return tokens_.empty(); }

  // Tokens of a text from `pos` on; `ends`: they are its last ones.
  void add(size_t text, std::span<const TokenId> tokens, int64_t pos, bool ends) {
    sequences_.push_back({static_cast<int32_t>(sequences_.size()), static_cast<int32_t>(tokens.size()), pos});
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (all_rows_ || (ends && i + 1 == tokens.size())) {
        outputs_.push_back(static_cast<int32_t>(tokens_.size()));
        rows_.push_back({text, pos + static_cast<int64_t>(i)});
      }
      tokens_.push_back(tokens[i]);
    }
  }

  Result<void> run() {
    TRY(engine_.run({tokens_, sequences_, outputs_}));
    for (size_t o = 0; o < rows_.size(); ++o)
      TRY(visit_(rows_[o].text, rows_[o].position, engine_.result(static_cast<int64_t>(o))));
    tokens_.clear(), sequences_.clear(), outputs_.clear(), rows_.clear();
    return {};
  }

 private:
  struct Row {
    size_t text;
    int64_t position;
  };

  Engine& engine_;
  bool all_rows_;
  const EmbeddingVisit& visit_;
  std::vector<int32_t> tokens_, outputs_;  // [T], [O]
  std::vector<StepSequence> sequences_;
  std::vector<Row> rows_;  // [O]
};

}  // namespace

Result<RuntimeOptions> embedding_options(const Model& model, RuntimeOptions options, Pooling pooling, TokenTexts texts) {
  const auto size = [](const std::vector<TokenId>& text) { return static_cast<int64_t>(text.size()); };
  const auto longest = std::ranges::max_element(texts, {}, size);
  const int64_t n_longest = size(*longest), n_ctx_train = model.hparams().n_ctx_train;
  const int64_t n_ctx = options.n_ctx > 0 ? options.n_ctx : n_ctx_train;
  if (n_longest > n_ctx)
    return fail(Layer::runtime, "text-too-long",
                fmt::format("text {} has {} tokens, {} {}", longest - texts.begin() + 1, n_longest,
                            options.n_ctx > 0 ? "the context holds" : "the model was trained for", n_ctx),
                fmt::format("--ctx {}, or split the text", n_longest));
  options.pooling = pooling;
  options.n_ctx = n_longest;
  // Tokens that see those after them, or a pooling over all of them, want the whole text in one step.
  const bool is_whole = !model.hparams().causal || pooling == Pooling::mean || pooling == Pooling::cls;
  options.n_batch = is_whole ? std::max(kBatch, n_longest) : kBatch;
  // Every slot of a cache has room for the longest text: few of those where there is one.
  const int64_t n_slots = model.hparams().causal ? std::max<int64_t>(1, options.n_batch / n_longest) : kSequencesMax;
  options.n_seq = std::min({static_cast<int64_t>(texts.size()), kSequencesMax, n_slots});
  options.n_outputs = pooling == Pooling::none ? options.n_batch : options.n_seq;
  return options;
}

Result<void> embed(Engine& engine, Pooling pooling, TokenTexts texts, const EmbeddingVisit& visit) {
  Gathering step(engine, pooling == Pooling::none, visit);
  for (size_t text = 0; text < texts.size(); ++text) {
    const std::span<const TokenId> tokens = texts[text];
    if (!step.is_empty() && !step.has_room(tokens.size())) TRY(step.run());
    for (size_t at = 0; at < tokens.size();) {  // in one piece unless the model can take it in several
      const size_t count = std::min(tokens.size() - at, static_cast<size_t>(engine.n_batch()));
      step.add(text, tokens.subspan(at, count), static_cast<int64_t>(at), at + count == tokens.size());
      at += count;
      if (at < tokens.size()) TRY(step.run());
    }
  }
  return step.is_empty() ? Result<void>() : step.run();
}

}  // namespace lupo
