// The grammar of GGUF file names, and whether the content keeps what the name promises.
//
//   <BaseName>-<SizeLabel>-<FineTune>-<Version>-<Encoding>-<Type>-<Shard>.gguf      (GGUF specification, naming convention)
//
// Names in the wild bend it, and these bends are read too: the encoding after a dot or underscore and in lower case
// ("SmolLM2-135M-Instruct.Q4_1"), a date as version ("-2507"), active parameters ("30B-A3B"), numbers of experts ("8x7B",
// "17B-16E"), effective sizes ("E4B"), context lengths ("mini-4k"), "UD-" and "i1-" before the encoding, "mmproj-" in front.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"
#include "model/gguf/gguf.h"

namespace lupo::gguf {

struct FileName {
  std::string family;         // "Qwen3", "Meta-Llama-3.1"; never empty for a non-empty name
  std::string size_label;     // as written: "30B-A3B", "8x7B", "270m"; "" when there is none
  int64_t params_total = 0;   // what the label says: 30e9; of "8x7B" 56e9 (an upper bound, experts share layers); 0 = not said
  int64_t params_active = 0;  // 3e9 of "A3B", 17e9 of "17B-16E"; 0 = not said
  int n_experts = 0;          // 8 of "8x7B", 16 of "17B-16E"; 0 = not said
  std::string fine_tune;      // "Instruct"
  std::string version;        // "v0.1", "2507"
  std::string encoding;       // upper case: "Q4_K_M", "MXFP4", "UD-Q4_K_XL"
  std::string type;           // "LoRA", "vocab", "mmproj"; "" = a model
  int shard = 0, n_shards = 0;
  bool operator==(const FileName&) const = default;
};

// `path` may have folders and lacks nothing but sense: any text gives a FileName. At most 255 bytes of it are looked at.
FileName parse_file_name(std::string_view path);

// The tensor types an encoding promises for the bulk of the weights, by its nominal family: "Q4_K_M" → {Q4_K}. Empty when the
// encoding names no family that is known ("UD-…" mixes, "KQ2").
std::vector<Type> nominal_types(std::string_view encoding);

// Compares the name (for the type, where it names none: general.file_type) with the content. A K-quant mix (Q4_K_M = Q4_K with
// some Q6_K) keeps its promise as long as its nominal type holds the most weights. Codes: label-type-mismatch,
// label-size-mismatch, label-experts-mismatch; a wrong name limits nothing.
std::vector<Finding> check_file_name(const FileName& name, const File& file);

}  // namespace lupo::gguf
