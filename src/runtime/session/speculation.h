// Speculation: tokens that are likely to come are run together with the one that is due, in a step that costs little more.
//
// A Proposer says what may come. The Speculator decides how much of it is worth a step, and learns that while it runs: how often
// proposals of each kind come true, and how long a step of n tokens takes beside one of a single token. Whatever is proposed,
// each token of the text is the one that the Sampler draws from the model's own logits; a proposal is accepted when it is that
// token. For a proposal without chance in it this is the rejection rule of Leviathan et al. 2023 (arXiv 2211.17192): it is
// accepted with the target's probability of it, else the token is distributed as the target without it. So the text is, token by
// token and seed by seed, that of a run without speculation. The numbers drawn for a draft model's proposals are those that the
// target will draw, which makes agreement likely where both see the same (Daliri et al. 2024, arXiv 2408.07978). One thread at a
// time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/session/sampler.h"

namespace lupo {

// Proposals of a step: with the token that is due it has one less than cpu::kFewTokens, up to which a backend gives each row the
// bits of a step of its own.
inline constexpr int64_t kProposalsMax = 6;

// What evidence a proposal has, of an order that the proposer chooses; hit rates are learned for each.
inline constexpr int kEvidences = 16;

struct Proposal {
  TokenId id;
  int evidence;     // 0 … kEvidences − 1
  double expected;  // share of such proposals that come true, before any was seen
};

class Proposer {
 public:
  virtual ~Proposer() = default;
  virtual std::string_view name() const = 0;
  // Proposals cost no time that counts: their hits are watched while speculation is off.
  virtual bool is_free() const = 0;
  // `text`: all tokens so far; `sampler` is about to draw the next. Both are only used within the call.
  virtual Result<void> begin(std::span<const TokenId> text, const Sampler& sampler) = 0;
  // The token after those proposed since begin(); nothing: no idea.
  virtual Result<std::optional<Proposal>> next() = 0;
};

// The text repeats itself: what followed the longest earlier occurrence of its last tokens. Keeps nothing but a reference.
// Source: Saxena 2023 (prompt lookup decoding). Evidence: tokens that agree, 1 … 16.
std::unique_ptr<Proposer> make_lookup_proposer();

// Seconds of a step by its number of tokens, learned.
class StepTimes {
 public:
  void add(int64_t n_tokens, double seconds);
  // 0 until a step of one token was seen. A number of tokens that was not seen is guessed from those that were, rather too low.
  double seconds(int64_t n_tokens) const;

 private:
  std::array<double, kProposalsMax + 2> mean_{};  // [n_tokens], 0: not seen
};

struct SpeculationStats {
  std::string_view by;     // name of the proposer
  int64_t n_steps = 0;     // with proposals
  int64_t n_proposed = 0;  // that were run
  int64_t n_accepted = 0;
  int64_t n_watched = 0, n_came = 0;  // proposals, run or not, of which it is known whether they came true; those that did
  double seconds = 0;                 // of all steps and proposals
  double seconds_single = 0;          // what the same tokens would have taken one by one, at the pace measured beside them

  double accepted_share() const { return n_proposed > 0 ? static_cast<double>(n_accepted) / static_cast<double>(n_proposed) : 0; }
  double gain() const { return seconds > 0 ? seconds_single / seconds : 1; }  // 1.5: half as fast again
};

class Speculator {
 public:
  // `always`: every proposal is run, whether it pays or not.
  explicit Speculator(std::unique_ptr<Proposer> proposer, bool always = false)
      : proposer_(std::move(proposer)), always_(always) {}

  // Tokens to run behind the last of `text`, at most n_max of them; valid until the next call.
  Result<std::span<const TokenId>> propose(std::span<const TokenId> text, const Sampler& sampler, int64_t n_max);
  // The step that ran the last token and the proposals took so long.
  void ran(double seconds);
  // The token that came next. Of a step one after the other, until one is not the proposed one.
  void came(TokenId token);

  // Before another answer: counts begin anew, what was learned stays.
  void restart();
  const SpeculationStats& stats() const { return stats_; }

 private:
  struct HitRate {
    double hits = 0, trials = 0;  // older ones weigh less
    void add(bool hit);
    double value(double expected) const;
  };
  double rate(const Proposal& proposal) const { return rates_[static_cast<size_t>(proposal.evidence)].value(proposal.expected); }
  // Tokens that come on average of a step with the first n proposals, and of one with n_more behind all that were found, as
  // good as the average.
  double tokens_expected(size_t n, size_t n_more = 0) const;
  // The number of proposals, of those found, that gives most tokens a second; 0 unless that is clearly more than without.
  size_t best_length() const;
  // Whether to ask for one proposal more.
  bool wants_more(size_t n_max) const;
  bool is_worth_asking() const;
  Result<void> find(std::span<const TokenId> text, const Sampler& sampler, size_t n_max);

  std::unique_ptr<Proposer> proposer_;
  bool always_;
  StepTimes times_;
  std::array<HitRate, kEvidences> rates_{};
  HitRate all_;                  // of all evidences
  std::vector<Proposal> found_;  // for the present step
  std::vector<TokenId> run_;     // the first of them, which are run
  size_t n_followed_ = 0;        // of those found, that the text has followed
  double find_seconds_ = 0;      // spent on the present step's proposals
  double proposal_seconds_ = 0;  // of one proposal, mean; of a free proposer 0
  bool is_probe_ = false;        // the proposer is asked although it does not pay, to see whether it does now
  int64_t n_idle_ = 0;           // steps since it was asked
  int64_t n_pause_ = kPauseMin;  // steps until it is probed
  int64_t n_since_single_ = 0;   // steps since one of a single token
  SpeculationStats stats_;

  static constexpr int64_t kPauseMin = 16, kPauseMax = 512;
};

}  // namespace lupo
