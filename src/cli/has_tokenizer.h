// Whether a file says that it has a tokenizer: verbs that can do without one ask first, and take a broken one as an error.
#pragma once

#include "model/gguf/gguf.h"

namespace lupo::cli {

// False when tokenizer.ggml.model is absent, or "none" or "no_vocab": what converters write for a model without vocabulary.
inline bool has_tokenizer(const gguf::Metadata& metadata) {
  const auto kind = metadata.string("tokenizer.ggml.model");
  return metadata.find("tokenizer.ggml.model") != nullptr && !(kind && (*kind == "none" || *kind == "no_vocab"));
}

}  // namespace lupo::cli
