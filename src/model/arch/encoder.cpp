#include "model/arch/encoder.h"

namespace lupo {
namespace {

// The head of a reranker, on pooled rows x [C, O]: a dense layer and one that gives a value for each label, as far as they are
// there.
Value score(Builder& b, const Hparams& hp, Value x) {
  if (!b.has("cls.weight") && !b.has("cls.output.weight"))
    return b.refuse({Layer::model, "no-classification-head", "a ranking is wanted of a model without cls or cls.output",
                     "a reranker, such as bge-reranker-v2-m3  # lupo inspect MODEL --tensors shows what a file has"}),
           x;
  if (b.has("cls.weight")) {
    // Without cls.output the dense layer is the head itself (jina-reranker-v1).
    x = b.linear(x, "cls", b.has("cls.output.weight") ? hp.n_embd : hp.n_labels);
    x = b.activate(x, hp.rank_act);
    if (b.has("cls.norm.weight")) x = b.norm(x, "cls.norm", hp.n_embd, hp.norm_eps, hp.norm_is_rms);
  }
  if (!b.has("cls.output.weight")) return x;
  if (!hp.causal) return b.linear(x, "cls.output", hp.n_labels);
  // A decoder that says yes or no (two rows of its head): the probability of yes, softmax over the two = sigmoid(yes − no).
  const Value yes = b.linear(x, "cls.output", 1, {0, 2}), no = b.linear(x, "cls.output", 1, {1, 2});
  return b.activate(b.add(yes, b.scale(no, -1)), Activation::sigmoid);
}

}  // namespace

void ignore_score(Builder& b) {
  for (const char* name : {"cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias", "cls.norm.weight"}) b.ignore(name);
}

Result<void> read_encoder(const HparamReader&, Hparams& hp) {
  hp.causal = false;
  return {};
}

Value embedding(Builder& b, const Hparams& hp, Value x) {
  if (!b.request().pooling)
    return b.refuse({Layer::model, "embedding-model", "this is an embedding model: it gives vectors of texts, and no text",
                     "lupo embed MODEL -p TEXT"}),
           x;
  const Pooling pooling = *b.request().pooling;
  if (pooling == Pooling::rank) return score(b, hp, b.pool(x, hp.causal ? Pooling::last : hp.rank_pooling));
  ignore_score(b);
  return b.pool(x, pooling);
}

Value encoder(Builder& b, const Hparams& hp, const Block& block, const char* final_norm) {
  Value x = b.embed("token_embd", hp.n_embd, hp.n_vocab, hp.embed_scale);  // [C, T]
  // All tokens are of type 0, "sentence A".
  if (b.has("token_types.weight")) x = b.add(x, b.embed_first("token_types", hp.n_embd));
  if (b.has("position_embd.weight")) x = b.add(x, b.embed_positions("position_embd", hp.n_embd, hp.n_ctx_train));
  if (b.has("token_embd_norm.weight")) x = b.norm(x, "token_embd_norm", hp.n_embd, hp.norm_eps, hp.norm_is_rms);
  for (int64_t layer = 0; layer < hp.n_layer; ++layer) {
    b.at_layer(layer);
    x = block(x, layer);
  }
  b.at_layer(-1);
  if (final_norm != nullptr) x = b.norm(x, final_norm, hp.n_embd, hp.norm_eps, hp.norm_is_rms);
  return embedding(b, hp, x);
}

Value bert_block(Builder& b, const Hparams& hp, Value x, int64_t layer, const AttentionStyle& style, const Ffn& ffn) {
  Value h = block_norm(b, hp, b.add(attention(b, hp, x, layer, hp.rope, style), x), "attn_output_norm");
  if (b.has(b.block("attn_norm_2.weight"))) h = block_norm(b, hp, b.add(h, x), "attn_norm_2");  // jina-embeddings-v2-code
  return block_norm(b, hp, b.add(ffn(b, hp, h, layer), h), "layer_output_norm");
}

Value bert(Builder& b, const Hparams& hp, const AttentionStyle& style, const Ffn& ffn) {
  return encoder(b, hp, [&](Value x, int64_t layer) { return bert_block(b, hp, x, layer, style, ffn); });
}

}  // namespace lupo
