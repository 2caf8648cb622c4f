#include "base/env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace lupo {
namespace {

// The largest honest file is /proc/cpuinfo of a machine with a thousand CPUs, about 1.5 MB.
constexpr size_t kTextBytesMax = size_t{8} << 20;

// Reads to the end of file and not to st_size, which is 0 for files of /proc and 4096 for those of /sys.
std::optional<std::string> read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::string text;
  char chunk[16384];
  ssize_t n = 0;
  while (text.size() < kTextBytesMax && (n = read(file, chunk, sizeof chunk)) > 0) text.append(chunk, static_cast<size_t>(n));
  close(file);
  if (n < 0) return std::nullopt;
  return text;
}

std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return names;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> read_symbolic_link(const std::string& path) {
  char target[4096];
  const ssize_t n = readlink(path.c_str(), target, sizeof target);
  if (n < 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(n));
}

class RealEnv final : public Env {
 public:
  std::optional<std::string> read_text(const std::string& path) const override { return read_file(path); }
  std::vector<std::string> list(const std::string& directory) const override { return list_directory(directory); }
  std::optional<std::string> read_link(const std::string& path) const override { return read_symbolic_link(path); }
  std::optional<std::string> variable(const std::string& name) const override {
    const char* value = std::getenv(name.c_str());
    if (!value) return std::nullopt;
    return value;
  }
  std::vector<int> affinity() const override;
};

std::vector<int> RealEnv::affinity() const {
  std::vector<int> cpus;
  // The kernel refuses a set smaller than its own, so the set grows until it is accepted.
  for (int n_cpus = 1024; n_cpus <= (1 << 18); n_cpus *= 4) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(n_cpus), [](cpu_set_t* s) { CPU_FREE(s); });
    const size_t bytes = CPU_ALLOC_SIZE(n_cpus);
    if (!set || sched_getaffinity(0, bytes, set.get()) != 0) continue;
    for (int cpu = 0; cpu < n_cpus; ++cpu)
      if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes, set.get())) cpus.push_back(cpu);
    break;
  }
  return cpus;
}

}  // namespace

WithoutVariable::WithoutVariable(std::string name) : name_(std::move(name)), value_(real_env().variable(name_)) {
  unsetenv(name_.c_str());
}

WithoutVariable::~WithoutVariable() {
  if (value_) setenv(name_.c_str(), value_->c_str(), 1);
}

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  constexpr long kCpuMax = 1 << 18;
  const std::string list(text);
  for (const char* at = list.c_str(); *at;) {
    char* end = nullptr;
    const long first = std::strtol(at, &end, 10);
    if (end == at) break;
    long last = first;
    if (*end == '-') {
      at = end + 1;
      last = std::strtol(at, &end, 10);
      if (end == at) break;
    }
    if (first < 0 || last >= kCpuMax) break;
    for (long cpu = first; cpu <= last; ++cpu) cpus.push_back(static_cast<int>(cpu));
    if (*end != ',') break;
    at = end + 1;
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

const Env& real_env() {
  static const RealEnv env;
  return env;
}

RecordedEnv::RecordedEnv(std::string root, std::map<std::string, std::string> variables)
    : root_(std::move(root)), variables_(std::move(variables)) {}

std::optional<std::string> RecordedEnv::read_text(const std::string& path) const { return read_file(root_ + path); }

std::vector<std::string> RecordedEnv::list(const std::string& directory) const { return list_directory(root_ + directory); }

std::optional<std::string> RecordedEnv::read_link(const std::string& path) const { return read_symbolic_link(root_ + path); }

std::optional<std::string> RecordedEnv::variable(const std::string& name) const {
  const auto found = variables_.find(name);
  if (found == variables_.end()) return std::nullopt;
  return found->second;
}

std::vector<int> RecordedEnv::affinity() const { return parse_cpu_list(read_file(root_ + "/affinity").value_or("")); }

}  // namespace lupo
