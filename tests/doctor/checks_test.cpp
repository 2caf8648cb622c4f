#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hardware/checks.h"
#include "memory/checks.h"
#include "model/checks.h"
#include "model/gguf/writer.h"
#include "quant/checks.h"
#include "runtime/checks.h"
#include "test_folder.h"

namespace lupo {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> codes(const std::vector<Finding>& findings) {
  std::vector<std::string> codes;
  for (const Finding& finding : findings) codes.push_back(finding.code);
  return codes;
}

Machine recorded(const std::string& name, double read_gbps = 20) {
  Machine machine = *probe(RecordedEnv(std::string(LUPO_TESTS_DIR) + "/machines/" + name));
  machine.measured = {.read_gbps = read_gbps, .threads = machine.usable_threads()};
  return machine;
}

TEST(HardwareChecks, AGoodMachineHasNothing) { EXPECT_THAT(check_hardware(recorded("smt_desktop"), {}), IsEmpty()); }

TEST(HardwareChecks, QuotaAndAffinity) {
  const auto quota = check_hardware(recorded("cgroup_v2_quota"), {});
  ASSERT_THAT(codes(quota), ElementsAre("quota-below-cores"));
  EXPECT_NEAR(quota[0].gain, 0.75 * (4 / 1.5 - 1), 1e-9) << "cores share what memory gives";
  EXPECT_NEAR(quota[0].gain_high, 4 / 1.5 - 1, 1e-9);
  EXPECT_EQ(quota[0].severity, Severity::warning);
  EXPECT_THAT(quota[0].evidence, HasSubstr("1.5 of 4"));
  EXPECT_THAT(codes(check_hardware(recorded("no_sys"), {})), ElementsAre("affinity-below-cores"));
}

TEST(HardwareChecks, Isa) {
  HardwareUse use;
  use.isa = "scalar";
  use.isa_best = "avx512vnni";
  EXPECT_THAT(codes(check_hardware(recorded("xeon_2core"), use)), ElementsAre("isa-forced"));
  Machine old = recorded("xeon_2core");
  old.cpu.isa = {"sse4.2", "avx"};
  EXPECT_THAT(codes(check_hardware(old, {})), ElementsAre("slow-isa"));
  Machine pi = recorded("raspberry_pi_5");
  EXPECT_THAT(check_hardware(pi, {}), IsEmpty());
  pi.cpu.isa = {"neon"};
  EXPECT_THAT(codes(check_hardware(pi, {})), ElementsAre("slow-isa"));
}

TEST(HardwareChecks, LoadStealAndRoof) {
  HardwareUse use;
  use.load_before.busy = 0.5;
  use.load_during.steal = 0.2;
  use.decode_gbps = 15;
  const auto findings = check_hardware(recorded("xeon_2core"), use);
  EXPECT_THAT(codes(findings), ElementsAre("busy", "cpu-steal", "bandwidth-roof"));
  EXPECT_NEAR(findings[0].gain, 1 / 0.75 - 1, 1e-9) << "who had half of it alone has a quarter beside us";
  EXPECT_NEAR(findings[1].gain, 0.25, 1e-9);
  use.others_busy = 0.5;
  EXPECT_NEAR(check_hardware(recorded("xeon_2core"), use)[0].gain, 1, 1e-9) << "seen during the run";
  use = {};
  use.decode_gbps = 5;
  EXPECT_THAT(check_hardware(recorded("xeon_2core"), use), IsEmpty()) << "a quarter of the roof is not the roof";
}

TEST(CpuLoad, BetweenTwoLooks) {
  const CpuLoad load = load_between({.busy = 100, .idle = 1000, .steal = 0}, {.busy = 130, .idle = 1060, .steal = 10});
  EXPECT_DOUBLE_EQ(load.busy, 0.3);
  EXPECT_DOUBLE_EQ(load.steal, 0.1);
  EXPECT_EQ(load_between({}, {}).busy, 0);
  EXPECT_TRUE(read_cpu_times(real_env()));
  EXPECT_FALSE(read_cpu_times(RecordedEnv("/nonexistent")));
}

MemoryUse memory_use() {
  MemoryUse use;
  use.bytes = {.weights = int64_t{4} << 30, .kv = int64_t{256} << 20, .state = 0, .scratch = int64_t{16} << 20};
  use.n_ctx = use.n_ctx_train = 4096;
  use.bytes_per_token = int64_t{4} << 30;
  return use;
}

TEST(MemoryChecks, FitsWithRoom) { EXPECT_THAT(check_memory(recorded("smt_desktop"), memory_use(), "m.gguf"), IsEmpty()); }

TEST(MemoryChecks, DoesNotFitSaysWhatWould) {
  MemoryUse use = memory_use();
  use.fits = false;
  use.fitting_flags = "--ctx 1024 --kv-type f16";
  const auto findings = check_memory(recorded("cgroup_v1"), use, "m.gguf");
  ASSERT_THAT(codes(findings), ElementsAre("does-not-fit"));
  EXPECT_EQ(findings[0].severity, Severity::problem);
  EXPECT_EQ(findings[0].fix, "lupo run m.gguf --ctx 1024 --kv-type f16");
  EXPECT_THAT(findings[0].evidence, HasSubstr("cgroup limit 2.00 GiB"));
  use.fitting_flags.clear();
  EXPECT_THAT(check_memory(recorded("cgroup_v1"), use, "m.gguf")[0].fix, HasSubstr("lupo plan m.gguf"));
}

TEST(MemoryChecks, TightSwappingAndCut) {
  MemoryUse use = memory_use();
  Machine machine = recorded("smt_desktop");
  machine.ram.available_bytes = int64_t{5} << 30;
  EXPECT_THAT(codes(check_memory(machine, use, "m")), ElementsAre("memory-tight"));
  machine = recorded("smt_desktop");
  machine.ram.available_bytes = machine.ram.total_bytes / 20;
  machine.ram.swap_free_bytes = 0;
  EXPECT_THAT(codes(check_memory(machine, use, "m")), Contains("swapping"));
  use.n_ctx = 1024;
  EXPECT_THAT(codes(check_memory(recorded("smt_desktop"), use, "m")), ElementsAre("context-cut"));
  use.ctx_asked = true;
  EXPECT_THAT(check_memory(recorded("smt_desktop"), use, "m"), IsEmpty());
}

TEST(MemoryChecks, HeavyCache) {
  MemoryUse use = memory_use();
  use.bytes.kv = use.bytes_per_token;
  const auto findings = check_memory(recorded("hybrid_intel"), use, "m");
  ASSERT_THAT(codes(findings), ElementsAre("cache-heavy"));
  EXPECT_NEAR(findings[0].gain, 2 / (1 + 8.5 / 16) - 1, 1e-9);
  use.kv_bits = 8.5;
  EXPECT_THAT(check_memory(recorded("hybrid_intel"), use, "m"), IsEmpty());
}

TEST(MemoryChecks, AContextThatNobodyUses) {
  MemoryUse use = memory_use();
  use.n_answers = 5;
  use.n_used_max = 300;
  use.n_ctx_enough = 512;
  use.freed_bytes = use.bytes.total() / 4;
  const auto findings = check_memory(recorded("smt_desktop"), use, "m");
  ASSERT_THAT(codes(findings), ElementsAre("context-unused"));
  EXPECT_EQ(findings[0].severity, Severity::info) << "there is room for both";
  EXPECT_FALSE(findings[0].limits);
  EXPECT_EQ(findings[0].fix, "lupo run m --ctx 512");
  EXPECT_EQ(findings[0].freed_bytes, use.freed_bytes);
  Machine small = recorded("smt_desktop");
  small.ram.available_bytes = use.bytes.total() + use.freed_bytes;
  small.ram.available_bytes = 3 * use.freed_bytes;
  EXPECT_EQ(check_memory(small, use, "m").back().severity, Severity::warning) << "memory is what is short";
  use.n_answers = 2;
  EXPECT_THAT(check_memory(recorded("smt_desktop"), use, "m"), IsEmpty()) << "two are no habit";
}

TEST(MemoryChecks, WeightsThatComeFromTheDiskAgain) {
  MemoryUse use = memory_use();
  use.disk_bytes = int64_t{100} << 20;
  use.undisturbed_gain = 3;
  const auto findings = check_memory(recorded("smt_desktop"), use, "m");
  ASSERT_THAT(codes(findings), ElementsAre("reread-from-disk"));
  EXPECT_EQ(findings[0].gain, 3);
  EXPECT_THAT(findings[0].evidence, HasSubstr("100.0 MiB"));
}

TEST(HardwareChecks, SlowDisk) {
  HardwareUse use;
  use.file_bytes = int64_t{4} << 30;
  use.file_read_gbps = 0.05;
  use.disk_read_gbps = 1;
  const auto findings = check_hardware(recorded("smt_desktop"), use);
  ASSERT_THAT(codes(findings), ElementsAre("slow-disk"));
  EXPECT_GT(findings[0].gain, 12);
  EXPECT_LT(findings[0].gain, 15) << "twenty times the rate, but the disk is not all of it";
  EXPECT_EQ(findings[0].gain_of, "loading");
  EXPECT_FALSE(findings[0].limits) << "once it is loaded the disk does not matter";
  use.file_bytes = 1 << 20;
  EXPECT_THAT(check_hardware(recorded("smt_desktop"), use), IsEmpty()) << "nobody waits for a moment";
  use.file_bytes = int64_t{4} << 30;
  use.file_read_gbps = 0.9;
  EXPECT_THAT(check_hardware(recorded("smt_desktop"), use), IsEmpty());
  use.file_read_gbps = 0;
  EXPECT_THAT(check_hardware(recorded("smt_desktop"), use), IsEmpty()) << "not known";
}

RuntimeUse runtime_use(int n_threads) {
  RuntimeUse use;
  use.n_threads = n_threads;
  use.n_ctx = use.n_ctx_train = 4096;
  use.bytes_per_token = 1000;
  use.kv_bytes = 1000;
  return use;
}

TEST(RuntimeChecks, Threads) {
  const Machine machine = recorded("smt_desktop", 40);
  EXPECT_THAT(check_runtime(machine, runtime_use(8), "m"), IsEmpty());
  EXPECT_THAT(codes(check_runtime(machine, runtime_use(16), "m")), ElementsAre("threads-too-many"));
  RuntimeUse few = runtime_use(2);
  few.decode_gbps = 25;
  const auto findings = check_runtime(machine, few, "m");
  ASSERT_THAT(codes(findings), ElementsAre("threads-too-few"));
  EXPECT_NEAR(findings[0].gain, 40.0 / 25 - 1, 1e-9) << "four times the cores, but the memory ends before";
  EXPECT_EQ(findings[0].fix, "lupo run m --threads 8");
}

TEST(RuntimeChecks, CacheTypeContextBackendRoof) {
  const Machine machine = recorded("xeon_2core", 20);
  RuntimeUse use = runtime_use(2);
  use.k_type = Type::f32;
  const auto findings = check_runtime(machine, use, "m");
  ASSERT_THAT(codes(findings), ElementsAre("kv-f32"));
  EXPECT_NEAR(findings[0].gain, 2000.0 / 1500 - 1, 1e-9);
  use = runtime_use(2);
  use.n_ctx = 8192;
  EXPECT_THAT(codes(check_runtime(machine, use, "m")), ElementsAre("context-beyond-training"));
  use = runtime_use(2);
  use.backend = "ref";
  EXPECT_THAT(codes(check_runtime(machine, use, "m")), ElementsAre("backend-ref"));
  use = runtime_use(2);
  use.decode_gbps = 4;
  EXPECT_THAT(codes(check_runtime(machine, use, "m")), ElementsAre("below-roof"));
}

TEST(RuntimeChecks, AContextTooSmall) {
  const Machine machine = recorded("smt_desktop", 40);
  RuntimeUse use = runtime_use(8);
  use.n_answers = 4;
  use.n_short = 2;
  use.n_ctx_short = 256;
  use.n_used_max = 900;
  const auto findings = check_runtime(machine, use, "m");
  ASSERT_THAT(codes(findings), ElementsAre("context-too-small"));
  EXPECT_EQ(findings[0].fix, "lupo run m --ctx 2048") << "a quarter more than the longest, a power of two";
  EXPECT_THAT(findings[0].evidence, HasSubstr("2 of the last 4"));
  use.n_used_max = 3500;
  EXPECT_EQ(check_runtime(machine, use, "m")[0].fix, "lupo run m --ctx 4096") << "as trained";
  use.n_used_max = 5000;
  EXPECT_THAT(check_runtime(machine, use, "m")[0].fix, HasSubstr("more than 4096 tokens"));
}

TEST(RuntimeChecks, ACacheOfNoUse) {
  const Machine machine = recorded("smt_desktop", 40);
  RuntimeUse use = runtime_use(8);
  use.n_turns = 3;
  use.n_held = 1000;
  use.n_reused = 900;
  EXPECT_THAT(check_runtime(machine, use, "m"), IsEmpty());
  use.n_reused = 10;
  use.first_token_gain = {5, 7, 9};
  const auto findings = check_runtime(machine, use, "m");
  ASSERT_THAT(codes(findings), ElementsAre("prefix-cache-missed"));
  EXPECT_EQ(findings[0].gain_of, "first token");
  EXPECT_EQ(findings[0].gain, 7);
  EXPECT_EQ(findings[0].gain_low, 5);
  EXPECT_EQ(findings[0].gain_high, 9);
  use.n_turns = 2;
  EXPECT_THAT(check_runtime(machine, use, "m"), IsEmpty()) << "two turns tell nothing";
  use.template_changes = "the template writes the time";
  EXPECT_THAT(codes(check_runtime(machine, use, "m")), ElementsAre("prefix-cache-missed")) << "a template tells it at once";
}

TEST(RuntimeChecks, ADraftThatSlows) {
  const Machine machine = recorded("smt_desktop", 40);
  RuntimeUse use = runtime_use(8);
  use.n_drafted = 2;
  use.draft_gain = 0.8;
  const auto findings = check_runtime(machine, use, "m");
  ASSERT_THAT(codes(findings), ElementsAre("draft-slows"));
  EXPECT_NEAR(findings[0].gain, 0.25, 1e-9);
  use.draft_gain = 1.2;
  EXPECT_THAT(check_runtime(machine, use, "m"), IsEmpty());
}

TEST(QuantizationChecks, BitsAndGain) {
  EXPECT_DOUBLE_EQ(bits_per_weight({{Type::q4_0, 18 * 100}}), 4.5);
  EXPECT_DOUBLE_EQ(bits_per_weight({{Type::q4_0, 18}, {Type::f16, 64}}), (18 + 64) * 8.0 / 64);
  const auto wide = check_quantization({{{Type::f16, 1 << 20}}, 0}, "m");
  ASSERT_THAT(codes(wide), ElementsAre("wide-weights"));
  EXPECT_EQ(wide[0].severity, Severity::warning);
  EXPECT_NEAR(wide[0].gain, 16 / 4.85 - 1, 1e-6);
  const auto eight = check_quantization({{{Type::q8_0, 1 << 20}}, 0}, "m");
  ASSERT_THAT(codes(eight), ElementsAre("wide-weights"));
  EXPECT_EQ(eight[0].severity, Severity::info);
  EXPECT_THAT(check_quantization({{{Type::q4_k, 1 << 20}, {Type::q6_k, 1 << 18}}, 0}, "m"), IsEmpty());
  EXPECT_THAT(codes(check_quantization({{{Type::q2_k, 1 << 20}}, 0}, "m")), ElementsAre("few-bits"));
  EXPECT_THAT(check_quantization({}, "m"), IsEmpty());
}

TEST(ModelChecks, WhatTheTokenizerNotes) {
  const auto check = [](bool with_pre, std::vector<std::string> notes) {
    const TestFolder folder;
    gguf::Writer writer;
    writer.set("general.architecture", "llama");
    writer.set("general.name", "A chat model");
    writer.set("tokenizer.ggml.model", "gpt2");
    writer.set("tokenizer.chat_template", "x");
    if (with_pre) writer.set("tokenizer.ggml.pre", "llama-bpe");
    EXPECT_TRUE(writer.write(folder.path("m.gguf")));
    const auto file = gguf::File::open(folder.path("m.gguf"));
    EXPECT_TRUE(file) << file.error().what;
    return check_model(*file, notes);
  };
  EXPECT_THAT(check(true, {}), IsEmpty());
  EXPECT_THAT(codes(check(false, {})), ElementsAre("pre-tokenizer-missing"));
  const std::vector<Finding> noted = check(true, {"one", "two"});
  ASSERT_THAT(codes(noted), ElementsAre("tokenizer-notes"));
  EXPECT_EQ(noted[0].evidence, "one; two");
  EXPECT_FALSE(noted[0].limits);
}

}  // namespace
}  // namespace lupo
