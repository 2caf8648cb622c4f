#include "hardware/cgroup.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lupo {
namespace {

// Where a controller's hierarchy is mounted and which group its root shows.
struct Mount {
  std::string point;  // "/sys/fs/cgroup/cpu"
  std::string root;   // "/" or, in a container that shares the host's namespace, "/docker/3f…"
};

std::optional<int64_t> leading_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool contains(const std::vector<std::string_view>& parts, std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

// A line of mountinfo: "32 31 0:29 /root /mount/point options … - fstype source super,options".
// `controller` is empty for v2.
std::optional<Mount> find_mount(const std::string& mountinfo, std::string_view controller) {
  for (const std::string_view line : split(mountinfo, '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto head = split(line.substr(0, dash), ' '), tail = split(line.substr(dash + 3), ' ');
    if (head.size() < 5 || tail.size() < 3) continue;
    const bool wanted =
        controller.empty() ? tail[0] == "cgroup2" : tail[0] == "cgroup" && contains(split(tail[2], ','), controller);
    if (wanted) return Mount{std::string(head[4]), std::string(head[3])};
  }
  return std::nullopt;
}

// The process' group in a hierarchy: lines of /proc/self/cgroup are "id:controllers:/path", "0::/path" for v2.
std::optional<std::string> find_group(const std::string& groups, std::string_view controller) {
  for (const std::string_view line : split(groups, '\n')) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : contains(split(controllers, ','), controller))
      return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// Folders from the process' own group up to the root of what is mounted.
std::vector<std::string> path_to_root(const Env& env, std::string_view controller) {
  const auto group = find_group(env.read_text("/proc/self/cgroup").value_or(""), controller);
  if (!group) return {};
  const std::string usual = controller.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + std::string(controller);
  const Mount mount = find_mount(env.read_text("/proc/self/mountinfo").value_or(""), controller).value_or(Mount{usual, "/"});
  std::string below = *group;
  if (mount.root != "/" && below.starts_with(mount.root)) below.erase(0, mount.root.size());
  if (below.find("..") != std::string::npos) below.clear();  // the group lies outside of what this namespace sees
  while (below.ends_with('/')) below.pop_back();
  std::vector<std::string> folders;
  for (;;) {
    folders.push_back(mount.point + below);
    if (below.empty()) return folders;
    below.erase(std::min(below.rfind('/'), below.size()));
  }
}

// A key of memory.stat, "inactive_file 123".
int64_t stat_value(const std::string& stat, std::string_view key) {
  for (const std::string_view line : split(stat, '\n'))
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
      return leading_integer(line.substr(key.size() + 1)).value_or(0);
  return 0;
}

std::optional<int64_t> read_integer(const Env& env, const std::string& path) {
  const auto text = env.read_text(path);
  return text ? leading_integer(*text) : std::nullopt;
}

void cut_cores(CgroupLimits& limits, std::optional<int64_t> quota_us, std::optional<int64_t> period_us) {
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0) return;  // "max" and −1 mean none
  const double cores = static_cast<double>(*quota_us) / static_cast<double>(*period_us);
  if (limits.cpu_cores == 0 || cores < limits.cpu_cores) limits.cpu_cores = cores;
}

void cut_memory(CgroupLimits& limits, std::optional<int64_t> limit, int64_t usage, int64_t reclaimable) {
  constexpr int64_t kUnlimited = int64_t{1} << 60;  // v1 writes "none" as a number just below 2^63
  if (!limit || *limit <= 0 || *limit >= kUnlimited) return;
  if (limits.memory_bytes == 0 || *limit < limits.memory_bytes) limits.memory_bytes = *limit;
  const int64_t left = std::clamp(*limit - usage + reclaimable, int64_t{0}, *limit);
  if (limits.memory_left_bytes < 0 || left < limits.memory_left_bytes) limits.memory_left_bytes = left;
}

void read_v2(const Env& env, CgroupLimits& limits) {
  for (const std::string& folder : path_to_root(env, "")) {
    const std::string cpu = env.read_text(folder + "/cpu.max").value_or("");
    const auto fields = split(cpu, ' ');
    if (fields.size() == 2) cut_cores(limits, leading_integer(fields[0]), leading_integer(fields[1]));
    const std::string stat = env.read_text(folder + "/memory.stat").value_or("");
    cut_memory(limits, read_integer(env, folder + "/memory.max"), read_integer(env, folder + "/memory.current").value_or(0),
               stat_value(stat, "active_file") + stat_value(stat, "inactive_file"));
  }
}

void read_v1(const Env& env, CgroupLimits& limits) {
  for (const std::string& folder : path_to_root(env, "cpu"))
    cut_cores(limits, read_integer(env, folder + "/cpu.cfs_quota_us"), read_integer(env, folder + "/cpu.cfs_period_us"));
  for (const std::string& folder : path_to_root(env, "memory")) {
    const std::string stat = env.read_text(folder + "/memory.stat").value_or("");
    cut_memory(limits, read_integer(env, folder + "/memory.limit_in_bytes"),
               read_integer(env, folder + "/memory.usage_in_bytes").value_or(0),
               stat_value(stat, "total_active_file") + stat_value(stat, "total_inactive_file"));
  }
}

}  // namespace

CgroupLimits read_cgroup_limits(const Env& env) {
  CgroupLimits limits;
  read_v2(env, limits);
  read_v1(env, limits);
  return limits;
}

}  // namespace lupo
