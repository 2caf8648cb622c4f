// Other models beside the examined one: files of true headers whose weights are a hole, so that they run, and give zeros.
#include "doctor/neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "big_model.h"
#include "doctor_data.h"

namespace lupo {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// This machine with a cache and a history of its own.
class EnvIn final : public Env {
 public:
  explicit EnvIn(const TestFolder& folder) : folder_(folder) {}
  std::optional<std::string> read_text(const std::string& path) const override { return real_env().read_text(path); }
  std::vector<std::string> list(const std::string& directory) const override { return real_env().list(directory); }
  std::optional<std::string> read_link(const std::string& path) const override { return real_env().read_link(path); }
  std::optional<std::string> variable(const std::string& name) const override {
    return name == "LUPO_CACHE" || name == "LUPO_STATE" ? folder_.path(name) : real_env().variable(name);
  }
  std::vector<int> affinity() const override { return real_env().affinity(); }

 private:
  const TestFolder& folder_;
};

constexpr int64_t kVocab = 512;

// A llama of n_layer blocks, dense or with so many experts of which a token takes one.
BigModel llama(Type type, int64_t n_layer, int64_t n_expert = 0, int64_t n_embd = 256) {
  const int64_t n_ff = 2 * n_embd;
  const auto n_head = static_cast<uint32_t>(n_embd / 64);
  BigModel m("m", "llama");
  sizes(m, static_cast<uint32_t>(n_layer), static_cast<uint32_t>(n_embd), n_head, n_head, 64, static_cast<uint32_t>(n_ff), kVocab,
        1024)
      .key("rope.dimension_count", 64u);
  if (n_expert > 0) m.key("expert_count", static_cast<uint32_t>(n_expert)).key("expert_used_count", 1u);
  m.general("basename", "Toy").general("finetune", "instruct");
  m.top().matrix("token_embd.weight", type, {n_embd, kVocab}).vector("output_norm.weight", n_embd);
  for (int64_t i = 0; i < n_layer; ++i) {
    m.in(i).vector("attn_norm.weight", n_embd).vector("ffn_norm.weight", n_embd);
    for (const char* name : {"attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight"})
      m.matrix(name, type, {n_embd, n_embd});
    if (n_expert == 0) {
      m.matrix("ffn_gate.weight", type, {n_embd, n_ff}).matrix("ffn_up.weight", type, {n_embd, n_ff});
      m.matrix("ffn_down.weight", type, {n_ff, n_embd});
    } else {
      m.matrix("ffn_gate_inp.weight", Type::f32, {n_embd, n_expert});
      m.matrix("ffn_gate_exps.weight", type, {n_embd, n_ff, n_expert})
          .matrix("ffn_up_exps.weight", type, {n_embd, n_ff, n_expert});
      m.matrix("ffn_down_exps.weight", type, {n_ff, n_embd, n_expert});
    }
  }
  return m;
}

std::vector<std::string> names(const Neighbours& found) {
  std::vector<std::string> names;
  for (const ModelChoice& other : found.others) names.push_back(std::filesystem::path(other.path).filename());
  return names;
}

std::vector<std::string> codes(const std::vector<Finding>& findings) {
  std::vector<std::string> codes;
  for (const Finding& finding : findings) codes.push_back(finding.code);
  return codes;
}

// neighbours_of for a model that is not run, on a machine of known speed.
class Beside : public testing::Test {
 protected:
  Beside() {
    machine_.ram.available_bytes = int64_t{1} << 30;
    llama(Type::q8_0, 2).write(folder_.path("toy-Q8_0.gguf"));
  }

  Neighbours look(double speed = 1) {
    const Result<Model> model = Model::open(folder_.path("toy-Q8_0.gguf"));
    EXPECT_TRUE(model) << model.error().what;
    const Preview shown = *preview(*model, machine_, request_.runtime);
    request_.model = folder_.path("toy-Q8_0.gguf");
    ModelExam exam{.path = request_.model, .n_ctx = shown.graph.n_ctx, .bytes = shown.plan.bytes};
    Gains gains;
    if (speed > 0) {
      gains.calibration = calibration_for(shown.graph, speed);
      gains.calibration->node_seconds = 1e-6;
      for (const Type type : {Type::q4_k, Type::f32}) gains.calibration->kernels[type] = gains.calibration->kernels[Type::q8_0];
      gains.decode = interval_of(1 / decode_seconds(shown.graph, *gains.calibration, kExamDepth), {0, 0.1});
    }
    return neighbours_of(EnvIn(folder_), *model, shown, machine_, request_, exam, gains);
  }

