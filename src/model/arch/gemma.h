// What Gemma 3n and Gemma 4 share: attention whose last layers read the cache of an earlier one, and embeddings that each layer
// gets of its own. Sources: Gemma 3n model card; Gemma 4 technical report; shared caches: Brandon et al. 2024, arXiv 2405.12981.
#pragma once

#include <vector>

#include "model/arch/arch.h"

namespace lupo {

// Windows, shared caches, per-layer embeddings, scales.
Result<void> read_gemma(const HparamReader& reader, Hparams& hp);

// Of layers in order: q and k are normalised and turn, v is normalised without a weight; it is k where there is no attn_v.
class GemmaAttention {
 public:
  // factors: of the rope of layers without a window, or kNone.
  GemmaAttention(Builder& b, const Hparams& hp, Value factors);
  // The attention part of the present block, without norm and residual. h [C, T].
  Value operator()(Value h, int64_t layer);

 private:
  Builder& b_;
  const Hparams& hp_;
  Value factors_;
  RopeParams local_;           // rope of the layers with a window
  std::vector<Cache> caches_;  // of each layer
};

// The embeddings of all layers side by side, [P·L, T], from the rows of a table of their own and the embedding x [C, T].
Value per_layer_inputs(Builder& b, const Hparams& hp, Value x);
// What the present block makes of its part of them, with the gate's input [C, T]: [C, T], to be added to the stream.
Value per_layer_part(Builder& b, const Hparams& hp, Value gate_input, Value inputs, int64_t layer);

}  // namespace lupo
