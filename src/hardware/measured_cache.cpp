#include "hardware/measured_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/fnv.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string file_of(const std::string& folder, const std::string& key) { return folder + "/machines/" + key + ".json"; }

// A new build measures anew: its loops may be others.
std::string build_of_this() {
  struct stat info{};
  if (stat("/proc/self/exe", &info) != 0) return "";
  return fmt::format("{} {}.{:09}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

std::string absolute(const Env& env, const char* name) {
  const std::string value = env.variable(name).value_or("");
  return value.starts_with('/') ? value : "";
}

}  // namespace

std::string cache_folder(const Env& env) {
  if (const std::string folder = absolute(env, "LUPO_CACHE"); !folder.empty()) return folder;
  if (const std::string folder = absolute(env, "XDG_CACHE_HOME"); !folder.empty()) return folder + "/lupo";
  if (const std::string folder = absolute(env, "HOME"); !folder.empty()) return folder + "/.cache/lupo";
  return "";
}

std::string measurement_key(const Machine& machine, const Env& env) {
  const Cpu& cpu = machine.cpu;
  std::string text =
      fmt::format("{}|{}|{} {} {} {}|{}|{}|{} {} {}|{}|{} {}|", cpu.model, cpu.architecture, cpu.n_online, cpu.n_logical,
                  cpu.n_physical, cpu.n_fast, cpu.quota_cores, fmt::join(cpu.isa, " "), cpu.l1d_bytes, cpu.l2_bytes, cpu.l3_bytes,
                  cpu.governor, machine.ram.total_bytes, machine.ram.limit_bytes);
  for (const NumaNode& node : machine.numa)
    text += fmt::format("{} {} {}|", node.id, fmt::join(node.cpus, ","), node.total_bytes);
  text += env.read_text("/etc/machine-id").value_or("") + "|" + build_of_this();
  Fnv1a hash;
  hash.add(text);
  return fmt::format("{:016x}", hash.value());
}

std::optional<CachedMeasured> load_measured(const std::string& folder, const std::string& key) {
  const auto text = folder.empty() ? std::nullopt : real_env().read_text(file_of(folder, key));
  if (!text) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto holds = [&](const char* name, bool (Json::*is_kind)() const noexcept) {
    return json.contains(name) && (json[name].*is_kind)();
  };
  if (!holds("format", &Json::is_number_integer) || json["format"] != kFormat || !holds("key", &Json::is_string) ||
      json["key"] != key || !holds("seconds", &Json::is_number) || !holds("unix_seconds", &Json::is_number_unsigned) ||
      !holds("busy", &Json::is_number) || !holds("measured", &Json::is_object))
    return std::nullopt;
  const Result<Measured> measured = measured_from_json(json["measured"].dump());
  if (!measured || !(measured->read_gbps > 0) || measured->by_threads.empty()) return std::nullopt;
  return CachedMeasured{*measured, json["seconds"].get<double>(), json["unix_seconds"].get<int64_t>(),
                        json["busy"].get<double>()};
}

Result<void> save_measured(const std::string& folder, const std::string& key, const CachedMeasured& cached) {
  std::error_code ignored;  // the file says what is wrong
  std::filesystem::create_directories(folder + "/machines", ignored);
  const Json json = {{"format", kFormat},         {"key", key},
                     {"seconds", cached.seconds}, {"unix_seconds", cached.unix_seconds},
                     {"busy", cached.busy},       {"measured", Json::parse(to_json(cached.measured))}};
  const std::string text = json.dump(2) + "\n";
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(file_of(folder, key)));
  TRY(file.write(std::as_bytes(std::span(text))));
  return file.commit();
}

}  // namespace lupo
