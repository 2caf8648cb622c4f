#include "doctor/served/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/units.h"
#include "doctor/served/words.h"

namespace lupo {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> codes(const std::vector<Finding>& findings) {
  std::vector<std::string> codes;
  for (const Finding& finding : findings) codes.push_back(finding.code);
  return codes;
}

const Finding& only(const std::vector<Finding>& findings, const std::string& code) {
  static const Finding none{Layer::cli, "none", Severity::info, "", "", 0, ""};
  for (const Finding& finding : findings)
    if (finding.code == code) return finding;
  ADD_FAILURE() << "no " << code;
  return none;
}

// Nothing is wrong with these.
Served good(ServerKind kind) {
  Served s{.kind = kind, .url = "http://127.0.0.1:1", .same_host = true, .model = "qwen3:4b", .path = "/m/Qwen3-4B-Q4_K_M.gguf"};
  s.quantization = "Q4_K_M";
  s.n_params = 4'000'000'000;
  s.n_ctx_train = 32768;
  s.n_ctx = 32768;
  s.n_slots = 1;
  s.is_moe = false;
  s.has_template = s.keeps_system = s.can_chat = s.can_call_tools = true;
  s.run = ServedRun{.n_prompt = 300, .prefill_tps = 200, .n_decode = 32, .decode_tps = 10, .reused = 0.99};
  s.process = ServerProcess{.pid = 1, .arguments = {"llama-server"}};
  s.process->resident_bytes = 3 * kGiB;
  s.process->swapped_bytes = 0;
  return s;
}

Here here() {
  Here here{.machine = *probe(RecordedEnv(std::string(LUPO_TESTS_DIR) + "/machines/smt_desktop"))};
  here.machine.measured.read_gbps = 40;
  return here;
}

TEST(ServedChecks, NothingWrong) {
  const Here known = here();
  for (const ServerKind kind : {ServerKind::ollama, ServerKind::llama_server, ServerKind::openai}) {
    EXPECT_THAT(check_served(good(kind), &known), IsEmpty());
    EXPECT_THAT(check_served(good(kind), nullptr), IsEmpty());
  }
}

TEST(ServedChecks, NothingKnown) {
  EXPECT_THAT(check_served(Served{}, nullptr), IsEmpty());
  const Here known = here();
  EXPECT_THAT(check_served(Served{}, &known), IsEmpty());
}

// For the sanitizers: no sum or product of what a server claims overflows.
TEST(ServedChecks, AbsurdNumbers) {
  constexpr int64_t kMost = int64_t{1} << 53;
  const Here known = here();
  for (const int64_t n : {int64_t{0}, int64_t{1}, kMost}) {
    Served s = good(ServerKind::llama_server);
    s.n_params = s.n_layers = s.n_slots = s.file_bytes = s.loaded_bytes = s.gpu_bytes = s.n_prompt_read = s.n_prompt_kept = n;
    s.run = ServedRun{.n_prompt = n, .prefill_tps = 1e300, .n_decode = n, .decode_tps = 1e300, .reused = 0};
    s.process->flags.n_ctx = s.process->flags.n_slots = s.process->flags.n_threads = s.process->flags.n_gpu_layers = INT64_MAX;
    for (const int64_t trained : {int64_t{0}, int64_t{1} << 40, kMost})
      for (const int64_t n_ctx : {int64_t{0}, int64_t{1}, kMost}) {
        s.n_ctx_train = trained;
        s.n_ctx = n_ctx;
        for (const Finding& finding : check_served(s, &known)) EXPECT_LE(finding.gain, 100) << finding.code;
      }
  }
}

TEST(ServedChecks, ContextOfOllama) {
  Served s = good(ServerKind::ollama);
  s.n_ctx = 4096;
  const Finding cut = only(check_served(s, nullptr), "context-default");
  EXPECT_EQ(cut.layer, Layer::runtime);
  EXPECT_THAT(cut.evidence, HasSubstr("4096 tokens, trained for 32768"));
  EXPECT_THAT(cut.fix, HasSubstr("FROM qwen3:4b\\nPARAMETER num_ctx 16384"));
  EXPECT_THAT(cut.fix, HasSubstr("OLLAMA_CONTEXT_LENGTH=16384 ollama serve"));
  s.n_ctx.reset();  // an older Ollama does not tell; its runner's flags do
  s.process->flags.n_ctx = 8192;
  s.process->flags.n_slots = 4;
  EXPECT_THAT(only(check_served(s, nullptr), "context-default").evidence, HasSubstr("2048"));
  s.n_ctx = 65536;
  EXPECT_THAT(only(check_served(s, nullptr), "context-beyond-training").fix, HasSubstr("num_ctx 32768"));
  s.n_ctx = s.n_ctx_train = 2048;
  EXPECT_THAT(check_served(s, nullptr), IsEmpty()) << "all the model can";
}

TEST(ServedChecks, SlotsSplitTheContext) {
  Served s = good(ServerKind::llama_server);
  s.n_ctx = 2048;
  s.n_slots = s.process->flags.n_slots = 4;
  s.process->flags.n_ctx = 8192;
  const auto findings = check_served(s, nullptr);
  EXPECT_THAT(codes(findings), ElementsAre("slots-split-context"));
  EXPECT_THAT(findings[0].evidence, HasSubstr("-c 8192 over 4 slots: 2048 tokens each"));
  EXPECT_THAT(findings[0].fix, HasSubstr("llama-server -m /m/Qwen3-4B-Q4_K_M.gguf -c 8192 -np 1"));
  s.process->flags.n_ctx = 2048;  // a cache that is one for all
  EXPECT_THAT(codes(check_served(s, nullptr)), ElementsAre("context-default"));
}

TEST(ServedChecks, Threads) {
  const Here known = here();
  const int usable = known.machine.usable_threads();
  ASSERT_GT(usable, 1);
  Served s = good(ServerKind::llama_server);
  s.process->flags.n_threads = 2 * usable;
  EXPECT_THAT(only(check_served(s, &known), "threads-too-many").fix, HasSubstr("-t " + std::to_string(usable)));
  s.process->flags.n_threads = 1;
  EXPECT_NEAR(only(check_served(s, &known), "threads-too-few").gain, usable - 1, 1e-9);
  s.kind = ServerKind::ollama;
  EXPECT_THAT(only(check_served(s, &known), "threads-too-few").fix, HasSubstr("PARAMETER num_thread"));
  EXPECT_THAT(check_served(s, nullptr), IsEmpty()) << "another machine's cores are not known";
  s.process->arguments.clear();
  EXPECT_THAT(check_served(s, &known), IsEmpty()) << "nor flags that may not be read";
}

TEST(ServedChecks, Flags) {
  Served s = good(ServerKind::llama_server);
  s.process->flags.flash_attention = "off";
  s.process->flags.k_type = "f32";
  s.process->flags.jinja = false;
  auto findings = check_served(s, nullptr);
  EXPECT_THAT(codes(findings), ElementsAre("flash-attention-off", "kv-f32", "jinja-off"));
  EXPECT_THAT(findings[0].fix, HasSubstr("-fa on"));
  EXPECT_THAT(findings[1].fix, HasSubstr("-ctk f16 -ctv f16"));
  EXPECT_THAT(findings[2].fix, HasSubstr("--jinja"));
  s.kind = ServerKind::ollama;
  findings = check_served(s, nullptr);
  EXPECT_THAT(codes(findings), ElementsAre("flash-attention-off", "kv-f32")) << "Ollama turns jinja off on purpose";
  EXPECT_EQ(findings[0].fix, "OLLAMA_FLASH_ATTENTION=1 ollama serve");
}

TEST(ServedChecks, PrefixCache) {
  Served s = good(ServerKind::llama_server);
  s.run->reused = 0.0;
  EXPECT_THAT(only(check_served(s, nullptr), "prefix-cache-missed").evidence, HasSubstr("300 tokens, of which 0 %"));
  s.run->n_prompt = 8;
  EXPECT_THAT(check_served(s, nullptr), IsEmpty()) << "too short to tell";
}

TEST(ServedChecks, BelowThisMachine) {
  Here known = here();
  known.decode = {30, 40};
  known.prefill = {300, 400};
  Served s = good(ServerKind::llama_server);
  const auto findings = check_served(s, &known);
  EXPECT_THAT(codes(findings), ElementsAre("below-this-machine", "prefill-below-this-machine"));
  EXPECT_NEAR(findings[0].gain, 3, 1e-9);
  EXPECT_THAT(findings[0].what, HasSubstr("25 %"));
  EXPECT_TRUE(findings[0].limits);
  s.process->swapped_bytes = kGiB;
  const auto swapped = check_served(s, &known);
  EXPECT_FALSE(only(swapped, "below-this-machine").limits) << "memory explains it";
  EXPECT_EQ(only(swapped, "swapped-out").severity, Severity::problem);
  s = good(ServerKind::llama_server);
  Here shared = known;
  shared.load_before.busy = 0.5;
  const auto busy = check_served(s, &shared);
  EXPECT_THAT(codes(busy), Contains("busy"));
  EXPECT_FALSE(only(busy, "below-this-machine").limits) << "others have the processors";
  s.is_busy = true;
  EXPECT_THAT(codes(check_served(s, &known)), ElementsAre("server-busy"));
}

TEST(ServedChecks, MemoryAndGpu) {
  const Here known = here();
  Served s = good(ServerKind::ollama);
  s.loaded_bytes = 6'000'000'000;
  s.gpu_bytes = 4'000'000'000;
  const Finding partly = only(check_served(s, &known), "partly-on-cpu");
  EXPECT_EQ(partly.layer, Layer::memory);
  EXPECT_NEAR(partly.gain, 1, 1e-6) << "2 GB at 40 GB/s are 50 of a token's 100 ms";
  EXPECT_THAT(partly.fix, HasSubstr("OLLAMA_KV_CACHE_TYPE=q8_0"));
  EXPECT_EQ(only(check_served(s, nullptr), "partly-on-cpu").gain, 0);
  s.gpu_bytes = 0;
  const Finding none = only(check_served(s, &known), "on-cpu");
  EXPECT_EQ(none.severity, Severity::info);
  EXPECT_FALSE(none.limits);
  Here with_gpu = known;
  with_gpu.machine.gpus = {{.name = "integrated", .shared_memory = true}};
  EXPECT_THAT(codes(check_served(s, &with_gpu)), ElementsAre("on-cpu"));
  with_gpu.machine.gpus.push_back({.name = "NVIDIA GeForce RTX 4090"});
  EXPECT_THAT(only(check_served(s, &with_gpu), "gpu-unused").evidence, HasSubstr("RTX 4090"));
  s.gpu_bytes = s.loaded_bytes;
  EXPECT_THAT(check_served(s, &known), IsEmpty());
  s.remote_host = "https://ollama.com";
  EXPECT_THAT(codes(check_served(s, nullptr)), ElementsAre("remote-model"));
  s.remote_host.clear();
  s.process->faults_while_measured = 5000;
  EXPECT_THAT(only(check_served(s, &known), "reread-from-disk").evidence, HasSubstr("5000"));
}

TEST(ServedChecks, LayersOfLlamaServer) {
  Here known = here();
  known.machine.gpus = {{.name = "AMD Radeon RX 7900 XTX"}};
  Served s = good(ServerKind::llama_server);
  s.n_layers = 36;
  s.process->flags.n_gpu_layers = 0;
  EXPECT_THAT(only(check_served(s, &known), "gpu-unused").fix, HasSubstr("-ngl all"));
  s.process->flags.n_gpu_layers = 20;
  EXPECT_THAT(only(check_served(s, &known), "partly-on-cpu").evidence, HasSubstr("-ngl 20 of 36"));
  s.process->flags.n_gpu_layers = 37;
  EXPECT_THAT(check_served(s, &known), IsEmpty());
}

TEST(ServedChecks, FlagsOfAnotherProgramAreNotRead) {
  Served s = good(ServerKind::openai);
  s.process->arguments = {"python3", "-m", "vllm"};
  EXPECT_EQ(s.flags(), nullptr);
  EXPECT_THAT(unknown_of(s), Contains(HasSubstr("threads")));
  s.process->arguments = {"/opt/llama-server"};
  EXPECT_NE(s.flags(), nullptr);
}

TEST(ServedChecks, PromptsOfClients) {
  Served s = good(ServerKind::llama_server);
  s.n_prompt_read = 9000;
  s.n_prompt_kept = 100;
  EXPECT_THAT(codes(check_served(s, nullptr)), ElementsAre("prompts-share-nothing"));
  s.n_prompt_kept = 9000;
  EXPECT_THAT(check_served(s, nullptr), IsEmpty());
}

TEST(ServedChecks, ModelByWord) {
  Served s = good(ServerKind::ollama);
  for (const char* base : {"llama3:text", "gemma3:4b-pt", "me/Qwen3-Base:latest"}) {
    s.model = base;
    EXPECT_THAT(codes(check_served(s, nullptr)), ElementsAre("base-model")) << base;
  }
  for (const char* other : {"database:1b", "gemma3:4b-it", "base-instruct:1b"}) {
    s.model = other;
    EXPECT_THAT(check_served(s, nullptr), IsEmpty()) << other;
  }
  s.has_template = false;
  EXPECT_THAT(only(check_served(s, nullptr), "template-missing").fix, HasSubstr("TEMPLATE"));
  s.has_template = true;
  s.keeps_system = s.can_call_tools = false;
  EXPECT_THAT(codes(check_served(s, nullptr)), ElementsAre("template-drops-system", "no-tool-calls"));
  s.can_chat = false;
  EXPECT_THAT(codes(check_served(s, nullptr)), ElementsAre("not-a-chat-model"));
  s = good(ServerKind::llama_server);
  s.has_template = false;
  EXPECT_THAT(only(check_served(s, nullptr), "template-missing").fix, HasSubstr("--jinja --chat-template-file"));
}

TEST(ServedChecks, QuantizationByLabelUnlessTheFileWasRead) {
  Served s = good(ServerKind::ollama);
  s.quantization = "F16";
  Here known = here();
  const Finding wide = only(check_served(s, &known), "wide-weights");
  EXPECT_EQ(wide.layer, Layer::quantization);
  EXPECT_NEAR(wide.gain, 16 / 4.85 - 1, 1e-9);
  EXPECT_THAT(wide.fix, HasSubstr("ollama pull qwen3:TAG"));
  known.file_was_read = true;
  EXPECT_THAT(check_served(s, &known), IsEmpty());
  s.quantization = "IQ2_XS";
  EXPECT_THAT(codes(check_served(s, nullptr)), ElementsAre("few-bits"));
}

TEST(ServedChecks, Roof) {
  Here known = here();
  known.bytes_per_token = 3'000'000'000;
  Served s = good(ServerKind::llama_server);
  EXPECT_NEAR(decode_gbps(s, known), 30, 1e-9);
  EXPECT_THAT(codes(check_served(s, &known)), ElementsAre("bandwidth-roof"));
  s.run->decode_tps = 100;
  EXPECT_EQ(decode_gbps(s, known), 0) << "faster than memory: something else reads";
  s.run->decode_tps = 10;
  s.gpu_bytes = 1;
  EXPECT_EQ(decode_gbps(s, known), 0);
}

TEST(Words, NothingOfAServerIsPastedIntoACommand) {
  Served s = good(ServerKind::ollama);
  s.n_ctx = 4096;
  for (const char* hostile : {"x'; rm -rf ~; '", "$(id)", "-rf", "a b", "a\nb", "`id`", ""}) {
    s.model = s.path = hostile;
    for (const ServerKind kind : {ServerKind::ollama, ServerKind::llama_server}) {
      s.kind = kind;
      for (const Finding& finding : check_served(s, nullptr)) {
        EXPECT_THAT(finding.fix, Not(HasSubstr("rm -rf")));
        EXPECT_THAT(finding.fix, Not(HasSubstr("id)")));
        EXPECT_THAT(finding.fix, HasSubstr("MODEL"));
      }
    }
  }
  EXPECT_EQ(plain_or("/a/b-1.Q4_K.gguf", "x"), "/a/b-1.Q4_K.gguf");
  EXPECT_EQ(plain_or(std::string(1000, 'a'), "x"), "x");
}

}  // namespace
}  // namespace lupo
