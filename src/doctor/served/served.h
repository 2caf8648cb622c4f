// A model that another server runs, as far as that server tells and its process shows: Ollama, llama-server, or anything that
// speaks OpenAI's protocol.
//
// Fields and their meaning: llama.cpp tools/server/README.md and server-context.cpp (get_res_props, server_slot::to_json),
// server-common.cpp (server_slot_stats::to_json) at de3ff81; Ollama docs/api.md, api/types.go and llm/llama_server.go at fb30760;
// OpenAI API reference, chat completions with stream_options.include_usage.
// An empty optional or string is unknown: the server hides it or is too old to tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "doctor/served/process.h"
#include "net/http.h"

namespace lupo {

enum class ServerKind { ollama, llama_server, openai };
std::string_view server_name(ServerKind kind);  // "Ollama"

// Two runs of one prompt, the second to see whether the server keeps what it has read. Tokens a second; 0 = not known.
struct ServedRun {
  int64_t n_prompt = 0;  // tokens evaluated by the first run, 0 = not told
  double prefill_tps = 0;
  int64_t n_decode = 0;
  double decode_tps = 0;
  std::optional<double> reused{};  // share of the prompt that the second run did not read again, 0 … 1
  bool timed_here = false;         // with network and queue in it; false: the server's own clock
};

struct Served {
  ServerKind kind = ServerKind::openai;
  std::string url;
  bool same_host = false;     // the server runs on this machine
  std::string remote_host{};  // Ollama's cloud models: who really runs it; then same_host is false
  std::string version{};
  std::string model{};         // as the server calls it
  std::string path{};          // of the model file, on the server's machine
  std::string architecture{};  // "llama"
  std::string quantization{};  // as the server calls it: "Q4_K_M"
  std::optional<int64_t> n_params{}, n_layers{}, n_ctx_train{};
  std::optional<int64_t> n_ctx{};    // tokens a conversation may have: of one slot
  std::optional<int64_t> n_slots{};  // requests at once
  std::optional<int64_t> file_bytes{};
  std::optional<int64_t> loaded_bytes{}, gpu_bytes{};  // of the running model; gpu_bytes is the part of it on a GPU
  std::optional<bool> is_moe{};                        // only some weights are read for a token
  std::optional<bool> has_template{}, keeps_system{}, can_chat{}, can_call_tools{};
  std::optional<int64_t> n_prompt_read{}, n_prompt_kept{};  // tokens of all clients' prompts so far: evaluated, from the cache
  bool is_busy = false;                                     // with somebody else's request while it was measured
  std::optional<ServedRun> run{};
  std::optional<ServerProcess> process{};

  // Of the process, where they are llama-server's and may be read; null otherwise. "-m" means another thing to python.
  const ServerFlags* flags() const;
};

// Finds out what answers at the address, and what it says of the model: `model`, or the one that is loaded, or the first. Ends
// within some seconds. Errors: those of HttpClient; server-unknown; server-refuses; bad-answer with path and field; no-model.
Result<Served> describe_served(HttpClient& client, const std::string& model);
// Runs the prompt twice and fills what only a loaded model tells. May take as long as the server needs to load it.
Result<void> measure_served(HttpClient& client, Served& served);

// What stays unknown, in words, for people: "threads: the command line cannot be read".
std::vector<std::string> unknown_of(const Served& served);
// "Ollama 0.12.3 at http://127.0.0.1:11434: qwen3:4b".
std::string to_line(const Served& served);
// One JSON object; null for what is unknown.
std::string to_json(const Served& served);

// One file for each kind. `served` has kind, url and same_host.
Result<void> describe_ollama(HttpClient& client, const std::string& model, Served& served);
Result<void> measure_ollama(HttpClient& client, Served& served);
Result<void> describe_llama_server(HttpClient& client, const std::string& model, Served& served);
Result<void> measure_llama_server(HttpClient& client, Served& served);
Result<void> describe_openai(HttpClient& client, const std::string& model, Served& served);
Result<void> measure_openai(HttpClient& client, Served& served);

// Limits and text of a measurement. The text begins with a number of its own, so that no cache has seen it.
inline constexpr int64_t kServedDecodeTokens = 32;
inline constexpr HttpLimits kMeasureLimits = {.seconds = 180, .bytes = size_t{4} << 20};
std::string measure_prompt();
// Of two times for the same prompt: the share that was not read again, as far as time tells it.
double reused_by_time(double first_seconds, double second_seconds);

}  // namespace lupo
