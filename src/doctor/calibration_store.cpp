// Calibrations as JSON, and the file they are kept in.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "doctor/calibration.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kFileBytesMax = int64_t{1} << 20;

Json json_of(const Calibration& c) {
  Json kernels = Json::array(), attends = Json::array();
  for (const auto& [type, speed] : c.kernels)
    kernels.push_back({{"type", type_info(type).name},
                       {"decode_gbps", speed.decode_gbps},
                       {"short_gflops", speed.short_gflops},
                       {"prefill_gflops", speed.prefill_gflops}});
  for (const auto& [shape, speed] : c.attends)
    attends.push_back({{"n_head", shape.n_head},
                       {"n_kv_head", shape.n_kv_head},
                       {"head_dim", shape.head_dim},
                       {"head_dim_v", shape.head_dim_v},
                       {"k_type", type_info(shape.k_type).name},
                       {"decode_gbps", speed.decode_gbps},
                       {"prefill_gflops", speed.prefill_gflops}});
  return {{"n_threads", c.n_threads},       {"read_gbps", c.read_gbps},       {"f32_gmacs", c.f32_gmacs},
          {"row_seconds", c.row_seconds},   {"node_seconds", c.node_seconds}, {"noise", c.noise},
          {"kernels", std::move(kernels)}, {"attends", std::move(attends)}};
}

// Throws what nlohmann-json throws, and std::domain_error for a number that no measurement gives.
double rate(const Json& object, const char* key) {
  const double value = object.at(key).get<double>();
  if (!(value >= 0 && std::isfinite(value))) throw std::domain_error(fmt::format("{} is {}", key, value));
  return value;
}
int64_t count(const Json& object, const char* key) {
  const int64_t value = object.at(key).get<int64_t>();
  if (value < 1 || value > int64_t{1} << 20) throw std::domain_error(fmt::format("{} is {}", key, value));
  return value;
}
Type type_of(const Json& object, const char* key) {
  const std::string name = object.at(key).get<std::string>();
  const TypeInfo* type = find_type(name);
  if (type == nullptr) throw std::domain_error("an unknown type");
  return type->id;
}

Calibration calibration_of(const Json& json) {
  Calibration c{.n_threads = static_cast<int>(count(json, "n_threads")),
                .read_gbps = rate(json, "read_gbps"),
                .f32_gmacs = rate(json, "f32_gmacs"),
                .row_seconds = rate(json, "row_seconds"),
                .node_seconds = rate(json, "node_seconds"),
                .noise = rate(json, "noise")};
  for (const Json& k : json.at("kernels"))
    c.kernels[type_of(k, "type")] = {rate(k, "decode_gbps"), rate(k, "short_gflops"), rate(k, "prefill_gflops")};
  for (const Json& a : json.at("attends"))
    c.attends[{count(a, "n_head"), count(a, "n_kv_head"), count(a, "head_dim"), count(a, "head_dim_v"), type_of(a, "k_type")}] = {
        rate(a, "decode_gbps"), rate(a, "prefill_gflops")};
  return c;
}

// What the file has under this key; an empty object where it is no such file.
Json read_file(const std::string& path, const std::string& key) {
  std::error_code none;
  if (path.empty() || std::filesystem::file_size(path, none) > static_cast<uintmax_t>(kFileBytesMax) || none) return Json::object();
  std::ifstream file(path, std::ios::binary);
  const Json json = Json::parse(file, nullptr, false);
  if (!json.is_object() || json.value("key", Json()) != Json(key)) return Json::object();
  const Json by_threads = json.value("by_threads", Json());
  return by_threads.is_object() ? by_threads : Json::object();
}

}  // namespace

std::string to_json(const Calibration& calibration) { return json_of(calibration).dump(); }

Result<Calibration> calibration_from_json(const std::string& text) {
  try {
    return calibration_of(Json::parse(text));
  } catch (const std::exception& error) {
    return fail(Layer::hardware, "bad-calibration", fmt::format("no calibration: {}", error.what()), "measure anew");
  }
}

CalibrationStore::CalibrationStore(const Env& env, const Machine& machine, std::string_view isa)
    : key_(fmt::format("{}-{}", measurement_key(machine, env), isa)) {
  if (const std::string folder = cache_folder(env); !folder.empty()) path_ = fmt::format("{}/calibration/{}.json", folder, key_);
}

std::optional<Calibration> CalibrationStore::find(int n_threads) const {
  const Json by_threads = read_file(path_, key_);
  const auto found = by_threads.find(std::to_string(n_threads));
  if (found == by_threads.end()) return std::nullopt;
  const Result<Calibration> calibration = calibration_from_json(found->dump());
  if (!calibration || calibration->n_threads != n_threads) return std::nullopt;
  return *calibration;
}

Result<void> CalibrationStore::put(const Calibration& calibration) const {
  if (path_.empty()) return {};
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);  // AtomicFile says what is wrong
  Json by_threads = read_file(path_, key_);
  by_threads[std::to_string(calibration.n_threads)] = json_of(calibration);
  const std::string text = Json{{"key", key_}, {"by_threads", std::move(by_threads)}}.dump(1) + "\n";
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path_));
  TRY(file.write(std::as_bytes(std::span(text))));
  return file.commit();
}

}  // namespace lupo
