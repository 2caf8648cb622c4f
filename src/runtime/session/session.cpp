#include "runtime/session/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace lupo {

int64_t Session::keepable(int64_t n) const {
  for (const Node& node : engine_.graph().nodes) {
    const auto* at = std::get_if<AttendAttrs>(&node.attrs);
    if (at == nullptr || engine_.graph()[node.in[3]].policy != StatePolicy::ring) continue;
    const int64_t n_cells = engine_.graph()[node.in[3]].shape.dim[1];
    // The oldest position still in the ring is deepest − n_cells.
    if (at->first_key(n) < deepest_ - n_cells) return 0;
  }
  return n;
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
  tokens_.resize(static_cast<size_t>(kept));
  if (kept == 0) deepest_ = 0;
  PrefillStats stats{.n_reused = kept};
  for (int64_t at = kept; at < n_tokens;) {
    if (cancelled && cancelled())
      return fail(Layer::runtime, "cancelled", fmt::format("stopped after {} of {} prompt tokens", at, n_tokens), "");
    const int64_t count = std::min(engine_.n_batch(), n_tokens - at);
    const StepSequence sequence{slot_, static_cast<int32_t>(count), at};
    const int32_t last = static_cast<int32_t>(count - 1);
    const bool final = at + count == n_tokens;
    const std::span<const TokenId> chunk = tokens.subspan(static_cast<size_t>(at), static_cast<size_t>(count));
    deepest_ = std::max(deepest_, at + count);
    TRY(engine_.run({chunk, {&sequence, 1}, {&last, final ? size_t{1} : size_t{0}}}));
    tokens_.insert(tokens_.end(), chunk.begin(), chunk.end());
    at += count;
    stats.n_evaluated += count;
  }
  stats.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return stats;
}

Result<void> Session::append(TokenId token) {
  if (room() < 1)
    return fail(Layer::runtime, "context-full", fmt::format("all {} cells of the context are used", engine_.n_ctx()),
                fmt::format("--ctx {}", engine_.n_ctx() * 2));
  const StepSequence sequence{slot_, 1, static_cast<int64_t>(tokens_.size())};
  const int32_t output = 0;
  deepest_ = std::max(deepest_, sequence.pos + 1);
  TRY(engine_.run({{&token, 1}, {&sequence, 1}, {&output, 1}}));
  tokens_.push_back(token);
  return {};
}

}  // namespace lupo
