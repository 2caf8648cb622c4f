// Texts through a model that gives embeddings, several in a step.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "model/text/tokenizer.h"
#include "runtime/runtime.h"

namespace lupo {

using TokenTexts = std::span<const std::vector<TokenId>>;

// Options of an engine that embeds these texts, none of them empty: pooling, context, batch and slots, where `options` leaves
// them open. {runtime, text-too-long} for a text beyond the context, or beyond the trained one where none was asked for.
Result<RuntimeOptions> embedding_options(const Model& model, RuntimeOptions options, Pooling pooling, TokenTexts texts);

// Hands over row after row, in the order of the texts: the index of the text, the position of the token, and its result, which is
// valid for the call. Without pooling every token has a row, otherwise the last one of each text.
using EmbeddingVisit = std::function<Result<void>(size_t text, int64_t position, std::span<const float> row)>;
Result<void> embed(Engine& engine, Pooling pooling, TokenTexts texts, const EmbeddingVisit& visit);

}  // namespace lupo
