// exaone4: EXAONE 4. Norms only after each part and on each query and key head. The 32B (64 layers) has windows in three of four
// layers, and there the layers that see all do not turn.
#include "model/arch/arch.h"

namespace lupo {
namespace {

Result<void> read(const HparamReader& reader, Hparams& hp) {
  constexpr int64_t kLayersOf32B = 64;
  if (hp.n_layer == kLayersOf32B) TRY(read_windows(reader, hp, 4096, 4));
  return {};
}

Value build(Builder& b, const Hparams& hp) {
  const Value factors = rope_factors(b, hp);
  return decoder(b, hp, [&](Value x, int64_t layer) {
    const int64_t window = hp.window_of(layer);
    const bool rope = window > 0 || hp.is_local.empty();
    return sequential_block(b, hp, x, layer, hp.rope,
                            {.neox = true, .rope = rope, .qk_norm = QkNorm::head, .window = window, .factors = factors},
                            gated(Activation::silu), kNormsAfter);
  });
}

}  // namespace

const Arch arch_exaone4{"exaone4", read, build};

}  // namespace lupo
