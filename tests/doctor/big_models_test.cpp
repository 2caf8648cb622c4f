// Facts of known models, from headers of their real sizes (configurations as published with each): what is loaded, what is read for
// a token, what the cache takes, and how fast listed devices can be at most.
#include <gtest/gtest.h>

#include "big_model.h"
#include "doctor/nominal.h"
#include "hardware/devices.h"
#include "runtime/runtime.h"

namespace lupo {
namespace {

constexpr double kGiB = 1 << 30;

// Llama 3 8B.
Model llama_8b(Type type) {
  BigModel m("llama-8b", "llama");
  sizes(m, 32, 4096, 32, 8, 128, 14336, 128256, 131072).key("rope.dimension_count", 128u);
  m.top().matrix("token_embd.weight", type, {4096, 128256}).matrix("output.weight", type, {4096, 128256}).vector("output_norm.weight", 4096);
  for (int64_t i = 0; i < 32; ++i) {
    m.in(i).vector("attn_norm.weight", 4096).vector("ffn_norm.weight", 4096);
    m.matrix("attn_q.weight", type, {4096, 4096}).matrix("attn_k.weight", type, {4096, 1024});
    m.matrix("attn_v.weight", type, {4096, 1024}).matrix("attn_output.weight", type, {4096, 4096});
    m.matrix("ffn_gate.weight", type, {4096, 14336}).matrix("ffn_up.weight", type, {4096, 14336});
    m.matrix("ffn_down.weight", type, {14336, 4096});
  }
  return m.open();
}

void add_experts(BigModel& m, Type type, int64_t n_embd, int64_t n_ff, int64_t n_expert) {
  m.matrix("ffn_gate_inp.weight", Type::f32, {n_embd, n_expert});
  m.matrix("ffn_gate_exps.weight", type, {n_embd, n_ff, n_expert}).matrix("ffn_up_exps.weight", type, {n_embd, n_ff, n_expert});
  m.matrix("ffn_down_exps.weight", type, {n_ff, n_embd, n_expert});
}

Model qwen3_30b_a3b() {
  constexpr Type kType = Type::q4_k;
  BigModel m("qwen3-30b-a3b", "qwen3moe");
  sizes(m, 48, 2048, 32, 4, 128, 6144, 151936, 262144).key("expert_count", 128u).key("expert_used_count", 8u);
  m.key("expert_feed_forward_length", 768u);
  m.top().matrix("token_embd.weight", kType, {2048, 151936}).matrix("output.weight", kType, {2048, 151936}).vector("output_norm.weight", 2048);
  for (int64_t i = 0; i < 48; ++i) {
    m.in(i).vector("attn_norm.weight", 2048).vector("ffn_norm.weight", 2048).vector("attn_q_norm.weight", 128).vector("attn_k_norm.weight", 128);
    m.matrix("attn_q.weight", kType, {2048, 4096}).matrix("attn_k.weight", kType, {2048, 512});
    m.matrix("attn_v.weight", kType, {2048, 512}).matrix("attn_output.weight", kType, {4096, 2048});
    add_experts(m, kType, 2048, 768, 128);
  }
  return m.open();
}

Model gpt_oss_120b() {
  constexpr Type kDense = Type::q8_0;
  BigModel m("gpt-oss-120b", "gpt-oss");
  sizes(m, 36, 2880, 64, 8, 64, 2880, 201088, 131072).key("expert_count", 128u).key("expert_used_count", 4u);
  m.key("expert_feed_forward_length", 2880u).key("attention.sliding_window", 128u).key("rope.dimension_count", 64u);
  m.top().matrix("token_embd.weight", kDense, {2880, 201088}).matrix("output.weight", kDense, {2880, 201088}).vector("output_norm.weight", 2880);
  for (int64_t i = 0; i < 36; ++i) {
    m.in(i).vector("attn_norm.weight", 2880).vector("post_attention_norm.weight", 2880).vector("attn_sinks.weight", 64);
    m.matrix("attn_q.weight", kDense, {2880, 4096}).matrix("attn_k.weight", kDense, {2880, 512});
    m.matrix("attn_v.weight", kDense, {2880, 512}).matrix("attn_output.weight", kDense, {4096, 2880});
    m.vector("attn_q.bias", 4096).vector("attn_k.bias", 512).vector("attn_v.bias", 512).vector("attn_output.bias", 2880);
    add_experts(m, Type::mxfp4, 2880, 2880, 128);
    m.vector("ffn_gate_inp.bias", 128);
    for (const char* name : {"ffn_gate_exps.bias", "ffn_up_exps.bias", "ffn_down_exps.bias"}) m.matrix(name, Type::f32, {2880, 128});
  }
  return m.open();
}

Model deepseek_v3() {
  constexpr Type kType = Type::q4_k;
  BigModel m("deepseek-v3", "deepseek2");
  sizes(m, 61, 7168, 128, 1, 576, 18432, 129280, 163840).key("attention.value_length", 512u).key("rope.dimension_count", 64u);
  m.key("attention.q_lora_rank", 1536u).key("attention.kv_lora_rank", 512u);
  m.key("attention.key_length_mla", 192u).key("attention.value_length_mla", 128u);
  m.key("expert_count", 256u).key("expert_used_count", 8u).key("expert_feed_forward_length", 2048u).key("expert_shared_count", 1u);
  m.key("leading_dense_block_count", 3u).key("expert_group_count", 8u).key("expert_group_used_count", 4u);
  m.key("expert_gating_func", 2u).key("expert_weights_norm", true).key("expert_weights_scale", 2.5f);
  m.top().matrix("token_embd.weight", kType, {7168, 129280}).matrix("output.weight", kType, {7168, 129280}).vector("output_norm.weight", 7168);
  for (int64_t i = 0; i < 61; ++i) {
    m.in(i).vector("attn_norm.weight", 7168).vector("ffn_norm.weight", 7168).vector("attn_q_a_norm.weight", 1536).vector("attn_kv_a_norm.weight", 512);
    m.matrix("attn_q_a.weight", kType, {7168, 1536}).matrix("attn_q_b.weight", kType, {1536, 24576});
    m.matrix("attn_kv_a_mqa.weight", kType, {7168, 576}).matrix("attn_output.weight", kType, {16384, 7168});
    m.matrix("attn_k_b.weight", Type::q8_0, {128, 512, 128}).matrix("attn_v_b.weight", Type::q8_0, {512, 128, 128});
    const std::string of = i < 3 ? ".weight" : "_shexp.weight";
    const int64_t n_ff = i < 3 ? 18432 : 2048;
    m.matrix("ffn_gate" + of, kType, {7168, n_ff}).matrix("ffn_up" + of, kType, {7168, n_ff}).matrix("ffn_down" + of, kType, {n_ff, 7168});
    if (i < 3) continue;
    add_experts(m, kType, 7168, 2048, 256);
    m.vector("exp_probs_b.bias", 256);
  }
  return m.open();
}

Model gemma3_27b() {
  constexpr Type kType = Type::q4_k;
  BigModel m("gemma3-27b", "gemma3");
  sizes(m, 62, 5376, 32, 16, 128, 21504, 262208, 131072).key("attention.sliding_window", 1024u);
  m.top().matrix("token_embd.weight", kType, {5376, 262208}).vector("output_norm.weight", 5376);
  for (int64_t i = 0; i < 62; ++i) {
    m.in(i).vector("attn_q_norm.weight", 128).vector("attn_k_norm.weight", 128);
    for (const char* name : {"attn_norm.weight", "post_attention_norm.weight", "ffn_norm.weight", "post_ffw_norm.weight"}) m.vector(name, 5376);
    m.matrix("attn_q.weight", kType, {5376, 4096}).matrix("attn_k.weight", kType, {5376, 2048});
    m.matrix("attn_v.weight", kType, {5376, 2048}).matrix("attn_output.weight", kType, {4096, 5376});
    m.matrix("ffn_gate.weight", kType, {5376, 21504}).matrix("ffn_up.weight", kType, {5376, 21504}).matrix("ffn_down.weight", kType, {21504, 5376});
  }
  return m.open();
}

Model qwen3_next_80b() {
  constexpr Type kType = Type::q4_k;
  BigModel m("qwen3-next-80b-a3b", "qwen3next");
  sizes(m, 48, 2048, 16, 2, 256, 5120, 151936, 262144).key("rope.dimension_count", 64u);
  m.key("expert_count", 512u).key("expert_used_count", 10u).key("expert_feed_forward_length", 512u).key("expert_shared_feed_forward_length", 512u);
  m.key("ssm.conv_kernel", 4u).key("ssm.inner_size", 4096u).key("ssm.state_size", 128u).key("ssm.time_step_rank", 32u).key("ssm.group_count", 16u);
  m.key("full_attention_interval", 4u);
  m.top().matrix("token_embd.weight", kType, {2048, 151936}).matrix("output.weight", kType, {2048, 151936}).vector("output_norm.weight", 2048);
  for (int64_t i = 0; i < 48; ++i) {
    m.in(i).vector("attn_norm.weight", 2048).vector("post_attention_norm.weight", 2048);
    if (i % 4 == 3) {
      m.matrix("attn_q.weight", kType, {2048, 8192}).matrix("attn_k.weight", kType, {2048, 512}).matrix("attn_v.weight", kType, {2048, 512});
      m.matrix("attn_output.weight", kType, {4096, 2048}).vector("attn_q_norm.weight", 256).vector("attn_k_norm.weight", 256);
    } else {
      m.matrix("attn_qkv.weight", kType, {2048, 8192}).matrix("attn_gate.weight", kType, {2048, 4096}).matrix("ssm_ba.weight", kType, {2048, 64});
      m.matrix("ssm_conv1d.weight", Type::f32, {4, 8192}).vector("ssm_a", 32).vector("ssm_dt.bias", 32).vector("ssm_norm.weight", 128);
      m.matrix("ssm_out.weight", kType, {4096, 2048});
    }
    add_experts(m, kType, 2048, 512, 512);
    m.matrix("ffn_gate_shexp.weight", kType, {2048, 512}).matrix("ffn_up_shexp.weight", kType, {2048, 512}).matrix("ffn_down_shexp.weight", kType, {512, 2048});
    m.vector("ffn_gate_inp_shexp.weight", 2048);
  }
  return m.open();
}

Preview planned(const Model& model, int64_t n_ctx) { return *preview(model, Machine{}, {.n_ctx = n_ctx}); }
double kv_gib(const Model& model, int64_t n_ctx) { return static_cast<double>(planned(model, n_ctx).plan.bytes.kv) / kGiB; }

struct On {
  Placement placement;
  std::optional<NominalSpeeds> speeds;
};
On on(const std::string& machine, const Model& model, int64_t n_ctx) {
  const Preview shown = planned(model, n_ctx);
  const NominalMachine nominal = nominal_of(*machine_on(machine));
  On result{place(shown.graph, shown.plan.bytes, nominal.rooms), {}};
  result.speeds = predict_nominal(shown.graph, result.placement, nominal, static_cast<double>(model.facts().params_active),
                                  {n_ctx / 2}, {512});
  return result;
}

TEST(BigModels, EightBillionInSixteenAndInFourBits) {
  EXPECT_NEAR(static_cast<double>(planned(llama_8b(Type::f16), 4096).plan.bytes.weights), 16e9, 0.2e9);
  const Model q4 = llama_8b(Type::q4_k);
  EXPECT_NEAR(static_cast<double>(planned(q4, 4096).plan.bytes.weights), 4.5e9, 0.5e9);
  EXPECT_DOUBLE_EQ(kv_gib(q4, 131072), 32 * kv_gib(q4, 4096)) << "the cache is linear in the context";
  EXPECT_DOUBLE_EQ(kv_gib(q4, 4096), 0.5);
}

TEST(BigModels, AMixtureLoadsAllAndReadsAFew) {
  const Model model = qwen3_30b_a3b();
  EXPECT_NEAR(static_cast<double>(model.facts().params_total), 30.5e9, 0.1e9);
  EXPECT_NEAR(static_cast<double>(model.facts().params_active), 3.3e9, 0.3e9);
  EXPECT_NEAR(static_cast<double>(gpt_oss_120b().facts().params_total), 117e9, 1e9);
  EXPECT_NEAR(static_cast<double>(deepseek_v3().facts().params_total), 671e9, 1e9);
  EXPECT_NEAR(static_cast<double>(qwen3_next_80b().facts().params_total), 80e9, 1e9);
}

TEST(BigModels, Caches) {
  EXPECT_NEAR(kv_gib(deepseek_v3(), 8192), 0.54, 0.005);
  EXPECT_NEAR(kv_gib(gemma3_27b(), 131072), 10.6, 0.05);
  EXPECT_NEAR(kv_gib(qwen3_next_80b(), 131072), 3.0, 0.005);
}

// Bytes of a token by hand: attention, experts that are used, head; at 4.5 bits (Q4_K), 4.25 (MXFP4), 8.5 (Q8_0), routers in F32.
constexpr double kQwen3Bytes = (48.0 * (2 * 2048 * 4096 + 2 * 2048 * 512 + 8 * 3 * 2048 * 768) + 2048.0 * 151936) * 4.5 / 8 +
    48.0 * 2048 * 128 * 4;
constexpr double kGptOssBytes = (36.0 * (2 * 2880 * 4096 + 2 * 2880 * 512) + 2880.0 * 201088) * 8.5 / 8 +
    36.0 * (4 * 3 * 2880 * 2880) * 4.25 / 8 + 36.0 * 2880 * 128 * 4;

TEST(BigModels, CeilingsOnListedDevices) {
  struct Case {
    const char* machine;
    double gbps;
  };
  for (const Case& c : {Case{"M4 Max 128GB", 546}, {"M3 Ultra 256GB", 819}, {"Ryzen AI Max+ 395 128GB", 256}}) {
    const On qwen3 = on(c.machine, qwen3_30b_a3b(), 8192), gpt_oss = on(c.machine, gpt_oss_120b(), 8192);
    ASSERT_TRUE(qwen3.speeds && gpt_oss.speeds) << c.machine;
    EXPECT_NEAR(qwen3.speeds->ceiling_tps, c.gbps * 1e9 / kQwen3Bytes, 0.02 * c.gbps * 1e9 / kQwen3Bytes) << c.machine;
    EXPECT_NEAR(gpt_oss.speeds->ceiling_tps, c.gbps * 1e9 / kGptOssBytes, 0.02 * c.gbps * 1e9 / kGptOssBytes) << c.machine;
    EXPECT_LE(qwen3.speeds->prediction.decode.front().tps.high, qwen3.speeds->ceiling_tps);
  }
  const On card = on("RTX 4090", qwen3_30b_a3b(), 8192);
  ASSERT_TRUE(card.speeds);
  EXPECT_NEAR(card.speeds->ceiling_tps, 1008e9 / kQwen3Bytes, 0.02 * 1008e9 / kQwen3Bytes);
  EXPECT_EQ(card.placement.n_gpu_layers, 48);
  EXPECT_FALSE(card.speeds->prediction.prefill.empty());
}

TEST(BigModels, WhatDoesNotFitIsSplit) {
  const On alone = on("RTX 4090", gpt_oss_120b(), 8192);
  EXPECT_FALSE(alone.placement.fits);
  EXPECT_FALSE(alone.speeds);
  const On split = on("RTX 4090 + DDR5-6000 96GB", gpt_oss_120b(), 8192);
  ASSERT_TRUE(split.placement.fits);
  EXPECT_EQ(split.placement.n_gpu_layers, 36) << "all but experts";
  EXPECT_GT(split.placement.n_ram_expert_layers, 15);
  EXPECT_LT(split.placement.n_ram_expert_layers, 36);
  EXPECT_LE(split.placement.gpu_bytes, static_cast<int64_t>(24 * kGiB));
  ASSERT_TRUE(split.speeds);
  EXPECT_TRUE(split.speeds->prediction.prefill.empty()) << "experts in RAM: nothing is known of that";
  const On two = on("2x RTX 3090 + DDR4-3200 64GB", gpt_oss_120b(), 8192);
  EXPECT_LT(two.placement.n_ram_expert_layers, split.placement.n_ram_expert_layers) << "two cards hold more";
  const On dense = on("RTX 4060 Ti 8GB + DDR5-6000 64GB", gemma3_27b(), 8192);
  EXPECT_GT(dense.placement.n_gpu_layers, 10);
  EXPECT_LT(dense.placement.n_gpu_layers, 62);
  EXPECT_EQ(dense.placement.n_ram_expert_layers, 0);
  const On ram = on("DDR5-6000 64GB", gemma3_27b(), 8192);
  EXPECT_EQ(ram.placement.n_gpu_layers, 0);
  ASSERT_TRUE(ram.speeds);
  EXPECT_LT(ram.speeds->ceiling_tps, dense.speeds->ceiling_tps);
}

}  // namespace
}  // namespace lupo
