#include "runtime/session/draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/printable.h"
#include "runtime/session/session.h"

namespace lupo {
namespace {

// How probable the token is against the best of the others alone: 0.5 where both have the same logit.
double chance(std::span<const float> logits, TokenId token) {
  float other = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i)
    if (static_cast<TokenId>(i) != token) other = std::max(other, logits[i]);
  return 1 / (1 + std::exp(static_cast<double>(other - logits[static_cast<size_t>(token)])));
}

class DraftProposer final : public Proposer {
 public:
  DraftProposer(Engine& engine, int32_t slot, int64_t n_vocab) : engine_(engine), session_(engine, slot), n_vocab_(n_vocab) {}
  std::string_view name() const override { return "draft"; }
  bool is_free() const override { return false; }

  Result<void> begin(std::span<const TokenId> text, const Sampler& sampler) override {
    last_ = -1;
    const int64_t n_vocab = engine_.model().hparams().n_vocab;
    is_able_ = std::ssize(text) <= engine_.n_ctx() && *std::max_element(text.begin(), text.end()) < n_vocab;
    if (!is_able_) return {};
    sampler_.follow(sampler);
    TRY(session_.sync(text));
    return {};
  }

  Result<std::optional<Proposal>> next() override {
    if (!is_able_ || (last_ >= 0 && session_.room() < 1)) return std::nullopt;
    if (last_ >= 0) TRY(session_.append(last_));
    last_ = sampler_.sample(session_.logits());
    sampler_.accept(last_);
    is_able_ = last_ < n_vocab_;
    if (!is_able_) return std::nullopt;
    const double p = chance(session_.logits(), last_);
    const int evidence = std::isnan(p) ? 0 : std::min(kEvidences - 1, static_cast<int>(p * kEvidences));
    return Proposal{last_, evidence, (evidence + 0.5) / kEvidences};
  }

 private:
  Engine& engine_;
  Session session_;
  Sampler sampler_{SamplingOptions{}};
  int64_t n_vocab_;      // of the model
  TokenId last_ = -1;    // proposed and not yet run
  bool is_able_ = true;  // the text fits
};

}  // namespace

Result<void> check_draft(const Model& model, const Model& draft) {
  TRY_ASSIGN(const Tokenizer* ours, model.tokenizer());
  TRY_ASSIGN(const Tokenizer* theirs, draft.tokenizer());
  const int32_t n = std::min(ours->n_vocab(), theirs->n_vocab());
  for (TokenId id = 0; id < n; ++id)
    if (ours->text(id) != theirs->text(id) && ours->kind(id) != TokenKind::unused && theirs->kind(id) != TokenKind::unused)
      return fail(Layer::model, "other-vocabulary",
                  fmt::format("token {} is '{}' to the model and '{}' to the draft ({} and {} tokens)", id,
                              printable(ours->text(id), 40), printable(theirs->text(id), 40), ours->n_vocab(), theirs->n_vocab()),
                  "--draft with a smaller model of the same family, or without --draft");
  return {};
}

std::unique_ptr<Proposer> make_draft_proposer(Engine& draft, int32_t slot, int64_t n_vocab) {
  return std::make_unique<DraftProposer>(draft, slot, n_vocab);
}

}  // namespace lupo
