#include "runtime/session/steps.h"

#include <algorithm>
#include <chrono>

namespace lupo {

Steps::Steps(Session& session, const Sampler& sampler, Speculator* speculator, std::span<const TokenId> prompt)
    : session_(session), sampler_(sampler), speculator_(speculator) {
  if (speculator_ == nullptr) return;
  text_.assign(prompt.begin(), prompt.end());
  speculator_->restart();
}

Result<bool> Steps::follow(TokenId token) {
  if (speculator_ != nullptr) {
    text_.push_back(token);
    speculator_->came(token);
  }
  if (row_ + 1 < std::ssize(step_) && step_[static_cast<size_t>(row_ + 1)] == token) return ++row_, true;
  TRY(take_back());
  return false;
}

Result<void> Steps::run(TokenId token, int64_t n_more) {
  step_.assign(1, token);
  row_ = 0;
  if (speculator_ != nullptr) {
    n_more = std::min({n_more, session_.room() - 1, session_.n_append_max() - 1});
    TRY_ASSIGN(const std::span<const TokenId> proposals, speculator_->propose(text_, sampler_, n_more));
    step_.insert(step_.end(), proposals.begin(), proposals.end());
  }
  const auto begin = std::chrono::steady_clock::now();
  TRY(session_.append(step_));
  if (speculator_ != nullptr) speculator_->ran(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  ++n_steps_;
  return {};
}

Result<void> Steps::take_back() {
  if (step_.empty()) return {};
  const int64_t n = std::ssize(step_) - 1 - row_;
  step_.resize(static_cast<size_t>(row_ + 1));
  return session_.drop(n);
}

}  // namespace lupo
