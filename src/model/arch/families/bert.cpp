// bert: BERT, RoBERTa and what most embedding models and rerankers are made of (bge, e5, gte, MiniLM, snowflake-arctic). Layer
// norm after each part, learned positions, GELU (Devlin et al. 2019, arXiv 1810.04805).
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return bert(b, hp, {.rope = false}, plain(Activation::gelu)); }

}  // namespace

const Arch arch_bert{"bert", read_encoder, build, {.layer_norm = true}};

}  // namespace lupo
