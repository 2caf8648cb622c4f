// How a model has been used of late: what of the context was needed, whether the conversation's cache was of use, whether
// speculation paid. From the last answers in the history, of this machine's user, whatever the machine was busy with.
#pragma once

#include <cstdint>
#include <span>

#include "base/env.h"
#include "doctor/history.h"
#include "model/model.h"

namespace lupo {

struct Habits {
  int64_t n_answers = 0;
  int64_t n_used_max = 0;           // tokens of prompt and answer, of the longest
  int64_t n_ctx = 0;                // of the last answer: what is in use now
  int64_t n_short = 0;              // answers that this context was too small for: refused, or cut
  int64_t n_turns = 0;              // answers with something of their conversation in the cache
  double n_held = 0, n_reused = 0;  // tokens of such a turn that were in the cache, and that were kept; means
  double n_prompt = 0;              // of such a turn
  int64_t n_drafted = 0;            // answers with a draft model
  double draft_gain = 1;            // geometric mean of these
};

// Pure.
Habits habits_of(std::span<const AnswerRecord> answers);

// From the history of the environment; none where that cannot be read.
Habits habits_of(const Env& env, const Model& model);
// Notes an answer there; `record.model` is set here. A history that cannot be written is done without.
void note_answer(const Env& env, const Model& model, AnswerRecord record);

}  // namespace lupo
