// Encoders: every token sees all others, nothing is cached, the result is an embedding. The end of a graph that gives one, which
// decoders share.
#pragma once

#include "model/arch/arch.h"

namespace lupo {

// Of an architecture that is an encoder, whatever the file says.
Result<void> read_encoder(const HparamReader& reader, Hparams& hp);

// What the request's pooling makes of the normed rows x [C, T]: [C, O]; rank: the score of the file's classification head [1, O].
// A request for logits is refused.
Value embedding(Builder& b, const Hparams& hp, Value x);

// Marks the tensors of a classification head as known to a graph that does not use them.
void ignore_score(Builder& b);

// token_embd, with token_types and position_embd where the file has them, and token_embd_norm; n_layer blocks; embedding().
Value encoder(Builder& b, const Hparams& hp, const Block& block, const char* final_norm = nullptr);

// The block of BERT: x = norm(x + attention(x)); x = norm(x + ffn(x)).
Value bert_block(Builder& b, const Hparams& hp, Value x, int64_t layer, const AttentionStyle& style, const Ffn& ffn);
// An encoder of such blocks.
Value bert(Builder& b, const Hparams& hp, const AttentionStyle& style, const Ffn& ffn);

}  // namespace lupo
