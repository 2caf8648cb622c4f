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
  bool operator==(const RopeParams&) const = default;
};

// Multi-head latent attention (model/arch/latent.h).
struct LatentParams {
  int64_t q_rank = 0, kv_rank = 0;  // widths of the compressed queries (0: they are not) and of the compressed keys and values
  int64_t n_nope = 0, n_value = 0;  // of a head: values of a key that do not turn, values of a value
  bool is_absorbed = false;
  bool operator==(const LatentParams&) const = default;
};

struct Hparams {
  int64_t n_vocab = 0;  // V
  int64_t n_embd = 0;   // C
  int64_t n_layer = 0;  // blocks that are run
  int64_t n_nextn = 0;  // blocks after them that guess a further token, which no graph runs yet
  int64_t n_ctx_train = 0;
  std::vector<int64_t> n_head, n_kv_head, n_ff;  // [n_layer] each
  int64_t head_dim = 0, head_dim_v = 0;          // D, Dv
  float norm_eps = 0;
  bool norm_is_rms = true;  // else layer norm: ArchTraits
  bool norm_has_weight = true;
  RopeParams rope;
  int64_t window = 0;                              // sliding window in tokens; 0 = none
  std::vector<int64_t> is_local;                   // [n_layer] 1 where the layer sees the window alone; empty = none does
  float freq_base_window = 0;                      // rope base of the sliding layers
  float attention_scale = 0;                       // 0 = 1/sqrt(D)
  float attention_softcap = 0, logit_softcap = 0;  // 0 = none
  float embed_scale = 1, residual_scale = 1, logit_scale = 1;
  float clamp_qkv = 0;                                       // of queries, keys and values; 0 = none
  float attention_result_scale = 1;                          // of what attn_output gives
  TemperatureAttrs temperature{.beta = 0, .n_ctx_orig = 1};  // of queries, by position; beta 0 = none
  LatentParams latent;
  std::vector<XieluAttrs> xielu;  // [n_layer], where it is the activation

  // Layers with a state of fixed size: short convolutions, state spaces, gated delta nets.
  struct Recurrent {
    int64_t conv_width = 0;  // K
    int64_t inner = 0;       // values of a token: n_head · P or n_head · Dv
    int64_t n_state = 0;     // N or Dk
    int64_t n_head = 0;      // Mamba 1: the rank of dt
    int64_t n_group = 1;     // that share b and c, or key heads
    bool operator==(const Recurrent&) const = default;
  } recurrent;
  bool normalise_dt_b_c = false;      // Mamba 1
  bool rope_is_used = true;           // a key may say that it is not
  std::vector<int64_t> is_recurrent;  // [n_layer] 1 where the layer has such a state in place of attention

  // Encoders, and what is made of the last rows.
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
  int64_t n_dense_lead = 0, moe_step = 1;    // the first layers have no experts, and of all only every moe_step-th has them
  int64_t expert_width = 0;                  // of what the experts read and give, where it is not C
  MoeAttrs moe{};                            // n_expert 0: there are none

  // Gemma 3n and 4.
  int64_t head_dim_local = 0, n_rot_local = 0;  // of the layers with a window
  int64_t n_shared_kv = 0;                      // the last layers have no cache of their own
  int64_t n_stream = 1, active_stream = 0;      // AltUp: parallel streams, and the one that blocks read
  std::vector<float> sparsity;                  // [n_layer] deviations above the mean that a gate must be; −infinity = any
  int64_t n_embd_per_layer = 0;                 // P: width of the embeddings that each layer gets of its own; 0 = none

  bool operator==(const Hparams&) const = default;
  bool layer_is_local(int64_t layer) const { return !is_local.empty() && is_local[static_cast<size_t>(layer)] != 0; }
  bool has_experts(int64_t layer) const { return moe.n_expert > 0 && layer >= n_dense_lead && (layer + 1) % moe_step == 0; }
  // The window of a layer, 0 where it sees everything.
  int64_t window_of(int64_t layer) const { return layer_is_local(layer) ? window : 0; }
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

// Experts: expert_count, expert_used_count, expert_feed_forward_length and what goes with them; gating and normalise are the
// architecture's where no key says otherwise. A file without experts is left as it is.
Result<void> read_experts(const HparamReader& reader, Hparams& hp, Gating gating, bool normalise);

// Queries that grow with their position: attention.temperature_scale and temperature_length, hp's own where a key is missing; the
// length is then that of the training before YaRN.
Result<void> read_temperature(const HparamReader& reader, Hparams& hp);

// YaRN's factor of magnitude 1 + 0.1 m ln(factor), 1 for a rope that is not stretched by it (Peng et al. 2023, arXiv 2309.00071).
float yarn_magnitude(const RopeParams& rope, float m);

// "ssm.…": conv_kernel, inner_size, state_size, time_step_rank and, unless the model is Mamba 1, group_count.
Result<void> read_recurrent(const HparamReader& reader, Hparams& hp, bool is_mamba_1 = false);

// What an architecture is, whatever a file's keys say.
struct ArchTraits {
  bool hybrid = false;      // a layer may lack attention or the feed-forward part, which zeros in their keys say
  bool layer_norm = false;  // else RMS norm: converters write both keys of epsilon where a model's config has both
};

// What all models share: sizes, heads, norm, rope. Errors name key, value and range.
Result<Hparams> read_common_hparams(const HparamReader& reader, const ArchTraits& traits);

}  // namespace lupo
