// The operating system as probes see it: real, or a recorded folder. What reads /proc and /sys goes through here, so that a
// machine can be replayed in a test. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lupo {

class Env {
 public:
  virtual ~Env() = default;
  // Whole content of a (small, at most 8 MiB) text file, nothing when it cannot be read.
  virtual std::optional<std::string> read_text(const std::string& path) const = 0;
  virtual std::vector<std::string> list(const std::string& directory) const = 0;  // names, sorted
  // What a symbolic link says; nothing when it is none, or where links are not kept.
  virtual std::optional<std::string> read_link(const std::string& /*path*/) const { return std::nullopt; }
  virtual std::optional<std::string> variable(const std::string& name) const = 0;
  virtual std::vector<int> affinity() const = 0;  // logical CPUs this process may run on, ascending; empty = unknown
};

// The running system.
const Env& real_env();

// Takes a variable out of this process's environment for as long as it lives; no other thread may read the environment meanwhile.
class WithoutVariable {
 public:
  explicit WithoutVariable(std::string name);
  ~WithoutVariable();
  WithoutVariable(const WithoutVariable&) = delete;
  WithoutVariable& operator=(const WithoutVariable&) = delete;

 private:
  std::string name_;
  std::optional<std::string> value_;
};

// A kernel CPU list, "0-3,8": its CPUs, ascending; stops at the first thing that is no list.
std::vector<int> parse_cpu_list(std::string_view text);

// Files under `root` stand for absolute paths ("/proc/cpuinfo" is root + "/proc/cpuinfo"); `root`/affinity holds a CPU list.
class RecordedEnv final : public Env {
 public:
  explicit RecordedEnv(std::string root, std::map<std::string, std::string> variables = {});
  std::optional<std::string> read_text(const std::string& path) const override;
  std::vector<std::string> list(const std::string& directory) const override;
  std::optional<std::string> read_link(const std::string& path) const override;
  std::optional<std::string> variable(const std::string& name) const override;
  std::vector<int> affinity() const override;

 private:
  std::string root_;
  std::map<std::string, std::string> variables_;
};

}  // namespace lupo
