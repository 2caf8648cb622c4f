#include "doctor/served/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/printable.h"
#include "base/units.h"
#include "doctor/served/words.h"
#include "hardware/checks.h"

namespace lupo {
namespace {

constexpr double kReusedFew = 0.5;        // of a prompt that was just read
constexpr int64_t kPromptJudged = 32;     // tokens: a shorter one proves nothing about a cache
constexpr int64_t kPromptsJudged = 5000;  // tokens of all prompts so far
constexpr double kKeptFew = 0.2;          // of them
constexpr int64_t kContextGoal = 16384;   // tokens: what a document or an agent's tools need, where the model can
constexpr int64_t kContextMax = int64_t{1} << 40, kSlotsMax = 4096;  // more is no honest answer
constexpr double kSwappedShare = 0.02;                               // of the process: what it no longer uses may lie there
constexpr int64_t kFaultsMany = 200;                                 // pages from the disk while a few hundred tokens ran
constexpr double kGainMax = 9;                                       // of an estimate: nobody believes more

using Findings = std::vector<Finding>;

// Of one conversation: what the API says, else what the flags do.
std::optional<int64_t> context_of(const Served& s) {
  const ServerFlags* flags = s.flags();
  if (s.n_ctx || !flags || !flags->n_ctx || *flags->n_ctx == 0) return s.n_ctx;
  return *flags->n_ctx / std::max<int64_t>(1, flags->n_slots.value_or(1));
}

void check_context(const Served& s, Findings& findings) {
  const std::optional<int64_t> n_ctx = context_of(s);
  const ServerFlags* flags = s.flags();
  if (!n_ctx || *n_ctx <= 0 || s.n_ctx_train.value_or(0) <= 0 || *s.n_ctx_train > kContextMax) return;
  const std::string evidence = fmt::format("{} tokens, trained for {}", *n_ctx, *s.n_ctx_train);
  const int64_t n_slots = std::clamp<int64_t>((flags ? flags->n_slots : s.n_slots).value_or(1), 1, kSlotsMax);
  const auto words = [&](int64_t tokens) {
    return say(
        s, {.modelfile = fmt::format("PARAMETER num_ctx {}", tokens),
            .variable = fmt::format("OLLAMA_CONTEXT_LENGTH={}", tokens),
            .flags = fmt::format("-c {}", tokens * n_slots),
            .otherwise = fmt::format("start the server with a context of {} tokens (vLLM: --max-model-len {})", tokens, tokens)});
  };
  if (*n_ctx > *s.n_ctx_train) {
    findings.push_back({Layer::runtime, "context-beyond-training", Severity::warning,
                        "the context is longer than the model was trained for: answers decay beyond that", evidence, 0,
                        words(*s.n_ctx_train)});
    return;
  }
  // Several slots share what -c says, unless the cache is one for all.
  const bool is_split =
      s.kind == ServerKind::llama_server && s.n_slots.value_or(1) > 1 && flags && flags->n_ctx && *flags->n_ctx >= 2 * *n_ctx;
  if (is_split && *n_ctx < *s.n_ctx_train)
    findings.push_back(
        {Layer::runtime, "slots-split-context", Severity::warning,
         "parallel slots split the context: a conversation gets a part of what -c says",
         fmt::format("-c {} over {} slots: {} tokens each, trained for {}", *flags->n_ctx, *s.n_slots, *n_ctx, *s.n_ctx_train), 0,
         with_flags(s, fmt::format("-c {} -np 1", std::min(*flags->n_ctx, *s.n_ctx_train)))});
  else if (*n_ctx <= 4096 && *n_ctx < *s.n_ctx_train)
    findings.push_back({Layer::runtime, "context-default", Severity::warning,
                        s.kind == ServerKind::ollama
                            ? "Ollama's default context: what is longer is cut without a word, and the model seems to forget"
                            : "the context is far below what the model was trained for: longer prompts are refused or cut",
                        evidence, 0, words(std::min(*s.n_ctx_train, std::max(kContextGoal, 2 * *n_ctx)))});
}

void check_threads(const Served& s, const Here& here, Findings& findings) {
  const ServerFlags* flags = s.flags();
  if (!flags || !flags->n_threads || s.gpu_bytes.value_or(0) > 0) return;
  const int64_t n = *flags->n_threads, usable = here.machine.usable_threads();
  const std::string evidence = fmt::format("{} threads, {} are of use: {}", n, usable, here.machine.threads_reason());
  const std::string fix = say(s, {.modelfile = fmt::format("PARAMETER num_thread {}", usable),
                                  .variable = "",
                                  .flags = fmt::format("-t {}", usable),
                                  .otherwise = fmt::format("start the server with {} threads", usable)});
  if (n > usable)
    findings.push_back({Layer::runtime, "threads-too-many", Severity::warning,
                        "more threads than cores wait for each other at every step", evidence, 0, fix});
  if (n < usable)
    findings.push_back({Layer::runtime, "threads-too-few", Severity::warning, "fewer threads than there are cores for", evidence,
                        gain_of_more_threads(here.machine, n, decode_gbps(s, here)), fix});
}

std::string or_default(const std::string& type) { return type.empty() ? "as built in" : printable(type, 20); }

void check_flags(const Served& s, Findings& findings) {
  const ServerFlags* flags = s.flags();
  if (!flags) return;
  if (flags->flash_attention == "off")
    findings.push_back({Layer::runtime, "flash-attention-off", Severity::warning,
                        "flash attention is off: long contexts cost more time and memory, and the V cache cannot be quantized",
                        "--flash-attn off on the command line", 0,
                        say(s, {.modelfile = "", .variable = "OLLAMA_FLASH_ATTENTION=1", .flags = "-fa on", .otherwise = ""})});
  if (flags->k_type == "f32" || flags->v_type == "f32")
    findings.push_back(
        {Layer::runtime, "kv-f32", Severity::warning, "the KV cache keeps 32 bits a value, which nobody can tell from 16",
         fmt::format("cache types: K {}, V {}", or_default(flags->k_type), or_default(flags->v_type)), 0,
         say(s, {.modelfile = "", .variable = "OLLAMA_KV_CACHE_TYPE=f16", .flags = "-ctk f16 -ctv f16", .otherwise = ""})});
  // Ollama renders its own templates, and turns this one off for its llama-server on purpose.
  if (s.kind == ServerKind::llama_server && flags->jinja == false)
    findings.push_back({Layer::runtime, "jinja-off", Severity::warning,
                        "the model's own chat template is not used: a built-in one stands in, and tools do not work",
                        "--no-jinja on the command line", 0, with_flags(s, "--jinja")});
}

// Where the cache works and yet nothing is kept, the clients' prompts do not begin alike.
void check_clients(const Served& s, Findings& findings) {
  if (!s.n_prompt_read || !s.n_prompt_kept) return;
  const int64_t all = *s.n_prompt_read + *s.n_prompt_kept;
  const double kept = static_cast<double>(*s.n_prompt_kept) / static_cast<double>(std::max<int64_t>(1, all));
  if (all >= kPromptsJudged && kept < kKeptFew)
    findings.push_back(
        {Layer::runtime, "prompts-share-nothing", Severity::info,
         "the prompts of this server's clients share little: what changes (a date, a file) should come last in them",
         fmt::format("of {} prompt tokens so far {:.0f} % came from the cache", all, 100 * kept), 0, "", false});
}

void check_prefix_cache(const Served& s, Findings& findings) {
  check_clients(s, findings);
  if (!s.run || !s.run->reused || *s.run->reused >= kReusedFew || s.run->n_prompt < kPromptJudged) return;
  findings.push_back({Layer::runtime, "prefix-cache-missed", Severity::warning,
                      "the same prompt again was read again: every turn of a conversation pays for all turns before it",
                      fmt::format("{} tokens, of which {:.0f} % were kept{}", s.run->n_prompt, 100 * *s.run->reused,
                                  s.kind == ServerKind::llama_server ? "" : ", as their times tell"),
                      0,
                      say(s, {.modelfile = "",
                              .variable = "OLLAMA_NUM_PARALLEL=1",
                              .flags = "--cache-prompt --swa-full",
                              .otherwise = "turn on the server's prefix cache (vLLM: --enable-prefix-caching)"})});
}

void check_speed(const Served& s, const Here& here, Findings& findings) {
  if (!s.run || s.is_busy) return;
  const auto compare = [&](double got, const Here::Speed& expected, const char* code, const char* what, bool is_decode) {
    if (got <= 0 || expected.low <= 0 || got >= expected.low) return;
    findings.push_back(
        {Layer::runtime, code, Severity::warning,
         fmt::format("{} at {:.0f} % of what this machine can do with the same file", what, 100 * got / expected.middle),
         fmt::format("{:.1f} tok/s, lupo is predicted to do {:.1f} and at least {:.1f}", got, expected.middle, expected.low),
         is_decode ? std::min(kGainMax, expected.middle / got - 1) : 0,
         fmt::format("lupo run {}", plain_or(s.path, "MODEL.gguf")), is_decode});
  };
  compare(s.run->decode_tps, here.decode, "below-this-machine", "it decodes", true);
  compare(s.run->prefill_tps, here.prefill, "prefill-below-this-machine", "it reads prompts", false);
}

// A GPU with memory of its own is several times as fast as the processor beside it.
void check_gpu_unused(const Served& s, const Here* here, Findings& findings) {
  const ServerFlags* flags = s.flags();
  const bool on_cpu = s.gpu_bytes == 0 || (!s.gpu_bytes && flags && flags->n_gpu_layers == 0);
  const Gpu* gpu = nullptr;
  if (here)
    for (const Gpu& one : here->machine.gpus)
      if (!one.shared_memory && gpu == nullptr) gpu = &one;
  if (on_cpu && gpu)
    findings.push_back({Layer::runtime, "gpu-unused", Severity::warning, "the model runs on the processor, and there is a GPU",
                        fmt::format("{}, nothing on a GPU", printable(gpu->name, 80)), 0,
                        s.kind == ServerKind::ollama
                            ? "journalctl -u ollama | grep -i gpu  # why it was not used"
                            : say(s, {.modelfile = "", .variable = "", .flags = "-ngl all", .otherwise = ""})});
  else if (on_cpu && s.kind == ServerKind::ollama)
    findings.push_back({Layer::hardware, "on-cpu", Severity::info, "the model runs on the processor alone",
                        here ? "no GPU with memory of its own was found" : "size_vram is 0", 0, "", false});
}

// What a part of the model on the processor costs: its bytes at the speed of this machine's memory, out of a token's time.
void check_gpu(const Served& s, const Here* here, Findings& findings) {
  check_gpu_unused(s, here, findings);
  const ServerFlags* flags = s.flags();
  const std::string fix = say(s, {.modelfile = context_of(s).value_or(0) > 4096 ? "PARAMETER num_ctx 4096" : "",
                                  .variable = "OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0",
                                  .flags = "-ngl all -fa on -ctk q8_0 -ctv q8_0",
                                  .otherwise = "take a smaller quantization or context"});
  // One more than the layers: the output.
  if (!s.gpu_bytes && flags && s.n_layers && flags->n_gpu_layers.value_or(0) > 0 && *flags->n_gpu_layers <= *s.n_layers)
    findings.push_back({Layer::memory, "partly-on-cpu", Severity::warning, "some layers of the model are left on the processor",
                        fmt::format("-ngl {} of {} layers and the output", *flags->n_gpu_layers, *s.n_layers), 0, fix});
  if (!s.loaded_bytes || s.gpu_bytes.value_or(0) == 0) return;
  const int64_t on_cpu = *s.loaded_bytes - *s.gpu_bytes;
  if (on_cpu <= *s.loaded_bytes / 50) return;
  double share = 0;
  if (here && s.run && here->machine.measured.read_gbps > 0 && s.is_moe == false)
    share = std::min(0.9, static_cast<double>(on_cpu) / (1e9 * here->machine.measured.read_gbps) * s.run->decode_tps);
  findings.push_back({Layer::memory, "partly-on-cpu", Severity::warning,
                      "a part of the model did not fit on the GPU and runs on the processor",
                      fmt::format("{} of {} on a GPU", format_bytes(*s.gpu_bytes), format_bytes(*s.loaded_bytes)),
                      std::min(kGainMax, share / (1 - share)), fix});
}

void check_memory_of(const Served& s, Findings& findings) {
  if (!s.process) return;
  const int64_t swapped = s.process->swapped_bytes.value_or(0), resident = s.process->resident_bytes.value_or(0);
  const bool is_long = context_of(s).value_or(0) > 4096;
  const std::string smaller = say(s, {.modelfile = is_long ? "PARAMETER num_ctx 4096" : "",
                                      .variable = "OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0 OLLAMA_MAX_LOADED_MODELS=1",
                                      .flags = is_long ? "-c 4096 -fa on -ctk q8_0 -ctv q8_0" : "-fa on -ctk q8_0 -ctv q8_0",
                                      .otherwise = "take a smaller quantization or context"});
  if (static_cast<double>(swapped) > kSwappedShare * static_cast<double>(swapped + resident) && swapped > kMiB)
    findings.push_back({Layer::memory, "swapped-out", Severity::problem,
                        "a part of the server lies in swap: each token waits for the disk",
                        fmt::format("{} swapped out, {} resident", format_bytes(swapped), format_bytes(resident)), 0, smaller});
  if (s.process->faults_while_measured.value_or(0) >= kFaultsMany)
    findings.push_back({Layer::memory, "reread-from-disk", Severity::warning,
                        "pages of the model came from the disk while it ran: the weights do not stay in memory",
                        fmt::format("{} major faults during the measurement", *s.process->faults_while_measured), 0, smaller});
}

}  // namespace

double decode_gbps(const Served& s, const Here& here) {
  if (!s.run || here.bytes_per_token <= 0 || s.gpu_bytes.value_or(0) > 0) return 0;
  const double gbps = 1e-9 * s.run->decode_tps * static_cast<double>(here.bytes_per_token);
  // More than memory gives: a GPU that the server does not mention, or speculation.
  return gbps <= 1.1 * here.machine.measured.read_gbps ? gbps : 0;
}

std::vector<Finding> check_served(const Served& s, const Here* here) {
  Findings findings;
  check_context(s, findings);
  check_flags(s, findings);
  check_prefix_cache(s, findings);
  check_gpu(s, here, findings);
  check_memory_of(s, findings);
  check_served_model(s, here && here->file_was_read, findings);
  if (!s.remote_host.empty())
    findings.push_back({Layer::hardware, "remote-model", Severity::info,
                        "the server hands this model's work to another: nothing on this machine makes it faster",
                        fmt::format("remote_host {}", printable(s.remote_host, 200)), 0,
                        "ollama list  # models with a size are local", false});
  if (s.is_busy)
    findings.push_back({Layer::runtime, "server-busy", Severity::info,
                        "somebody else's request ran meanwhile: the speeds are those of a shared server",
                        "a slot was processing before the measurement", 0, "", false});
  if (!here) return findings;
  check_threads(s, *here, findings);
  check_speed(s, *here, findings);
  const HardwareUse use{.isa = "",
                        .isa_best = "",
                        .load_before = here->load_before,
                        .load_during = here->load_during,
                        .decode_gbps = decode_gbps(s, *here)};
  for (Finding& finding : check_hardware(here->machine, use))
    if (finding.code != "affinity-below-cores") findings.push_back(std::move(finding));  // lupo's own affinity, not the server's
  // What waits for the disk, or shares the processors, is not slow for the runtime's sake.
  const bool waits = std::any_of(findings.begin(), findings.end(), [](const Finding& f) {
    return f.code == "swapped-out" || f.code == "reread-from-disk" || f.code == "partly-on-cpu" || f.code == "busy" ||
           f.code == "cpu-steal";
  });
  for (Finding& finding : findings)
    if (waits && finding.code == "below-this-machine") finding.limits = false;
  return findings;
}

}  // namespace lupo
