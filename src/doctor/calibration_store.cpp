// Calibrations as JSON, and the file they are kept in.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/printable.h"
#include "doctor/calibration.h"
#include "hardware/json_fields.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kFileBytesMax = int64_t{1} << 20;

Json json_of(const Calibration& c) {
  Json kernels = Json::array(), attends = Json::array();
  for (const auto& [type, speed] : c.kernels)
    kernels.push_back({{"type", type_info(type).name},
                       {"decode_gbps", speed.decode_gbps},
                       {"node_seconds", speed.node_seconds},
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
  return {{"n_threads", c.n_threads},
          {"activations", c.activations == ActivationBits::eight ? 8 : 0},
          {"file_gbps", c.file_gbps},
          {"read_gbps", c.read_gbps},
          {"f32_gmacs", c.f32_gmacs},
          {"row_seconds", c.row_seconds},
          {"node_seconds", c.node_seconds},
          {"noise", c.noise},
          {"quiet", c.quiet},
          {"kernels", std::move(kernels)},
          {"attends", std::move(attends)}};
}

std::string form_of(int n_threads, ActivationBits activations) {
  return fmt::format("{}{}", n_threads, activations == ActivationBits::eight ? "/8bit" : "");
}

std::string read_type(JsonFields& fields, const char* key, Type& type) {
  std::string name;
  fields.read(key, name);
  const TypeInfo* info = find_type(name);
  if (info != nullptr) type = info->id;
  return info != nullptr || !fields.error().empty() ? "" : fmt::format("there is no type {}", printable(name, 40));
}

// Empty when all is well, else what is wrong.
std::string read_kernel(const Json& json, Calibration& calibration) {
  JsonFields fields(json, "kernels");
  Type type{};
  KernelSpeed speed;
  const std::string no_type = read_type(fields, "type", type);
  fields.read("decode_gbps", speed.decode_gbps);
  fields.read("node_seconds", speed.node_seconds);
  fields.read("short_gflops", speed.short_gflops);
  fields.read("prefill_gflops", speed.prefill_gflops);
  calibration.kernels[type] = speed;
  return no_type.empty() ? fields.error() : no_type;
}

std::string read_attend(const Json& json, Calibration& calibration) {
  JsonFields fields(json, "attends");
  int n_head = 1, n_kv_head = 1, head_dim = 1, head_dim_v = 1;
  Type k_type{};
  AttendSpeed speed;
  fields.read("n_head", n_head, 1);
  fields.read("n_kv_head", n_kv_head, 1);
  fields.read("head_dim", head_dim, 1);
  fields.read("head_dim_v", head_dim_v, 1);
  const std::string no_type = read_type(fields, "k_type", k_type);
  fields.read("decode_gbps", speed.decode_gbps);
  fields.read("prefill_gflops", speed.prefill_gflops);
  calibration.attends[{n_head, n_kv_head, head_dim, head_dim_v, k_type}] = speed;
  return no_type.empty() ? fields.error() : no_type;
}

// Each item of an array that must be there.
std::string read_items(const Json& json, const char* key, std::string (*read)(const Json&, Calibration&), Calibration& c) {
  if (!json.contains(key) || !json[key].is_array()) return fmt::format("\"{}\" must be an array", key);
  for (const Json& item : json[key])
    if (std::string error = read(item, c); !error.empty()) return error;
  return "";
}

std::string read_calibration(const Json& json, Calibration& c) {
  JsonFields fields(json, "calibration");
  int activations = 0;
  fields.read("n_threads", c.n_threads, 1);
  fields.read("activations", activations, 0);
  fields.read("file_gbps", c.file_gbps);
  fields.read("read_gbps", c.read_gbps);
  fields.read("f32_gmacs", c.f32_gmacs);
  fields.read("row_seconds", c.row_seconds);
  fields.read("node_seconds", c.node_seconds);
  fields.read("quiet", c.quiet);
  fields.read("noise", c.noise);
  if (!fields.error().empty()) return fields.error();
  c.activations = activations == 8 ? ActivationBits::eight : ActivationBits::chosen;
  std::string error = read_items(json, "kernels", read_kernel, c);
  return error.empty() ? read_items(json, "attends", read_attend, c) : error;
}

// What the file has under this key; an empty object where it is no such file.
Json read_file(const std::string& path, const std::string& key) {
  std::error_code none;
  if (path.empty() || std::filesystem::file_size(path, none) > static_cast<uintmax_t>(kFileBytesMax) || none)
    return Json::object();
  std::ifstream file(path, std::ios::binary);
  const Json json = Json::parse(file, nullptr, false);
  if (!json.is_object() || json.value("key", Json()) != Json(key)) return Json::object();
  const Json by_threads = json.value("by_threads", Json());
  return by_threads.is_object() ? by_threads : Json::object();
}

}  // namespace

std::string to_json(const Calibration& calibration) { return json_of(calibration).dump(); }

Result<Calibration> calibration_from_json(const std::string& text) {
  Calibration calibration;
  const std::string error = read_calibration(Json::parse(text, nullptr, false), calibration);
  if (!error.empty()) return fail(Layer::hardware, "bad-calibration", "no calibration: " + error, "measure anew");
  return calibration;
}

CalibrationStore::CalibrationStore(const Env& env, const Machine& machine, std::string_view isa)
    : key_(fmt::format("{}-{}", measurement_key(machine, env), isa)) {
  if (const std::string folder = cache_folder(env); !folder.empty()) path_ = fmt::format("{}/calibration/{}.json", folder, key_);
}

std::optional<Calibration> CalibrationStore::find(int n_threads, ActivationBits activations) const {
  const Json by_threads = read_file(path_, key_);
  const auto found = by_threads.find(form_of(n_threads, activations));
  if (found == by_threads.end()) return std::nullopt;
  const Result<Calibration> calibration = calibration_from_json(found->dump());
  if (!calibration || calibration->n_threads != n_threads || calibration->activations != activations) return std::nullopt;
  return *calibration;
}

Result<void> CalibrationStore::put(const Calibration& calibration) const {
  if (path_.empty()) return {};
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);  // AtomicFile says what is wrong
  Json by_threads = read_file(path_, key_);
  by_threads[form_of(calibration.n_threads, calibration.activations)] = json_of(calibration);
  const std::string text = Json{{"key", key_}, {"by_threads", std::move(by_threads)}}.dump(1) + "\n";
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path_));
  TRY(file.write(std::as_bytes(std::span(text))));
  return file.commit();
}

}  // namespace lupo
