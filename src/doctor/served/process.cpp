#include "doctor/served/process.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace lupo {
namespace {

std::optional<int64_t> whole(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

bool is_pid(const std::string& name) { return whole(name).has_value(); }

std::string of_process(int pid, std::string_view file) { return "/proc/" + std::to_string(pid) + "/" + std::string(file); }

// Texts that end in a zero byte: cmdline and environ.
std::vector<std::string> zero_ended(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\0', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// "VmRSS:    1234 kB" in /proc/PID/status and its like, in bytes.
std::optional<int64_t> kilobytes(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream words(line.substr(name.size()));
    int64_t value = 0;
    if (words >> value && value >= 0 && value < (int64_t{1} << 50)) return value * 1024;
  }
  return std::nullopt;
}

// Field `index` of /proc/PID/stat, from 3 (state): after the name, which may hold anything.
std::optional<int64_t> stat_field(const std::optional<std::string>& stat, int index) {
  if (!stat) return std::nullopt;
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream words(stat->substr(name_end + 1));
  std::string word;
  for (int i = 3; i <= index; ++i)
    if (!(words >> word)) return std::nullopt;
  return whole(word);
}

// Inodes of the sockets that listen on a port. Lines of /proc/net/tcp: "sl local rem st … inode", local "0100007F:2CAA" in
// hexadecimal, state 0A = listening, inode the tenth word.
std::vector<std::string> listening_inodes(const Env& env, int port) {
  std::vector<std::string> inodes;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::istringstream lines(env.read_text(table).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream stream(line);
      std::vector<std::string> words;
      for (std::string word; words.size() < 10 && stream >> word;) words.push_back(word);
      if (words.size() < 10 || words[3] != "0A") continue;
      const size_t colon = words[1].rfind(':');
      unsigned number = 0;
      if (colon == std::string::npos) continue;
      std::from_chars(words[1].data() + colon + 1, words[1].data() + words[1].size(), number, 16);
      if (number == static_cast<unsigned>(port) && words[9] != "0") inodes.push_back(words[9]);
    }
  }
  return inodes;
}

std::map<std::string, std::string> chosen_variables(const std::string& environ) {
  std::map<std::string, std::string> chosen;
  for (const std::string& entry : zero_ended(environ)) {
    const size_t equals = entry.find('=');
    if (equals != std::string::npos && (entry.starts_with("OLLAMA_") || entry.starts_with("LLAMA_ARG_")) &&
        entry.find("KEY") > equals && entry.find("TOKEN") > equals)
      chosen[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return chosen;
}

// Flags whose values are nobody's business, and not to be printed in a report.
bool is_secret(std::string_view flag) {
  return flag == "--api-key" || flag == "--hf-token" || flag == "-hft" || flag == "--ssl-key-file";
}

// The last words of lines of /proc/PID/maps are paths: the first that is a GGUF file by its name, or a blob of Ollama's store.
std::string mapped_model(const std::string& maps) {
  std::istringstream lines(maps);
  for (std::string line; std::getline(lines, line);) {
    const size_t path = line.find('/');
    if (path != std::string::npos && (line.ends_with(".gguf") || line.find("/blobs/sha256-", path) != std::string::npos))
      return line.substr(path);
  }
  return "";
}

struct FlagNames {
  std::vector<std::string_view> names;
  std::string_view variable;
};

}  // namespace

ServerFlags parse_flags(std::span<const std::string> arguments, const std::map<std::string, std::string>& variables) {
  // The last of a flag counts; "--flag=value" is not llama-server's form.
  const auto value_of = [&](const FlagNames& flag) -> std::string {
    for (size_t i = arguments.size(); i-- > 1;)
      if (std::find(flag.names.begin(), flag.names.end(), arguments[i - 1]) != flag.names.end()) return arguments[i];
    const auto found = variables.find(std::string(flag.variable));
    return found == variables.end() ? "" : found->second;
  };
  const auto given = [&](std::string_view name) {
    return std::find(arguments.begin(), arguments.end(), name) != arguments.end();
  };
  ServerFlags flags{.model = value_of({{"-m", "--model"}, "LLAMA_ARG_MODEL"}),
                    .n_ctx = whole(value_of({{"-c", "--ctx-size"}, "LLAMA_ARG_CTX_SIZE"})),
                    .n_slots = whole(value_of({{"-np", "--parallel"}, "LLAMA_ARG_N_PARALLEL"})),
                    .n_threads = whole(value_of({{"-t", "--threads"}, "LLAMA_ARG_THREADS"})),
                    .n_gpu_layers = whole(value_of({{"-ngl", "--gpu-layers", "--n-gpu-layers"}, "LLAMA_ARG_N_GPU_LAYERS"})),
                    .k_type = value_of({{"-ctk", "--cache-type-k"}, "LLAMA_ARG_CACHE_TYPE_K"}),
                    .v_type = value_of({{"-ctv", "--cache-type-v"}, "LLAMA_ARG_CACHE_TYPE_V"}),
                    .flash_attention = value_of({{"-fa", "--flash-attn"}, "LLAMA_ARG_FLASH_ATTN"})};
  // Until 2025-08 the flag stood alone and meant on.
  if ((given("-fa") || given("--flash-attn")) && flags.flash_attention != "off" && flags.flash_attention != "auto")
    flags.flash_attention = "on";
  if (flags.flash_attention == "0" || flags.flash_attention == "false") flags.flash_attention = "off";
  if (flags.n_threads == 0) flags.n_threads.reset();
  if (given("--jinja")) flags.jinja = true;
  if (given("--no-jinja")) flags.jinja = false;
  if (given("--no-mmap") || value_of({{"-lm", "--load-mode"}, "LLAMA_ARG_LOAD_MODE"}) == "none") flags.mmap = false;
  return flags;
}

Forwarder forwarder_of(const ServerProcess& process) {
  constexpr std::string_view kHere[] = {"docker-proxy", "rootlessport", "pasta", "slirp4netns"};
  constexpr std::string_view kAnywhere[] = {"ssh",     "autossh", "kubectl", "socat",  "nginx",
                                            "haproxy", "caddy",   "envoy",   "stunnel"};
  if (process.arguments.empty()) return Forwarder::none;
  // A daemon may write a sentence there: "ssh: control [mux]", "nginx: master process".
  std::string_view name = process.arguments.front();
  name = name.substr(0, name.find_first_of(" :"));
  name = name.substr(name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/') + 1);
  if (std::find(std::begin(kHere), std::end(kHere), name) != std::end(kHere)) return Forwarder::on_this_machine;
  return std::find(std::begin(kAnywhere), std::end(kAnywhere), name) != std::end(kAnywhere) ? Forwarder::anywhere
                                                                                            : Forwarder::none;
}

int listener_on(const Env& env, int port) {
  const std::vector<std::string> inodes = listening_inodes(env, port);
  if (inodes.empty()) return 0;
  for (const std::string& name : env.list("/proc")) {
    if (!is_pid(name)) continue;
    const std::string folder = "/proc/" + name + "/fd";
    for (const std::string& fd : env.list(folder)) {
      const std::string target = env.read_link(folder + "/" + fd).value_or("");
      for (const std::string& inode : inodes)
        if (target == "socket:[" + inode + "]") return static_cast<int>(*whole(name));
    }
  }
  return 0;
}

std::optional<ServerProcess> look_at_process(const Env& env, int pid) {
  const std::optional<std::string> stat = env.read_text(of_process(pid, "stat"));
  if (pid <= 0 || !stat) return std::nullopt;
  ServerProcess process{.pid = pid};
  process.arguments = zero_ended(env.read_text(of_process(pid, "cmdline")).value_or(""));
  for (size_t i = 1; i < process.arguments.size(); ++i)
    if (is_secret(process.arguments[i - 1])) process.arguments[i] = "(hidden)";
  process.variables = chosen_variables(env.read_text(of_process(pid, "environ")).value_or(""));
  process.flags = parse_flags(process.arguments, process.variables);
  process.major_faults = stat_field(stat, 12);
  // The rollup counts what is mapped from files too; the status of a process is readable where that is not.
  const std::string rollup = env.read_text(of_process(pid, "smaps_rollup")).value_or("");
  const std::string status = env.read_text(of_process(pid, "status")).value_or("");
  process.resident_bytes = kilobytes(rollup, "Rss:");
  if (!process.resident_bytes) process.resident_bytes = kilobytes(status, "VmRSS:");
  process.swapped_bytes = kilobytes(rollup, "Swap:");
  if (!process.swapped_bytes) process.swapped_bytes = kilobytes(status, "VmSwap:");
  process.mapped_model = mapped_model(env.read_text(of_process(pid, "maps")).value_or(""));
  return process;
}

int runner_of(const Env& env, int pid, std::string_view model_path) {
  std::vector<int> runners;
  for (const std::string& name : env.list("/proc")) {
    if (!is_pid(name)) continue;
    const int child = static_cast<int>(*whole(name));
    if (stat_field(env.read_text(of_process(child, "stat")), 4) != pid) continue;
    const std::vector<std::string> arguments = zero_ended(env.read_text(of_process(child, "cmdline")).value_or(""));
    const ServerFlags flags = parse_flags(arguments, {});
    if (flags.model.empty()) continue;
    if (!model_path.empty() && flags.model == model_path) return child;
    runners.push_back(child);
  }
  return runners.size() == 1 ? runners.front() : 0;
}

}  // namespace lupo
