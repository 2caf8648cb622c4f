// mistral4: Mistral Small 4. As deepseek2, whose reader knows the one difference.
#include "model/arch/latent.h"

namespace lupo {

const Arch arch_mistral4{"mistral4", read_deepseek2, build_deepseek2};

}  // namespace lupo
