#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "hardware/cgroup.h"
#include "hardware/machine.h"
#include "hardware/parts.h"
#include "hardware/text.h"

namespace lupo {
namespace {

// "key : value" lines of /proc/cpuinfo. `processors` has one map a logical CPU; keys before the first or after the last
// processor's block (Raspberry Pi: "Model") count for all and land in the nearest one.
struct CpuInfo {
  std::vector<std::pair<int, std::map<std::string, std::string>>> processors;  // number, its keys

  std::string value(const std::string& key) const {  // the first processor that has it
    for (const auto& [number, keys] : processors)
      if (const auto found = keys.find(key); found != keys.end()) return found->second;
    return "";
  }
};

CpuInfo parse_cpuinfo(std::string_view text) {
  CpuInfo info;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string key = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (key == "processor" && !value.empty() && value.find_first_not_of("0123456789") == std::string::npos)
      info.processors.push_back({static_cast<int>(integer_or(value, 0)), {}});
    else if (!info.processors.empty())
      info.processors.back().second.insert({key, value});
  }
  return info;
}

// Core names by the "CPU part" of implementer 0x41. Source: Arm's MIDR_EL1 part numbers, as in the technical reference manuals.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kArmParts{{
    {"0xd03", "Cortex-A53"},  {"0xd04", "Cortex-A35"},  {"0xd05", "Cortex-A55"},  {"0xd07", "Cortex-A57"},
    {"0xd08", "Cortex-A72"},  {"0xd09", "Cortex-A73"},  {"0xd0a", "Cortex-A75"},  {"0xd0b", "Cortex-A76"},
    {"0xd0c", "Neoverse-N1"}, {"0xd0d", "Cortex-A77"},  {"0xd40", "Neoverse-V1"}, {"0xd41", "Cortex-A78"},
    {"0xd44", "Cortex-X1"},   {"0xd46", "Cortex-A510"}, {"0xd47", "Cortex-A710"}, {"0xd48", "Cortex-X2"},
    {"0xd49", "Neoverse-N2"}, {"0xd4d", "Cortex-A715"}, {"0xd4f", "Neoverse-V2"}, {"0xd80", "Cortex-A520"},
}};

// "Cortex-A55 + Cortex-A76": the kinds of cores, each once.
std::string arm_cores(const CpuInfo& info) {
  std::string cores;
  for (const auto& [number, keys] : info.processors) {
    const auto part = keys.find("CPU part");
    if (info.value("CPU implementer") != "0x41" || part == keys.end()) continue;
    const auto* known = std::find_if(kArmParts.begin(), kArmParts.end(), [&](const auto& p) { return p.first == part->second; });
    if (known != kArmParts.end() && cores.find(known->second) == std::string::npos)
      cores += (cores.empty() ? "" : " + ") + std::string(known->second);
  }
  return cores;
}

std::string cpu_model(const Env& env, const CpuInfo& info) {
  if (const std::string name = info.value("model name"); !name.empty()) return name;
  std::string board = info.value("Model");
  if (board.empty()) board = read_trimmed(env, "/proc/device-tree/model");
  const std::string cores = arm_cores(info);
  if (board.empty()) return cores.empty() ? "unknown" : cores;
  return cores.empty() ? board : board + " (" + cores + ")";
}

std::string cpu_architecture(const CpuInfo& info) {
  if (const std::string flags = " " + info.value("flags") + " "; flags.size() > 2)
    return flags.find(" lm ") != std::string::npos ? "x86_64" : "x86";
  if (!info.value("Features").empty()) return info.value("CPU architecture") == "7" ? "arm" : "aarch64";
  return info.value("isa").starts_with("rv64") ? "riscv64" : "unknown";
}

// The kernel's name of a feature and ours, in the order of reporting.
constexpr std::array<std::pair<std::string_view, std::string_view>, 28> kFeatures{{
    {"sse4_2", "sse4.2"},
    {"avx", "avx"},
    {"avx2", "avx2"},
    {"fma", "fma"},
    {"f16c", "f16c"},
    {"bmi2", "bmi2"},
    {"avx_vnni", "avxvnni"},
    {"avx512f", "avx512f"},
    {"avx512bw", "avx512bw"},
    {"avx512dq", "avx512dq"},
    {"avx512vl", "avx512vl"},
    {"avx512_vnni", "avx512vnni"},
    {"avx512_bf16", "avx512bf16"},
    {"avx512_fp16", "avx512fp16"},
    {"amx_tile", "amxtile"},
    {"amx_int8", "amxint8"},
    {"amx_bf16", "amxbf16"},
    {"asimd", "neon"},
    {"asimdhp", "fp16"},
    {"asimddp", "dotprod"},
    {"i8mm", "i8mm"},
    {"bf16", "bf16"},
    {"sve", "sve"},
    {"sve2", "sve2"},
    {"sme", "sme"},
    {"svei8mm", "svei8mm"},
    {"svebf16", "svebf16"},
    {"sme2", "sme2"},
}};

