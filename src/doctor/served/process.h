// The process behind a port of this machine: command line, chosen environment, memory. From /proc (proc(5)) through Env.
//
// Where another user's process may not be read, fields stay unknown.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"

namespace lupo {

// What llama-server's flags say (also those that Ollama gives to the llama-server or runner that it starts), or the environment
// variables that stand for them: tools/server/README.md of llama.cpp. Unknown = not given: the server chose.
struct ServerFlags {
  std::string model{};
  std::optional<int64_t> n_ctx{}, n_slots{}, n_threads{};
  std::optional<int64_t> n_gpu_layers{};  // "all" and "auto" are unknown
  std::string k_type{}, v_type{};         // "f16"
  std::string flash_attention{};          // "on", "off", "auto"
  std::optional<bool> jinja{}, mmap{};
};
ServerFlags parse_flags(std::span<const std::string> arguments, const std::map<std::string, std::string>& variables);

struct ServerProcess {
  int pid = 0;
  std::vector<std::string> arguments{};            // empty: not permitted
  std::map<std::string, std::string> variables{};  // OLLAMA_* and LLAMA_ARG_* alone
  ServerFlags flags{};
  std::optional<int64_t> resident_bytes{}, swapped_bytes{}, major_faults{};
  std::string mapped_model{};  // a GGUF file in its memory map
  std::optional<int64_t> faults_while_measured{};
};

// What hands bytes on and runs no model: the server is another process, which is not looked for, or even on another machine.
enum class Forwarder { none, on_this_machine, anywhere };
Forwarder forwarder_of(const ServerProcess& process);

// The process that listens on a TCP port; 0 when there is none or it may not be seen.
int listener_on(const Env& env, int port);
// What can be read of it; nothing when it is gone.
std::optional<ServerProcess> look_at_process(const Env& env, int pid);
// The child that runs the model for Ollama: of those with --model, the one that has `model_path` or, that unknown, the only one.
int runner_of(const Env& env, int pid, std::string_view model_path);

}  // namespace lupo
