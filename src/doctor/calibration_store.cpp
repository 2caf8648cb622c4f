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

// Reads fields of objects; the first that is missing, or that no measurement gives, stays as the error.
class Reader {
 public:
  double rate(const Json& object, const char* key) {
    const Json value = field(object, key);
    if (value.is_number() && value.get<double>() >= 0 && std::isfinite(value.get<double>())) return value.get<double>();
    return refuse(key), 0;
  }
  int64_t count(const Json& object, const char* key, int64_t least = 1) {
    const Json value = field(object, key);
    const double n = value.is_number_integer() ? value.get<double>() : -1;
    if (n >= static_cast<double>(least) && n <= 1 << 20) return static_cast<int64_t>(n);
    return refuse(key), least;
  }
  Type type(const Json& object, const char* key) {
    const Json value = field(object, key);
    const TypeInfo* type = value.is_string() ? find_type(value.get<std::string>()) : nullptr;
    return type != nullptr ? type->id : (refuse(key), Type::f32);
  }
  Json list(const Json& object, const char* key) {
    Json value = field(object, key);
    return value.is_array() ? value : (refuse(key), Json::array());
  }
  const std::string& error() const { return error_; }

 private:
  static Json field(const Json& object, const char* key) {
    return object.is_object() && object.contains(key) ? object[key] : Json();
  }
  void refuse(const char* key) {
    if (error_.empty()) error_ = fmt::format("{} is missing or is no such value", key);
  }
  std::string error_;
};

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
  const Json json = Json::parse(text, nullptr, false);
  Reader reader;
  Calibration c{.n_threads = static_cast<int>(reader.count(json, "n_threads")),
                .activations = reader.count(json, "activations", 0) == 8 ? ActivationBits::eight : ActivationBits::chosen,
                .file_gbps = reader.rate(json, "file_gbps"),
                .read_gbps = reader.rate(json, "read_gbps"),
                .f32_gmacs = reader.rate(json, "f32_gmacs"),
                .row_seconds = reader.rate(json, "row_seconds"),
                .node_seconds = reader.rate(json, "node_seconds"),
                .quiet = json.is_object() && json.value("quiet", Json()) == Json(true),
                .noise = reader.rate(json, "noise")};
  for (const Json& k : reader.list(json, "kernels"))
    c.kernels[reader.type(k, "type")] = {reader.rate(k, "decode_gbps"), reader.rate(k, "node_seconds"),
                                         reader.rate(k, "short_gflops"), reader.rate(k, "prefill_gflops")};
  for (const Json& a : reader.list(json, "attends"))
    c.attends[{reader.count(a, "n_head"), reader.count(a, "n_kv_head"), reader.count(a, "head_dim"),
               reader.count(a, "head_dim_v"), reader.type(a, "k_type")}] = {reader.rate(a, "decode_gbps"),
                                                                            reader.rate(a, "prefill_gflops")};
  if (!reader.error().empty())
    return fail(Layer::hardware, "bad-calibration", "no calibration: " + reader.error(), "measure anew");
  return c;
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