// Features that every processor has: on a hybrid CPU the kernel may list more for one kind.
std::vector<std::string> isa_features(const CpuInfo& info) {
  std::vector<std::string> isa;
  for (const auto& [kernel_name, name] : kFeatures) {
    const bool everywhere = std::all_of(info.processors.begin(), info.processors.end(), [&](const auto& processor) {
      const auto& keys = processor.second;
      const auto found = keys.contains("flags") ? keys.find("flags") : keys.find("Features");
      return found != keys.end() && (" " + found->second + " ").find(" " + std::string(kernel_name) + " ") != std::string::npos;
    });
    if (everywhere && !info.processors.empty()) isa.emplace_back(name);
  }
  return isa;
}

std::string cpu_folder(int cpu) { return "/sys/devices/system/cpu/cpu" + std::to_string(cpu); }

// A name that the SMT siblings of a core share.
std::string core_name(const Env& env, const CpuInfo& info, int cpu) {
  for (const char* file : {"/topology/core_cpus_list", "/topology/thread_siblings_list"})
    if (const auto siblings = env.read_text(cpu_folder(cpu) + file)) return trimmed(*siblings);
  for (const auto& [number, keys] : info.processors) {
    const auto package = keys.find("physical id"), core = keys.find("core id");
    if (number == cpu && package != keys.end() && core != keys.end()) return package->second + "/" + core->second;
  }
  return "cpu" + std::to_string(cpu);
}

int count_cores(const Env& env, const CpuInfo& info, const std::vector<int>& cpus) {
  std::set<std::string> cores;
  for (const int cpu : cpus) cores.insert(core_name(env, info, cpu));
  return static_cast<int>(cores.size());
}

// The CPUs of the fast kind. Intel lists them under cpu_core beside cpu_atom; Arm gives each CPU a capacity, where the middle
// cluster of a three-cluster chip (about 0.9 of the largest) still counts and the small one (0.3 to 0.5) does not.
std::vector<int> fast_cpus(const Env& env, const std::vector<int>& cpus) {
  std::vector<int> fast;
  if (env.read_text("/sys/devices/cpu_atom/cpus")) {
    const std::vector<int> listed = parse_cpu_list(env.read_text("/sys/devices/cpu_core/cpus").value_or(""));
    std::set_intersection(cpus.begin(), cpus.end(), listed.begin(), listed.end(), std::back_inserter(fast));
    return fast;
  }
  std::map<int, int64_t> capacity;
  int64_t largest = 0;
  for (const int cpu : cpus) {
    capacity[cpu] = read_integer_or(env, cpu_folder(cpu) + "/cpu_capacity", 0);
    largest = std::max(largest, capacity[cpu]);
  }
  for (const int cpu : cpus)
    if (capacity[cpu] * 10 >= largest * 6) fast.push_back(cpu);
  return fast;
}

// "48K", "32M", "36608 KB".
int64_t cache_bytes(const std::string& text) {
  const int64_t n = integer_or(text, 0);
  if (n <= 0 || n > (int64_t{1} << 30)) return 0;
  if (text.find('K') != std::string::npos) return n << 10;
  return text.find('M') != std::string::npos ? n << 20 : n;
}

void probe_caches(const Env& env, const CpuInfo& info, int cpu_number, Cpu& cpu) {
  for (const std::string& index : env.list(cpu_folder(cpu_number) + "/cache")) {
    const std::string folder = cpu_folder(cpu_number) + "/cache/" + index;
    const std::string type = read_trimmed(env, folder + "/type");
    const int64_t level = read_integer_or(env, folder + "/level", 0);
    const int64_t bytes = cache_bytes(env.read_text(folder + "/size").value_or(""));
    if (level == 1 && type == "Data") cpu.l1d_bytes = bytes;
    if (level == 2 && type != "Instruction") cpu.l2_bytes = bytes;
    if (level == 3 && type != "Instruction") cpu.l3_bytes = bytes;
  }
  // x86 without /sys: "cache size" is that of the last level.
  if (cpu.l1d_bytes == 0 && cpu.l2_bytes == 0 && cpu.l3_bytes == 0) cpu.l3_bytes = cache_bytes(info.value("cache size"));
}

