// Chat: messages in, tokens and text out. Renders the template, keeps the cache in step with the history, samples.
//
// What `run` and a server share. One thread at a time; the Engine and the Tokenizer must outlive it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/chat_template.h"
#include "runtime/session/sampler.h"
#include "runtime/session/session.h"
#include "runtime/session/speculation.h"

namespace lupo {

enum class StopReason { end_of_text, length, context_full, cancelled };
std::string_view stop_reason_name(StopReason reason);

struct Answer {
  std::string text;             // valid UTF-8
  std::vector<TokenId> tokens;  // generated, without the one that ended the text
  PrefillStats prefill;
  int64_t n_decoded = 0;  // tokens that were run through the model behind the prompt, and are part of the text
  int64_t n_steps = 0;    // that ran them: fewer where proposals were accepted
  double decode_seconds = 0;
  StopReason stop = StopReason::end_of_text;
  std::optional<SpeculationStats> speculation{};
};

struct GenerateRequest {
  std::vector<TokenId> prompt;
  int64_t n_predict = -1;                              // −1: until the model ends or the context is full
  bool ignore_end = false;                             // go on past end-of-text tokens (benchmarks)
  std::function<void(std::string_view text)> on_text;  // complete UTF-8 as it comes; may be empty
  std::function<bool()> cancelled;                     // asked between tokens; may be empty
  Speculator* speculator = nullptr;                    // null: one token a step. Needs Session::can_drop() and n_outputs rows
};

// Continues `prompt` on the session's slot.
Result<Answer> generate(Session& session, const Tokenizer& tokenizer, Sampler& sampler, const GenerateRequest& request);

// Token ids of a rendered prompt: special tokens are recognised; BOS is put first where the model wants it and the template has
// not written it itself, so that it is never doubled.
std::vector<TokenId> encode_rendered(const Tokenizer& tokenizer, std::string_view rendered);

}  // namespace lupo
