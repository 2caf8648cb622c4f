// Layers with a state of fixed size that several architectures share. Each takes the normalised input h [C, T] of the present
// block and gives [C, T].
#pragma once

#include "model/arch/arch.h"

namespace lupo {

// Marks the layers without KV heads as recurrent.
void mark_recurrent_by_heads(Hparams& hp);

// x · c of a convolution of b · x, all three by shortconv.in_proj. Source: LFM2 technical report, arXiv 2511.23404.
Value short_conv(Builder& b, const Hparams& hp, Value h);

// Source: Mamba, arXiv 2312.00752. hp.normalise_dt_b_c: with RMS norms of the three, weighted where the file has a weight.
Value mamba(Builder& b, const Hparams& hp, Value h);

// Source: Mamba 2, arXiv 2405.21060.
Value mamba2(Builder& b, const Hparams& hp, Value h);

// Source: Gated DeltaNet, arXiv 2412.06464. tiled: see DeltaAttrs.
Value gated_delta_net(Builder& b, const Hparams& hp, Value h, bool tiled);

// Whole decoders, each with what reads its keys beside the common ones.
Result<void> read_short_conv(const HparamReader& reader, Hparams& hp);
Value short_conv_decoder(Builder& b, const Hparams& hp, const Ffn& ffn);
// full_attention_interval or attention.recurrent_layers tell which layers are a gated delta net, the others have gated attention.
Result<void> read_delta_layers(const HparamReader& reader, Hparams& hp);
Value delta_decoder(Builder& b, const Hparams& hp, const Ffn& ffn, bool tiled);
// Layers of two parts, the first of which is `recurrent` where hp says so and attention elsewhere.
Value hybrid_decoder(Builder& b, const Hparams& hp, const AttentionStyle& style, const Ffn& ffn, const Mixer& recurrent);
// Layers of one part: Mamba 2 (neither KV heads nor feed-forward), attention (no feed-forward) or feed-forward.
Result<void> read_one_part_layers(const HparamReader& reader, Hparams& hp);
Value one_part_decoder(Builder& b, const Hparams& hp, const Ffn& ffn);

}  // namespace lupo