// The last level is often one a cluster of cores; its instances differ in which CPUs share them.
int64_t all_of_l3(const Env& env, const std::vector<int>& cpus, int64_t instance_bytes) {
  std::set<std::string> instances;
  for (const int cpu : cpus)
    if (const auto shared = env.read_text(cpu_folder(cpu) + "/cache/index3/shared_cpu_list")) instances.insert(trimmed(*shared));
  return instance_bytes * static_cast<int64_t>(std::max<size_t>(1, instances.size()));
}

// The CPUs that are online and allowed, ascending.
std::vector<int> usable_cpus(const Env& env, const CpuInfo& info) {
  std::vector<int> online, allowed = env.affinity(), usable;
  for (const auto& [number, keys] : info.processors) online.push_back(number);
  std::sort(online.begin(), online.end());
  if (online.empty()) return allowed;
  if (allowed.empty()) return online;
  std::set_intersection(online.begin(), online.end(), allowed.begin(), allowed.end(), std::back_inserter(usable));
  return usable.empty() ? online : usable;
}

Ram probe_ram(const std::string& meminfo, const CgroupLimits& limits) {
  Ram ram;
  ram.total_bytes = meminfo_bytes(meminfo, "MemTotal");
  // Kernels before 3.14 have no MemAvailable; free and cached pages come nearest.
  ram.available_bytes = meminfo_bytes(meminfo, "MemAvailable");
  if (ram.available_bytes == 0) ram.available_bytes = meminfo_bytes(meminfo, "MemFree") + meminfo_bytes(meminfo, "Cached");
  ram.swap_total_bytes = meminfo_bytes(meminfo, "SwapTotal");
  ram.swap_free_bytes = meminfo_bytes(meminfo, "SwapFree");
  if (limits.memory_bytes > 0 && limits.memory_bytes < ram.total_bytes) {
    ram.limit_bytes = limits.memory_bytes;
    ram.available_bytes = std::min(ram.available_bytes, limits.memory_left_bytes);
  }
  return ram;
}

}  // namespace

Result<Machine> probe(const Env& env, const std::string& driver_answers) {
  const CpuInfo info = parse_cpuinfo(env.read_text("/proc/cpuinfo").value_or(""));
  const std::string meminfo = env.read_text("/proc/meminfo").value_or("");
  if (info.processors.empty() || meminfo_bytes(meminfo, "MemTotal") == 0)
    return fail(Layer::hardware, "no-proc", "/proc/cpuinfo and /proc/meminfo tell no processor or no memory",
                "mount -t proc proc /proc");
  const std::vector<int> cpus = usable_cpus(env, info);
  const CgroupLimits limits = read_cgroup_limits(env);

  Machine machine;
  Cpu& cpu = machine.cpu;
  cpu.model = cpu_model(env, info);
  cpu.architecture = cpu_architecture(info);
  cpu.n_online = static_cast<int>(info.processors.size());
  cpu.n_logical = static_cast<int>(cpus.size());
  cpu.n_physical = count_cores(env, info, cpus);
  const std::vector<int> fast = fast_cpus(env, cpus);
  if (!fast.empty() && fast.size() < cpus.size()) cpu.n_fast = count_cores(env, info, fast);
  cpu.quota_cores = limits.cpu_cores;
  cpu.isa = isa_features(info);
  const int first = fast.empty() ? cpus.front() : fast.front();
  probe_caches(env, info, first, cpu);
  cpu.l3_total_bytes = all_of_l3(env, cpus, cpu.l3_bytes);
  cpu.governor = read_trimmed(env, cpu_folder(first) + "/cpufreq/scaling_governor");
  machine.ram = probe_ram(meminfo, limits);
  machine.numa = probe_numa(env);
  machine.transparent_huge_pages = probe_transparent_huge_pages(env);
  machine.huge_pages = probe_huge_pages(env);
  machine.disks = probe_disks(env);
  machine.gpus = probe_gpus(env, driver_answers);
  for (const Gpu& gpu : machine.gpus)
    if (gpu.shared_memory && gpu.nominal_gbps > 0)  // what the table says of such a GPU is said of the RAM
      machine.ram.nominal_gbps = gpu.nominal_gbps, machine.ram.nominal_basis = gpu.nominal_basis;
  return machine;
}

}  // namespace lupo
