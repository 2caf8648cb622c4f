// jina-bert-v3: jina-embeddings-v3 without its adapters. As bert with rotary positions (Sturua et al. 2024, arXiv 2409.10173).
#include "model/arch/encoder.h"

namespace lupo {
namespace {

Value build(Builder& b, const Hparams& hp) { return bert(b, hp, {.neox = true}, plain(Activation::gelu)); }

}  // namespace

const Arch arch_jina_bert_v3{"jina-bert-v3", read_encoder, build, {.layer_norm = true}};

}  // namespace lupo
