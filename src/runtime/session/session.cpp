#include "runtime/session/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

namespace lupo {

Session::Session(Engine& engine, int32_t slot)
    : engine_(engine),
      slot_(slot),
      has_fixed_state_(engine.plan().bytes.state > 0),
      checkpoints_(static_cast<size_t>(engine.graph().n_checkpoints), 0) {}

void Session::clear() {
  tokens_.clear();
  deepest_ = 0;
  std::fill(checkpoints_.begin(), checkpoints_.end(), 0);
}

int64_t Session::keepable(int64_t n) const {
  if (!has_fixed_state_ || n == static_cast<int64_t>(tokens_.size())) return rings_hold(n) ? n : 0;
  int64_t best = 0;
  for (int64_t at : checkpoints_)
    if (at > best && at <= n && rings_hold(at)) best = at;
  return best;
}

void Session::go_back(int64_t n) {
  if (n == 0) return clear();
  const auto held = std::find(checkpoints_.begin(), checkpoints_.end(), n);
  if (has_fixed_state_ && n < static_cast<int64_t>(tokens_.size()))
    copy_states(engine_.graph().n_seq + slot_ * std::ssize(checkpoints_) + (held - checkpoints_.begin()), slot_);
  tokens_.resize(static_cast<size_t>(n));
  for (int64_t& at : checkpoints_)
    if (at > n) at = 0;
}

void Session::take_checkpoint() {
  const int64_t n = static_cast<int64_t>(tokens_.size());
  if (checkpoints_.empty() || !has_fixed_state_ || std::ranges::find(checkpoints_, n) != checkpoints_.end()) return;
  const auto oldest = std::min_element(checkpoints_.begin(), checkpoints_.end());
  copy_states(slot_, engine_.graph().n_seq + slot_ * std::ssize(checkpoints_) + (oldest - checkpoints_.begin()));
  *oldest = n;
}

void Session::copy_states(int64_t from, int64_t to) {
  for (size_t i = 0; i < engine_.graph().tensors.size(); ++i) {
    if (engine_.graph().tensors[i].policy != StatePolicy::fixed) continue;
    const std::span<std::byte> all = engine_.program().state(static_cast<TensorId>(i));
    const int64_t bytes = std::ssize(all) / engine_.graph().n_fixed();
    std::copy_n(all.begin() + from * bytes, bytes, all.begin() + to * bytes);
  }
}

// A step that failed may have changed a state that cannot go back.
Result<void> Session::run(const Step& step) {
  Result<void> ran = engine_.run(step);
  if (!ran && has_fixed_state_) clear();
  return ran;
}

bool Session::rings_hold(int64_t n) const {
  for (const Node& node : engine_.graph().nodes) {
    const auto* at = std::get_if<AttendAttrs>(&node.attrs);
    if (at == nullptr || node.in[3] == kNone || engine_.graph()[node.in[3]].policy != StatePolicy::ring) continue;
    const int64_t n_cells = engine_.graph()[node.in[3]].shape.dim[1];
    // The oldest position still in the ring is deepest − n_cells.
    if (at->first_key(n) < deepest_ - n_cells) return false;
  }
  return true;
}

Result<PrefillStats> Session::sync(std::span<const TokenId> tokens, const std::function<bool()>& cancelled) {
  const auto begin = std::chrono::steady_clock::now();
  const int64_t n_tokens = static_cast<int64_t>(tokens.size());
  if (n_tokens == 0) return fail(Layer::runtime, "empty-prompt", "the prompt has no tokens", "give some text with -p");
  if (n_tokens > engine_.n_ctx())
    return fail(Layer::runtime, "prompt-too-long",
                fmt::format("the prompt has {} tokens, the context holds {}", n_tokens, engine_.n_ctx()),
                fmt::format("--ctx {}", (n_tokens + 511) / 256 * 256));
  const auto shared = std::mismatch(tokens_.begin(), tokens_.end(), tokens.begin(), tokens.end()).second - tokens.begin();
  // The last token is always run: its logits are what the caller is after.
  const int64_t kept = keepable(std::min<int64_t>(shared, n_tokens - 1));
  go_back(kept);
  // Where states cannot go back the last token is a step of its own, with a checkpoint before it.
  const int64_t pause = has_fixed_state_ && !checkpoints_.empty() ? n_tokens - 1 : n_tokens;
  PrefillStats stats{.n_reused = kept};
  for (int64_t at = kept; at < n_tokens;) {
    if (cancelled && cancelled())
      return fail(Layer::runtime, "cancelled", fmt::format("stopped after {} of {} prompt tokens", at, n_tokens), "");
    if (at == pause && at > 0) take_checkpoint();
    const int64_t count = std::min(engine_.n_batch(), (at < pause ? pause : n_tokens) - at);
    const StepSequence sequence{slot_, static_cast<int32_t>(count), at};
    const int32_t last = static_cast<int32_t>(count - 1);
    const bool final = at + count == n_tokens;
    const std::span<const TokenId> chunk = tokens.subspan(static_cast<size_t>(at), static_cast<size_t>(count));
    deepest_ = std::max(deepest_, at + count);
    TRY(run({chunk, {&sequence, 1}, {&last, final ? size_t{1} : size_t{0}}}));
    tokens_.insert(tokens_.end(), chunk.begin(), chunk.end());
    at += count;
    stats.n_evaluated += count;
  }
  stats.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return stats;
}

Result<void> Session::append(std::span<const TokenId> tokens) {
  const int64_t n = std::ssize(tokens);
  if (room() < n)
    return fail(
        Layer::runtime, "context-full",
        fmt::format("{} of {} cells of the context are used, {} more are wanted", std::ssize(tokens_), engine_.n_ctx(), n),
        fmt::format("--ctx {}", engine_.n_ctx() * 2));
  const StepSequence sequence{slot_, static_cast<int32_t>(n), std::ssize(tokens_)};
  outputs_.resize(static_cast<size_t>(n));
  std::iota(outputs_.begin(), outputs_.end(), 0);
  deepest_ = std::max(deepest_, sequence.pos + n);
  TRY(run({tokens, {&sequence, 1}, outputs_}));
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  return {};
}

Result<void> Session::drop(int64_t n) {
  const int64_t left = std::ssize(tokens_) - n;
  if (n == 0) return {};
  if (left < 0 || !can_drop() || !rings_hold(left))
    return fail(Layer::runtime, "cannot-go-back", fmt::format("{} of {} tokens cannot be taken back", n, std::ssize(tokens_)),
                "--speculate off");
  go_back(left);
  return {};
}

}  // namespace lupo
