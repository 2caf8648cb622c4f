// jina-bert-v2: jina-embeddings-v2 and jina-reranker-v1. As bert without positions: a score falls with the distance (ALiBi).
// GeGLU in one weight or two, or plain GELU; some files have layer norms of the queries and keys (Günther et al. 2023, arXiv
// 2310.19923).
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader&, Hparams& hp) {
  hp.causal = false;
  hp.alibi = 8;
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  const QkNorm qk_norm = b.has("blk.0.attn_q_norm.weight") ? QkNorm::whole : QkNorm::none;
  const auto ffn = [](Builder& in, const Hparams& sizes, Value h, int64_t layer) {
    const int64_t n_ff = sizes.n_ff[static_cast<size_t>(layer)];
    const bool is_gated = in.has(in.block("ffn_gate.weight")) || in.n_rows(in.block("ffn_up.weight")) == 2 * n_ff;
    return (is_gated ? gated(Activation::gelu) : plain(Activation::gelu))(in, sizes, h, layer);
  };
  return bert(b, hp, {.rope = false, .qk_norm = qk_norm}, ffn);
}

}  // namespace

const Arch arch_jina_bert_v2{"jina-bert-v2", read, build, {.layer_norm = true}};

}  // namespace lupo
