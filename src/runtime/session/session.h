// A Session is one conversation on one slot of an Engine: a growing list of tokens whose keys and values are in the cache.
//
// sync() makes the slot hold exactly a given list of tokens: what it shares with the present one is kept, the rest is run in
// batches. One thread at a time.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "runtime/runtime.h"

namespace lupo {

struct PrefillStats {
  int64_t n_reused = 0;  // tokens whose cells were kept
  int64_t n_evaluated = 0;
  double seconds = 0;
};

class Session {
 public:
  explicit Session(Engine& engine, int32_t slot = 0) : engine_(engine), slot_(slot) {}

  // Afterwards the cache holds `tokens` (at least one) and logits() are those after the last. {runtime, prompt-too-long} with
  // both numbers when they exceed the context: nothing is ever truncated. `cancelled` is asked between batches; when it says
  // yes, the session holds what was evaluated so far and {runtime, cancelled} is returned.
  Result<PrefillStats> sync(std::span<const TokenId> tokens, const std::function<bool()>& cancelled = {});
  // Appends one token; {runtime, context-full} when there is no cell left.
  Result<void> append(TokenId token);

  std::span<const float> logits() const { return engine_.logits(0); }  // [V] after the last token
  const std::vector<TokenId>& tokens() const { return tokens_; }
  int64_t room() const { return engine_.n_ctx() - static_cast<int64_t>(tokens_.size()); }
  void clear() { tokens_.clear(), deepest_ = 0; }

 private:
  // How many of the first `n` tokens can be kept: a ring has overwritten cells that an older window still needs.
  int64_t keepable(int64_t n) const;

  Engine& engine_;
  int32_t slot_;
  std::vector<TokenId> tokens_;
  int64_t deepest_ = 0;  // positions ever written since the last clear
};

}  // namespace lupo
