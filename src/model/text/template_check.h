// Whether a chat template and a vocabulary belong together, seen from a conversation of two turns. Pure but for the clock, which
// is set.
#pragma once

#include <string>
#include <vector>

#include "base/finding.h"
#include "model/text/chat_template.h"
#include "model/text/tokenizer.h"

namespace lupo {

struct TemplateSeen {
  // Codes, of the runtime layer: template-fails, template-drops-message, template-foreign, bos-doubled, turn-without-end.
  std::vector<Finding> findings;
  // Why a turn's text does not begin with that of the turn before, so that a cache of it is of no use; "" where it does, at least
  // with its first half (the end of a prompt may change: what a model thinks is often dropped later).
  std::string changes{};
};

// `model` is for the commands.
TemplateSeen look_at_template(const ChatTemplate& chat_template, const Tokenizer& tokenizer, const std::string& model);

}  // namespace lupo