  TestFolder folder_;
  Machine machine_;
  DoctorRequest request_{.model = "", .runtime = {}, .isa = "x", .isa_best = "x"};
};

TEST_F(Beside, ALargerOneOfFewerBits) {
  EXPECT_THAT(names(look()), IsEmpty());
  llama(Type::q4_k, 6).write(folder_.path("toy-large-Q4_K.gguf"));
  const Neighbours found = look();
  ASSERT_THAT(names(found), ElementsAre("toy-large-Q4_K.gguf"));
  EXPECT_DOUBLE_EQ(found.others[0].bits_per_weight, 4.5);
  EXPECT_EQ(found.others[0].n_ctx, 1024);
  ASSERT_TRUE(found.used.decode_tps && found.others[0].decode_tps);
  EXPECT_LT(found.others[0].decode_tps->middle, found.used.decode_tps->middle) << "more bytes at the same rate";
  const std::vector<Finding> findings = check_neighbours(found);
  ASSERT_THAT(codes(findings), ElementsAre("bigger-fits"));
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_EQ(findings[0].fix, "lupo run " + folder_.path("toy-large-Q4_K.gguf"));
  EXPECT_FALSE(look(0).others[0].decode_tps) << "nothing was measured";
}

TEST_F(Beside, OfRealSizeWhatFitsAlone) {
  BigModel large = llama(Type::q4_k, 24, 0, 2048);  // 0.53 GiB
  large.write(folder_.path("toy-large-Q4_K.gguf"));
  ASSERT_THAT(names(look()), ElementsAre("toy-large-Q4_K.gguf"));
  machine_.ram.available_bytes = int64_t{700} << 20;  // of which a part stays in reserve
  EXPECT_THAT(names(look()), IsEmpty());
}

TEST_F(Beside, AMixtureIsFasterOnASlowMachine) {
  llama(Type::q8_0, 2, 32).write(folder_.path("mixture-Q8_0.gguf"));
  EXPECT_THAT(codes(check_neighbours(look())), IsEmpty()) << "both are fast";
  llama(Type::q8_0, 8).write(folder_.path("toy-Q8_0.gguf"));
  const Neighbours found = look(1e-3);
  ASSERT_THAT(names(found), ElementsAre("mixture-Q8_0.gguf"));
  EXPECT_TRUE(found.others[0].is_mixture);
  EXPECT_LT(found.others[0].params_active, found.others[0].params_total / 3);
  const std::vector<Finding> findings = check_neighbours(found);
  ASSERT_THAT(codes(findings), ElementsAre("moe-faster"));
  EXPECT_GE(findings[0].gain, 0.3);
  EXPECT_NEAR(1 + findings[0].gain, found.others[0].decode_tps->middle / found.used.decode_tps->middle, 1e-9);
}

TEST_F(Beside, TheSameModelWithFewerBits) {
  llama(Type::q4_k, 2).write(folder_.path("toy-Q4_K.gguf"));
  const Neighbours found = look();
  ASSERT_THAT(names(found), ElementsAre("toy-Q4_K.gguf"));
  EXPECT_THAT(check_neighbours(found), IsEmpty());
  const auto narrower = narrower_at_hand(found);
  ASSERT_TRUE(narrower);
  EXPECT_EQ(narrower->fix, "lupo run " + folder_.path("toy-Q4_K.gguf"));
  EXPECT_GT(narrower->gain, 0.25);
}

TEST_F(Beside, WhatIsNoModelToTalkToIsLeftOut) {
  const BigModel large = llama(Type::q4_k, 6);
  const std::string whole = folder_.path("whole");
  large.write(whole);
  for (const char* name :
       {"mmproj-large-Q4_K.gguf", "large-LoRA.gguf", "large-draft-Q4_K.gguf", "large.gguf.part", "toy-embedding-Q4_K.gguf",
        "toy-reranker-Q4_K.gguf", "large-00002-of-00002.gguf", "large-00001-of-00002.gguf", "large\nrm -rf x.gguf"})
    large.write(folder_.path(name));
  std::filesystem::create_directory(folder_.path("below"));
  large.write(folder_.path("below/large-Q4_K.gguf"));
  std::filesystem::create_directory(folder_.path("folder.gguf"));
  std::filesystem::create_symlink(folder_.path("toy-Q8_0.gguf"), folder_.path("itself.gguf"));
  std::filesystem::create_symlink(folder_.path("nowhere"), folder_.path("nothing.gguf"));
  ASSERT_EQ(mkfifo(folder_.path("pipe.gguf").c_str(), 0600), 0);  // opening it would wait for ever
  std::ofstream(folder_.path("web.gguf")) << "<html>";
  std::filesystem::copy_file(whole, folder_.path("cut.gguf"));
  std::filesystem::resize_file(folder_.path("cut.gguf"), 2000);
  EXPECT_THAT(names(look()), IsEmpty());
  std::filesystem::create_symlink(whole, folder_.path("linked.gguf"));
  EXPECT_THAT(names(look()), ElementsAre("linked.gguf")) << "as a store of models links them";
}

TEST_F(Beside, NotMoreThanSixtyFour) {
  const BigModel large = llama(Type::q4_k, 3);
  for (int i = 0; i < 70; ++i) large.write(folder_.path("z" + std::to_string(1000 + i) + ".gguf"));
  const std::vector<std::string> found = names(look());
  ASSERT_LE(found.size(), 64u);
  EXPECT_THAT(found, Contains("z1000.gguf"));
}

TEST_F(Beside, AContextThatWasAskedFor) {
  llama(Type::q4_k, 6).write(folder_.path("toy-large-Q4_K.gguf"));
  request_.runtime.n_ctx = 512;
  const Neighbours shorter = look();
  ASSERT_EQ(shorter.others.size(), 1u);
  EXPECT_EQ(shorter.others[0].n_ctx, 512);
  EXPECT_THAT(check_neighbours(shorter)[0].fix, HasSubstr(" --ctx 512"));
  request_.runtime.n_ctx = 2048;
  EXPECT_THAT(names(look()), IsEmpty()) << "it was trained for 1024";
}

// The whole of doctor, with a calibration at hand that makes this machine a slow one.
Result<Diagnosis> diagnosed(const TestFolder& folder, const std::string& model) {
  const EnvIn env(folder);
  const Machine machine = *probe(env);
  const CalibrationStore store(env, machine, "x");
  for (const ActivationBits bits : {ActivationBits::chosen, ActivationBits::eight}) {
    const Model shape = *Model::open(model);
    Calibration slow = calibration_for(*shape.graph({.n_ctx = 64, .n_batch = 64}), 1e-3);
    slow.n_threads = machine.usable_threads();
    slow.activations = bits;
    slow.node_seconds = 1e-6;
    for (const Type type : {Type::q4_k, Type::f32}) slow.kernels[type] = slow.kernels[Type::q8_0];
    for (const auto& [attend, speed] : std::map(slow.attends)) {
      AttendShape narrow = attend;
      narrow.k_type = Type::q8_0;
      slow.attends[narrow] = speed;
    }
    EXPECT_TRUE(store.put(slow));
  }
  return diagnose(env, {.model = model, .runtime = {}, .isa = "x", .isa_best = "x"});
}

TEST(Diagnose, NamesTheLargerModelBesideASmallOne) {
  const TestFolder folder;
  llama(Type::q8_0, 2).write(folder.path("toy-Q8_0.gguf"));
  llama(Type::q4_k, 4).write(folder.path("toy-large-Q4_K.gguf"));
  const Result<Diagnosis> d = diagnosed(folder, folder.path("toy-Q8_0.gguf"));
  ASSERT_TRUE(d) << d.error().what;
  EXPECT_GT(d->exam->decode_tps, 0) << "it was run";
  const auto found = std::ranges::find(d->findings, "bigger-fits", &Finding::code);
  ASSERT_NE(found, d->findings.end());
  EXPECT_EQ(found->fix, "lupo run " + folder.path("toy-large-Q4_K.gguf"));
  EXPECT_THAT(found->evidence, HasSubstr("tok/s"));
}

TEST(Diagnose, NamesTheMixtureBesideADenseModel) {
  const TestFolder folder;
  llama(Type::q8_0, 8).write(folder.path("toy-Q8_0.gguf"));
  llama(Type::q8_0, 2, 32).write(folder.path("mixture-Q8_0.gguf"));
  llama(Type::q4_k, 8).write(folder.path("toy-Q4_K.gguf"));
  const Result<Diagnosis> d = diagnosed(folder, folder.path("toy-Q8_0.gguf"));
  ASSERT_TRUE(d) << d.error().what;
  const auto found = std::ranges::find(d->findings, "moe-faster", &Finding::code);
  ASSERT_NE(found, d->findings.end());
  EXPECT_EQ(found->fix, "lupo run " + folder.path("mixture-Q8_0.gguf"));
  EXPECT_GT(found->gain, 0.3);
  EXPECT_LT(found->gain_low, found->gain);
  EXPECT_GT(found->gain_high, found->gain);
  const auto narrower = std::ranges::find(d->findings, "wide-weights", &Finding::code);
  ASSERT_NE(narrower, d->findings.end());
  EXPECT_EQ(narrower->fix, "lupo run " + folder.path("toy-Q4_K.gguf"));
}

}  // namespace
}  // namespace lupo
