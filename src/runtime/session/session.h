// A Session is one conversation on one slot of an Engine: a growing list of tokens whose keys and values are in the cache.
//
// sync() makes the slot hold exactly a given list of tokens: what it shares with the present one is kept, the rest is run in
// batches. A state of fixed size cannot go back: of a model that has one the whole present list is kept or what a checkpoint
// holds, a copy of those states that sync() takes before the last token of a prompt. One thread at a time.
#pragma once

#include <algorithm>
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
  explicit Session(Engine& engine, int32_t slot = 0);

  // Afterwards the cache holds `tokens` (at least one) and logits() are those after the last. {runtime, prompt-too-long} with
  // both numbers when they exceed the context: nothing is ever truncated. `cancelled` is asked between batches; when it says
  // yes, the session holds what was evaluated so far and {runtime, cancelled} is returned.
  Result<PrefillStats> sync(std::span<const TokenId> tokens, const std::function<bool()>& cancelled = {});
  // Appends one token; {runtime, context-full} when there is no cell left.
  Result<void> append(TokenId token) { return append({&token, 1}); }
  int64_t n_append_max() const { return std::min(engine_.graph().n_outputs, engine_.n_batch()); }
  // Appends up to n_append_max() tokens in one step: logits(i) are those after tokens[i]. Of fewer than 8 tokens the cpu
  // backend makes each row as if the tokens had come one by one, bit by bit.
  Result<void> append(std::span<const TokenId> tokens);
  // Takes the last n tokens back. {runtime, cannot-go-back} where a state of fixed size or a ring that is too short has no way.
  Result<void> drop(int64_t n);
  // Whether drop() is possible at all: there is no state of fixed size.
  bool can_drop() const { return !has_fixed_state_; }

  std::span<const float> logits(int64_t row = 0) const { return engine_.logits(row); }  // [V] after the last token
  const std::vector<TokenId>& tokens() const { return tokens_; }
  int64_t room() const { return engine_.n_ctx() - static_cast<int64_t>(tokens_.size()); }
  void clear();

  // The tokens and all states of the slot as bytes, and back, into any slot of an engine of the same model and cache types, whose
  // windows have as many cells. Otherwise {runtime, other-state}, and the session is as it was. logits() are not part of it.
  std::vector<std::byte> save() const;
  Result<void> restore(std::span<const std::byte> saved);

 private:
  // How many of the first `n` tokens can be kept: as far as the rings hold, and to a checkpoint where states cannot go back.
  int64_t keepable(int64_t n) const;
  // A ring has overwritten cells that an older window still needs.
  bool rings_hold(int64_t n) const;
  // Drops what follows the first n tokens, n being keepable.
  void go_back(int64_t n);
  void take_checkpoint();
  // Copies the fixed states number `from` to number `to`.
  void copy_states(int64_t from, int64_t to);
  Result<void> run(const Step& step);
  std::span<std::byte> state_of_slot(TensorId id) const;

  Engine& engine_;
  int32_t slot_;
  std::vector<TokenId> tokens_;
  int64_t deepest_ = 0;  // positions ever written since the last clear
  bool has_fixed_state_ = false;
  std::vector<int64_t> checkpoints_;  // how many tokens each holds, 0: none
  std::vector<int32_t> outputs_;      // [O] of a step
};

}  // namespace lupo
