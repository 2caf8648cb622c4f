// The steps of a text: each runs the token that is due, and what a speculator proposes behind it. The caller draws the tokens:
//
//   while (…) { token = sampler.sample(steps.logits());  if (!steps.follow(token)) steps.run(token, …); }
//   steps.take_back();
//
// One thread at a time. Errors are those of the Session and the proposer; none of a caller's own.
#pragma once

#include "runtime/session/session.h"
#include "runtime/session/speculation.h"

namespace lupo {

class Steps {
 public:
  // The session holds `prompt`. `speculator` may be null, then a step is one token; else the session can drop tokens.
  Steps(Session& session, const Sampler& sampler, Speculator* speculator, std::span<const TokenId> prompt);

  std::span<const float> logits() const { return session_.logits(row_); }  // [V] after the text so far

  // The text goes on with `token`. False when no step has run it yet; what was run in its place is then taken back.
  Result<bool> follow(TokenId token);
  // Runs the token that was followed last, and at most n_more proposals behind it.
  Result<void> run(TokenId token, int64_t n_more);
  // Takes back what the last step ran and the text has not followed: the session then holds the text.
  Result<void> take_back();

  int64_t n_steps() const { return n_steps_; }

 private:
  Session& session_;
  const Sampler& sampler_;
  Speculator* speculator_;
  std::vector<TokenId> text_;  // prompt and what followed, where there is a speculator
  std::vector<TokenId> step_;  // the tokens of the last step
  int64_t row_ = 0;            // the last of them that the text has followed
  int64_t n_steps_ = 0;
};

}  // namespace lupo
