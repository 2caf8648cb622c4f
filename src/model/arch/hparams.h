// Hyper-parameters: what a GGUF's metadata says of the network, checked against ranges before any tensor is looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/attrs.h"
#include "model/gguf/gguf.h"

namespace lupo {

struct RopeParams {
  int64_t n_rot = 0;  // rotated values of a head
  float freq_base = 10000;
  float freq_scale = 1;  // 1 / factor
  float ext_factor = 0;  // 1 for YaRN
  float attn_factor = 1;
  float beta_fast = 32, beta_slow = 1;
  int64_t n_ctx_orig = 0;        // context of the training before scaling
  std::string scaling = "none";  // "none", "linear", "yarn", "longrope"
};

struct Hparams {
  int64_t n_vocab = 0;  // V
  int64_t n_embd = 0;   // C
  int64_t n_layer = 0;
  int64_t n_ctx_train = 0;
  std::vector<int64_t> n_head, n_kv_head, n_ff;  // [n_layer] each
  int64_t head_dim = 0, head_dim_v = 0;          // D, Dv
  float norm_eps = 0;
  bool norm_is_rms = true;  // else layer norm: the key of epsilon that the file has tells
  RopeParams rope;
  int64_t window = 0;                              // sliding window in tokens; 0 = none
  std::vector<int64_t> is_local;                   // [n_layer] 1 where the layer sees the window alone; empty = none does
  float freq_base_window = 0;                      // rope base of the sliding layers
  float attention_scale = 0;                       // 0 = 1/sqrt(D)
  float attention_softcap = 0, logit_softcap = 0;  // 0 = none
  float embed_scale = 1, residual_scale = 1, logit_scale = 1;
  bool causal = true;                      // else every token sees all others: an encoder, which has no cache
  float alibi = 0;                         // of AttendAttrs
  Activation ffn_act = Activation::gelu;   // where the file has a say in it
  std::optional<Pooling> pooling{};        // of the file's embeddings; nothing: the file does not say
  Pooling rank_pooling = Pooling::cls;     // of rows that a classification head then scores
  Activation rank_act = Activation::tanh;  // inside that head
  int64_t n_dense = 0;                     // width between the dense layers after pooling; 0 = the file does not say
  int64_t n_labels = 1;                    // values that a classification head gives
  bool parallel = false;                   // attention and ffn read the same input and are added together

  // Mixtures of experts.
  int64_t n_ff_expert = 0, n_ff_shared = 0;  // of one expert, and of the expert that all tokens pass (0 = none)
  int64_t n_dense_lead = 0;                  // the first layers have no experts
  MoeAttrs moe{};                            // n_expert 0: there are none

  // The window of a layer, 0 where it sees everything.
  int64_t window_of(int64_t layer) const { return is_local.empty() || !is_local[static_cast<size_t>(layer)] ? 0 : window; }
};

// Reads keys of one architecture: "attention.head_count" means "<architecture>.attention.head_count".
class HparamReader {
 public:
  HparamReader(const gguf::Metadata& metadata, std::string architecture)
      : metadata_(metadata), architecture_(std::move(architecture)) {}

  std::string key(std::string_view name) const { return architecture_ + "." + std::string(name); }
  bool has(std::string_view name) const { return metadata_.find(key(name)) != nullptr; }
  Result<int64_t> integer(std::string_view name, int64_t min, int64_t max) const {
    return metadata_.integer(key(name), min, max);
  }
  Result<int64_t> integer_or(std::string_view name, int64_t fallback, int64_t min, int64_t max) const;
  Result<float> number(std::string_view name, double min, double max) const;
  Result<float> number_or(std::string_view name, float fallback, double min, double max) const;
  Result<bool> flag_or(std::string_view name, bool fallback) const;
  // A scalar for all layers, or an array with one value a layer.
  Result<std::vector<int64_t>> per_layer(std::string_view name, int64_t n_layer, int64_t min, int64_t max) const;
  const gguf::Metadata& metadata() const { return metadata_; }
  const std::string& architecture() const { return architecture_; }

 private:
  const gguf::Metadata& metadata_;
  std::string architecture_;
};

// Sliding windows: window, is_local, freq_base_window. Without the key "…sliding_window_pattern" (a number p, or a flag for each
// layer) the layers with l % pattern < pattern − 1 are local; without the key of the window it is `window`, 0 for none.
Result<void> read_windows(const HparamReader& reader, Hparams& hp, int64_t window, int64_t pattern, bool global_first = false);

// The multipliers embedding_scale, residual_scale and, as its inverse, logit_scale; hp's own where a key is missing.
Result<void> read_multipliers(const HparamReader& reader, Hparams& hp);

// Experts: expert_count, expert_used_count, expert_feed_forward_length and what goes with them; gating, normalise and act of
// hp.moe are the architecture's. A file without experts is left as it is.
Result<void> read_experts(const HparamReader& reader, Hparams& hp, Gating gating, bool normalise);

// What all decoders share: sizes, heads, norm, rope. Errors name key, value and range.
Result<Hparams> read_common_hparams(const HparamReader& reader);

}  // namespace lupo
