// A draft model: a small model of the same vocabulary that proposes what a large one verifies.
#pragma once

#include <memory>

#include "runtime/runtime.h"
#include "runtime/session/speculation.h"

namespace lupo {

// {model, other-vocabulary} naming the first token that differs. Vocabularies may differ in length: some are filled up.
Result<void> check_draft(const Model& model, const Model& draft);

// Proposals of a slot of `draft`, which must outlive it, each drawn as the model's sampler will draw. Evidence: its probability
// against the next best token alone, in sixteenths. `n_vocab`: of the model. A text that is longer than the draft's context gets
// no proposals.
std::unique_ptr<Proposer> make_draft_proposer(Engine& draft, int32_t slot, int64_t n_vocab);

}  // namespace lupo
