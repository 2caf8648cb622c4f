#include "runtime/session/chat.h"

#include <chrono>
#include <limits>

#include "runtime/session/steps.h"

namespace lupo {

std::string_view stop_reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::end_of_text: return "end";
    case StopReason::length: return "length";
    case StopReason::context_full: return "context";
    case StopReason::cancelled: return "cancelled";
  }
  return "?";
}

std::vector<TokenId> encode_rendered(const Tokenizer& tokenizer, std::string_view rendered) {
  std::vector<TokenId> ids = tokenizer.encode(rendered, {.add_special = false, .parse_special = true});
  const TokenId bos = tokenizer.special().bos;
  if (tokenizer.adds_bos() && bos >= 0 && (ids.empty() || ids.front() != bos)) ids.insert(ids.begin(), bos);
  return ids;
}

Result<Answer> generate(Session& session, const Tokenizer& tokenizer, Sampler& sampler, const GenerateRequest& request) {
  Answer answer;
  TRY_ASSIGN(answer.prefill, session.sync(request.prompt, request.cancelled));
  sampler.forget();
  for (TokenId token : request.prompt) sampler.accept(token);
  const int64_t limit = request.n_predict < 0 ? std::numeric_limits<int64_t>::max() : request.n_predict;
  const auto begin = std::chrono::steady_clock::now();
  Steps steps(session, sampler, request.speculator, request.prompt);
  Utf8Stream stream;
  const auto emit = [&](const std::string& text) {
    answer.text += text;
    if (request.on_text && !text.empty()) request.on_text(text);
  };
  answer.stop = StopReason::length;
  while (std::ssize(answer.tokens) < limit) {
    if (request.cancelled && request.cancelled()) {
      answer.stop = StopReason::cancelled;
      break;
    }
    const TokenId token = sampler.sample(steps.logits());
    if (!request.ignore_end && tokenizer.ends_generation(token)) {
      answer.stop = StopReason::end_of_text;
      break;
    }
    sampler.accept(token);
    answer.tokens.push_back(token);
    emit(stream.push(tokenizer.piece(token)));
    if (std::ssize(answer.tokens) == limit) break;  // the last token's logits are nobody's
    TRY_ASSIGN(const bool is_run, steps.follow(token));
    if (!is_run && session.room() < 1) {
      answer.stop = StopReason::context_full;
      break;
    }
    if (!is_run) TRY(steps.run(token, limit - std::ssize(answer.tokens) - 1));
    ++answer.n_decoded;
  }
  TRY(steps.take_back());
  answer.decode_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  answer.n_steps = steps.n_steps();
  if (request.speculator != nullptr) answer.speculation = request.speculator->stats();
  emit(stream.finish());
  return answer;
}

}  // namespace lupo
