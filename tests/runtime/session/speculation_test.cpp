// Speculation: a step of few tokens has the bits of single steps, and the text is that of a run without speculation, whatever is
// proposed.
#include "runtime/session/speculation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "arch_golden.h"
#include "runtime/backend/cpu/matmul_kernels.h"
#include "runtime/session/engines.h"
#include "runtime/session/steps.h"

namespace lupo {
namespace {

using Ids = std::vector<TokenId>;

static_assert(kProposalsMax + 1 < cpu::kFewTokens);

Ids ids_of_length(const Ids& ids, size_t n) {
  Ids longer;
  for (size_t i = 0; i < n; ++i) longer.push_back(ids[(i * i + i / 7) % ids.size()]);
  return longer;
}

std::vector<float> row_of(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

std::unique_ptr<Engine> load(const Model& model, const char* backend, int64_t n_ctx, int n_threads, Type kv = Type::f16) {
  auto engine = Engine::load(model, Machine{},
                             {.backend = backend,
                              .n_ctx = n_ctx,
                              .n_batch = 64,
                              .n_outputs = kProposalsMax + 1,
                              .k_type = kv,
                              .v_type = kv,
                              .n_threads = n_threads});
  EXPECT_TRUE(engine) << engine.error().what;
  return engine ? std::move(*engine) : nullptr;
}

// Rows of the tokens behind the session's, which are run in steps of these sizes, again and again.
std::vector<std::vector<float>> rows_in_steps(Session& session, std::span<const TokenId> ids, const std::vector<size_t>& sizes) {
  std::vector<std::vector<float>> rows;
  for (size_t at = 0, i = 0; at < ids.size(); ++i) {
    const size_t n = std::min(sizes[i % sizes.size()], ids.size() - at);
    const Result<void> ran = session.append(ids.subspan(at, n));
    EXPECT_TRUE(ran) << ran.error().what;
    for (size_t row = 0; row < n; ++row) rows.push_back(row_of(session.logits(static_cast<int64_t>(row))));
    at += n;
  }
  return rows;
}

class Speculation : public Golden {};

TEST_P(Speculation, a_step_of_few_tokens_has_the_bits_of_single_steps) {
  const Ids ids = ids_of_length(ids_, 12 + 28);
  for (const char* backend : kBackends) {
    const auto engine = load(*model_, backend, 64, 1);
    ASSERT_TRUE(engine);
    std::vector<std::vector<float>> rows[2];
    for (const bool single : {false, true}) {
      Session session(*engine);
      ASSERT_TRUE(session.sync(std::span(ids).first(12)));
      rows[single] = rows_in_steps(session, std::span(ids).subspan(12),
                                   single ? std::vector<size_t>{1} : std::vector<size_t>{2, 3, 4, 5, 6, 7, 1});
    }
    EXPECT_EQ(rows[false], rows[true]) << backend;
  }
}

// What is proposed: the text that comes, known from a run without speculation, with every third token wrong; or nothing.
class Prophet final : public Proposer {
 public:
  Prophet(Ids text, TokenId n_vocab) : text_(std::move(text)), n_vocab_(n_vocab) {}
  std::string_view name() const override { return "prophet"; }
  bool is_free() const override { return true; }
  Result<void> begin(std::span<const TokenId> text, const Sampler&) override {
    at_ = text.size();
    return {};
  }
  Result<std::optional<Proposal>> next() override {
    if (at_ >= text_.size() || at_ % 11 == 0) return std::nullopt;
    const TokenId id = text_[at_], lie = (id + 1) % n_vocab_;
    return Proposal{at_++ % 3 == 0 ? lie : id, 0, 0.5};
  }

 private:
  Ids text_;
  TokenId n_vocab_;
  size_t at_ = 0;
};

// `prompt` and n tokens more.
Ids generate(Session& session, Sampler& sampler, Speculator* speculator, const Ids& prompt, size_t n) {
  Ids text = prompt;
  session.clear();  // what is kept of a prompt has the bits of the step that ran it
  EXPECT_TRUE(session.sync(prompt));
  sampler.forget();
  for (TokenId token : prompt) sampler.accept(token);
  Steps steps(session, sampler, speculator, prompt);
  while (text.size() < prompt.size() + n) {
    const TokenId token = sampler.sample(steps.logits());
    sampler.accept(token);
    text.push_back(token);
    const Result<bool> is_run = steps.follow(token);
    EXPECT_TRUE(is_run) << is_run.error().what;
    if (*is_run) continue;
    EXPECT_TRUE(steps.run(token, 100));
  }
  EXPECT_TRUE(steps.take_back());
  EXPECT_EQ(session.tokens(), text);
  return text;
}

bool has_fixed_state(const Engine& engine) { return engine.plan().bytes.state > 0; }

TEST_P(Speculation, the_text_is_that_without_it) {
  const auto plain = load(*model_, "cpu", 96, 1), speculating = load(*model_, "cpu", 96, 1);
  ASSERT_TRUE(plain && speculating);
  if (has_fixed_state(*plain)) return;  // cannot take proposals back: tested below
  const Ids prompt(ids_.begin(), ids_.begin() + 12);
  for (float temperature : {0.0f, 1.5f}) {
    Session session(*plain), other(*speculating);
    SamplingOptions options;
    options.temperature = temperature;
    options.repeat_penalty = 1.1f;
    options.seed = 7;
    Sampler sampler(options);
    const Ids expected = generate(session, sampler, nullptr, prompt, 48);
    for (const bool knows : {true, false}) {
      std::unique_ptr<Proposer> proposer = make_lookup_proposer();
      if (knows) proposer = std::make_unique<Prophet>(expected, static_cast<TokenId>(model_->hparams().n_vocab));
      Speculator speculator(std::move(proposer), true);
      Sampler same(options);
      EXPECT_EQ(generate(other, same, &speculator, prompt, 48), expected) << "temperature " << temperature;
      const SpeculationStats& stats = speculator.stats();
      if (knows) {
        EXPECT_GT(stats.n_accepted, 10);
        EXPECT_GT(stats.n_proposed, stats.n_accepted) << "every third is wrong";
      }
    }
    // Both caches hold the same: the next turn goes on alike.
    Ids turn = expected;
    turn.push_back(3);
    ASSERT_TRUE(session.sync(turn) && other.sync(turn));
    EXPECT_EQ(row_of(other.logits()), row_of(session.logits()));
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, Speculation, testing::ValuesIn(golden_names()), golden_test_name);

Result<Model> open(const std::string& name) { return Model::open(kGoldens / (name + ".gguf")); }

// So far back that the keys of a token are cut into parts, which must not depend on the other tokens of the step.
TEST(SpeculationAtDepth, a_step_of_few_tokens_has_the_bits_of_single_steps) {
  for (const char* name : {"llama", "qwen2", "gemma3", "gpt_oss", "deepseek2-lite"}) {
    const auto model = open(name);
    ASSERT_TRUE(model) << model.error().what;
    Ids ids(12);
    std::iota(ids.begin(), ids.end(), 3);
    ids = ids_of_length(ids, 1500 + 14);
    const auto engine = load(*model, "cpu", 2048, 2);
    ASSERT_TRUE(engine);
    Session session(*engine);
    ASSERT_TRUE(session.sync(std::span(ids).first(1500)));
    const std::span<const TokenId> last = std::span(ids).subspan(1500);
    const auto rows = rows_in_steps(session, last, {7, 3, 4});
    ASSERT_TRUE(session.drop(std::ssize(last)));
    EXPECT_EQ(rows, rows_in_steps(session, last, {1})) << name;
  }
}

// Proposes the same two tokens for ever.
class Stubborn final : public Proposer {
 public:
  explicit Stubborn(TokenId id) : id_(id) {}
  std::string_view name() const override { return "stubborn"; }
  bool is_free() const override { return true; }
  Result<void> begin(std::span<const TokenId>, const Sampler&) override { return n_ = 0, Result<void>{}; }
  Result<std::optional<Proposal>> next() override {
    if (n_++ == 2) return std::nullopt;
    return Proposal{id_, 0, 0.5};
  }

 private:
  TokenId id_;
  int n_ = 0;
};

// Probabilities of the sampler's top 3 at temperature 1.
std::map<TokenId, double> top_3(std::span<const float> logits) {
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + 3, order.end(), [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
  double total = 0;
  std::map<TokenId, double> p;
  for (int i = 0; i < 3; ++i) total += p[order[i]] = std::exp(static_cast<double>(logits[order[i]] - logits[order[0]]));
  for (auto& [id, value] : p) value /= total;
  return p;
}

// Three tokens from top 3 each have 27 outcomes, whose probabilities the logits give. Pearson's statistic of N texts is nearly
// chi-square distributed with 26 degrees of freedom; of k degrees it exceeds k + 2√(kt) + 2t with probability e^−t at most
// (Laurent & Massart 2000, lemma 1). t = 14: one in a million. The first token comes of the prompt; what is proposed is for the
// second and the third.
TEST(SpeculationSampling, the_distribution_is_that_of_the_model) {
  const auto model = open("llama");
  ASSERT_TRUE(model);
  const auto engine = load(*model, "cpu", 64, 1);
  ASSERT_TRUE(engine);
  const Ids prompt = {5, 17, 40, 8, 61};
  SamplingOptions options;
  options.temperature = options.top_p = 1;
  options.top_k = 3;
  options.min_p = 0;
  std::map<Ids, double> expected;
  Session session(*engine);
  Ids text = prompt;
  const auto probabilities = [&] {
    EXPECT_TRUE(session.sync(text));
    return top_3(session.logits());
  };
  TokenId proposed = -1;
  for (const auto& [a, p_a] : probabilities()) {
    text.resize(prompt.size()), text.push_back(a);
    for (const auto& [b, p_b] : probabilities()) {
      text.resize(prompt.size() + 1), text.push_back(b);
      for (const auto& [c, p_c] : probabilities()) expected[{a, b, c}] = p_a * p_b * p_c, proposed = c;
    }
  }
  constexpr int kTexts = 6000;
  std::map<Ids, int> counts;
  SpeculationStats seen;
  Speculator speculator(std::make_unique<Stubborn>(proposed), true);
  for (int i = 0; i < kTexts; ++i) {
    options.seed = static_cast<uint64_t>(i);
    Sampler sampler(options);
    const Ids out = generate(session, sampler, &speculator, prompt, 3);
    ++counts[Ids(out.begin() + std::ssize(prompt), out.end())];
    seen.n_accepted += speculator.stats().n_accepted;
    seen.n_proposed += speculator.stats().n_proposed;
  }
  EXPECT_GT(seen.n_accepted, kTexts / 100);
  EXPECT_LT(seen.n_accepted, seen.n_proposed);
  double statistic = 0;
  for (const auto& [outcome, p] : expected) {
    const double n = kTexts * p;
    EXPECT_GT(n, 5) << "too rare for the statistic";
    statistic += (counts[outcome] - n) * (counts[outcome] - n) / n;
  }
  const double k = static_cast<double>(expected.size()) - 1, t = 14;
  EXPECT_EQ(counts.size(), expected.size());
  EXPECT_LT(statistic, k + 2 * std::sqrt(k * t) + 2 * t);
}

std::vector<Proposal> proposals(Proposer& proposer, const Ids& text) {
  std::vector<Proposal> found;
  EXPECT_TRUE(proposer.begin(text, Sampler({})));
  for (;;) {
    const auto next = proposer.next();
    EXPECT_TRUE(next);
    if (!*next) return found;
    found.push_back(**next);
  }
}

TEST(Lookup, the_longest_earlier_occurrence_goes_on) {
  const auto lookup = make_lookup_proposer();
  const auto ids = [&](const Ids& text) {
    Ids out;
    for (const Proposal& proposal : proposals(*lookup, text)) out.push_back(proposal.id);
    return out;
  };
  EXPECT_EQ(ids({1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3}), (Ids{4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(ids({1, 2, 3, 4, 9, 3, 5, 2, 3}), (Ids{4, 9, 3, 5, 2, 3})) << "two equal tokens, not the later one";
  EXPECT_EQ(ids({7, 3, 4, 3, 5, 3}), (Ids{5, 3, 5, 3, 5, 3})) << "of equal ones the later, and what repeats goes on";
  EXPECT_EQ(ids({1, 2, 3}), Ids{});
  EXPECT_EQ(ids({1}), Ids{});
  EXPECT_EQ(proposals(*lookup, {1, 2, 3, 4, 1, 2, 3})[0].evidence, 2) << "three tokens agree";
  EXPECT_EQ(proposals(*lookup, {1, 2, 3, 4, 1, 2, 3})[1].evidence, 3);
  EXPECT_EQ(proposals(*lookup, Ids(100, 5))[0].evidence, kEvidences - 1);
}

// A text of which the proposals are right as often as `share` says, at a machine where n tokens take 1 + (n − 1) · each.
SpeculationStats simulate(double share, double each, bool always = false) {
  Speculator speculator(std::make_unique<Stubborn>(1), always);
  const Sampler sampler({});
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  speculator.restart();
  Ids text(4, 0);
  for (int step = 0; step < 2000; ++step) {
    const auto run = speculator.propose(text, sampler, kProposalsMax);
    EXPECT_TRUE(run);
    speculator.ran(1 + each * static_cast<double>(run->size()));
    for (size_t i = 0; i <= run->size(); ++i) {
      const bool hit = uniform(random) < share;
      speculator.came(hit ? 1 : 2);
      if (!hit) break;
    }
  }
  return speculator.stats();
}

TEST(Speculator, speculates_where_it_pays_and_leaves_it_where_not) {
  EXPECT_GT(simulate(0.9, 0.1).gain(), 2.0);                     // 1 + 0.9 + 0.81 tokens in 1.2
  EXPECT_NEAR(simulate(0.9, 0.1).accepted_share(), 0.85, 0.03);  // the second counts as rejected with the first
  const SpeculationStats rare = simulate(0.05, 0.3);
  EXPECT_GT(rare.gain(), 0.99) << "at most a few steps to learn";
  EXPECT_LT(rare.n_proposed, 60);
  EXPECT_GT(rare.n_watched, 1900) << "hits are watched while it is off";
  EXPECT_GT(simulate(0.9, 1.0).gain(), 0.98) << "two tokens in the time of two, tried now and then";
  EXPECT_LT(simulate(0.05, 0.3, true).gain(), 0.8) << "whether it pays or not";
}

TEST(Engines, a_model_with_recurrent_states_does_not_speculate) {
  const auto model = open("mamba2"), plain = open("llama");
  ASSERT_TRUE(model && plain);
  const RuntimeOptions options{.n_ctx = 64, .n_threads = 1};
  const auto engines = load_engines(*model, nullptr, Machine{}, options, Speculate::automatic);
  ASSERT_TRUE(engines) << engines.error().what;
  EXPECT_EQ(engines->mode, Speculate::off);
  EXPECT_EQ(engines->speculator(), nullptr);
  EXPECT_NE(engines->decisions.back().find("speculation off: the model has recurrent states"), std::string::npos);
  EXPECT_EQ(engines->engine->graph().n_outputs, 1);
  const auto refused = load_engines(*model, nullptr, Machine{}, options, Speculate::ngram);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "cannot-speculate");
  const auto of_draft = load_engines(*plain, &*model, Machine{}, options, Speculate::automatic);
  ASSERT_FALSE(of_draft);
  EXPECT_EQ(of_draft.error().code, "cannot-speculate") << of_draft.error().what;
}

TEST(Engines, other_models_do_unless_it_is_off) {
  const auto model = open("llama");
  ASSERT_TRUE(model);
  const RuntimeOptions options{.n_ctx = 64, .n_threads = 1};
  const auto on = load_engines(*model, nullptr, Machine{}, options, Speculate::automatic);
  const auto off = load_engines(*model, nullptr, Machine{}, options, Speculate::off);
  ASSERT_TRUE(on && off);
  EXPECT_NE(on->speculator(), nullptr);
  EXPECT_EQ(off->speculator(), nullptr);
  EXPECT_EQ(on->engine->graph().n_outputs, kProposalsMax + 1);
  EXPECT_EQ(off->engine->graph().n_outputs, 1);
  EXPECT_FALSE(load_engines(*model, nullptr, Machine{}, options, Speculate::draft)) << "without a draft";
}

}  // namespace
}  // namespace lupo
