#include "runtime/session/speculation.h"

#include <algorithm>
#include <chrono>

namespace lupo {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

constexpr double kOutlier = 3;        // times the mean: more is the machine's, not the step's
constexpr double kGainMin = 1.03;     // what promises less is left alone
constexpr double kRemembered = 0.97;  // of a hit rate, from one proposal to the next: about the last 32 count
constexpr double kPriorTrials = 2;    // that the expected rate counts for
constexpr double kExpected = 0.6;     // of proposals of a kind not seen yet
constexpr int64_t kSingleEvery = 64;  // steps after which the pace of a single token is measured again
constexpr size_t kProbe = 3;          // proposals of a probe
// What a token more is hoped to take where nothing was measured: of a step of one; of what those before it took each.
constexpr double kEachFirst = 0.25, kEachNext = 0.8;
// Of the time of a step of several tokens, at every single one: what was slow once is tried again later.
constexpr double kForgotten = 0.999;

double toward(double mean, double value, double weight) {
  return mean == 0 ? value : mean + weight * (std::min(value, kOutlier * mean) - mean);
}

}  // namespace

void StepTimes::add(int64_t n_tokens, double seconds) {
  double& mean = mean_[static_cast<size_t>(n_tokens)];
  mean = toward(mean, seconds, 0.25);
  if (n_tokens == 1)
    for (size_t n = 2; n < mean_.size(); ++n) mean_[n] *= kForgotten;
}

double StepTimes::seconds(int64_t n_tokens) const {
  const double single = mean_[1], n = static_cast<double>(n_tokens);
  const auto seen = [&](int64_t m) { return mean_[static_cast<size_t>(m)]; };
  const auto plausible = [&](double seconds) { return std::clamp(seconds, single, single * n); };
  if (seen(n_tokens) > 0) return plausible(seen(n_tokens));
  int64_t low = n_tokens - 1, high = n_tokens + 1;  // the nearest that were seen
  while (low > 1 && seen(low) == 0) --low;
  while (high < std::ssize(mean_) && seen(high) == 0) ++high;
  if (high < std::ssize(mean_))
    return plausible(seen(low) + (seen(high) - seen(low)) * (n - static_cast<double>(low)) / static_cast<double>(high - low));
  const double each = low == 1 ? kEachFirst * single : kEachNext * (seen(low) - single) / static_cast<double>(low - 1);
  return plausible(single + each * (n - 1));
}

void Speculator::HitRate::add(bool hit) {
  hits = kRemembered * hits + (hit ? 1 : 0);
  trials = kRemembered * trials + 1;
}

double Speculator::HitRate::value(double expected) const { return (hits + kPriorTrials * expected) / (trials + kPriorTrials); }

double Speculator::tokens_expected(size_t n, size_t n_more) const {
  double tokens = 1, reach = 1;
  for (size_t i = 0; i < n; ++i) tokens += reach *= rate(found_[i]);
  for (size_t i = 0; i < n_more; ++i) tokens += reach *= all_.value(kExpected);
  return tokens;
}

size_t Speculator::best_length() const {
  const double cost = proposal_seconds_ * static_cast<double>(found_.size());
  size_t best = 0;
  double best_speed = kGainMin / (times_.seconds(1) + cost);
  for (size_t n = 1; n <= found_.size(); ++n) {
    const double speed = tokens_expected(n) / (times_.seconds(static_cast<int64_t>(n) + 1) + cost);
    if (speed > best_speed) best = n, best_speed = speed;
  }
  return best;
}

bool Speculator::wants_more(size_t n_max) const {
  const size_t n = found_.size();
  if (n >= n_max) return false;
  if (always_ || proposer_->is_free() || (is_probe_ && n < kProbe)) return true;
  const auto speed = [&](size_t n_run, size_t n_more) {
    const double cost = proposal_seconds_ * static_cast<double>(n + n_more);
    return tokens_expected(n_run, n_more) / (times_.seconds(static_cast<int64_t>(n_run + n_more) + 1) + cost);
  };
  double now = n == 0 ? kGainMin * speed(0, 0) : 0;
  for (size_t n_run = 0; n_run <= n; ++n_run) now = std::max(now, speed(n_run, 0));
  for (size_t n_more = 1; n + n_more <= n_max; ++n_more)
    if (speed(n, n_more) > now) return true;
  return false;
}

bool Speculator::is_worth_asking() const {
  return always_ || proposer_->is_free() || wants_more(static_cast<size_t>(kProposalsMax));
}

Result<void> Speculator::find(std::span<const TokenId> text, const Sampler& sampler, size_t n_max) {
  TRY(proposer_->begin(text, sampler));
  while (wants_more(n_max)) {
    const auto begin = Clock::now();
    TRY_ASSIGN(const std::optional<Proposal> proposal, proposer_->next());
    if (!proposal) break;
    // The first of a draft model was computed when it read the text.
    if (!proposer_->is_free() && !found_.empty()) proposal_seconds_ = toward(proposal_seconds_, seconds_since(begin), 0.25);
    found_.push_back(*proposal);
  }
  return {};
}

Result<std::span<const TokenId>> Speculator::propose(std::span<const TokenId> text, const Sampler& sampler, int64_t n_max) {
  const auto begin = Clock::now();
  found_.clear();
  run_.clear();
  n_followed_ = 0;
  const bool must_be_single = times_.seconds(1) == 0 || n_since_single_ >= kSingleEvery || n_max <= 0;
  is_probe_ = false;
  bool asks = is_worth_asking();
  if (asks) {
    n_pause_ = kPauseMin;
  } else if (++n_idle_ >= n_pause_) {
    asks = is_probe_ = true;
    n_pause_ = std::min(2 * n_pause_, kPauseMax);
  }
  if (asks) n_idle_ = 0;
  if (asks && (!must_be_single || proposer_->is_free()))
    TRY(find(text, sampler, static_cast<size_t>(std::clamp<int64_t>(n_max, 0, kProposalsMax))));
  const size_t n = must_be_single ? 0 : always_ ? found_.size() : best_length();
  for (size_t i = 0; i < n; ++i) run_.push_back(found_[i].id);
  find_seconds_ = seconds_since(begin);
  return run_;
}

void Speculator::ran(double seconds) {
  times_.add(std::ssize(run_) + 1, seconds);
  stats_.seconds += find_seconds_ + seconds;
  stats_.seconds_single += run_.empty() ? seconds : times_.seconds(1);
  n_since_single_ = run_.empty() ? 0 : n_since_single_ + 1;
  stats_.n_steps += run_.empty() ? 0 : 1;
  stats_.n_proposed += std::ssize(run_);
}

void Speculator::came(TokenId token) {
  if (n_followed_ >= found_.size()) return;
  const Proposal& proposal = found_[n_followed_];
  const bool hit = proposal.id == token;
  rates_[static_cast<size_t>(proposal.evidence)].add(hit);
  all_.add(hit);
  ++stats_.n_watched;
  stats_.n_came += hit;
  if (hit && n_followed_ < run_.size()) {
    ++stats_.n_accepted;
    stats_.seconds_single += times_.seconds(1);
  }
  n_followed_ = hit ? n_followed_ + 1 : found_.size();
}

void Speculator::restart() {
  stats_ = {.by = proposer_->name()};
  found_.clear();
  run_.clear();
}

}  // namespace lupo
