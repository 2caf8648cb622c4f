#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "hardware/machine.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

// Reads fields of one object; the first that is missing or of the wrong kind stays as the error.
class Fields {
 public:
  Fields(const Json& root, std::string name) : name_(std::move(name)) {
    if (const auto found = root.find(name_); found != root.end() && found->is_object())
      object_ = *found;
    else
      refuse(name_, "an object");
  }

  void read(const char* key, std::string& value) {
    if (const Json* found = find(key, "a string", &Json::is_string)) value = found->get<std::string>();
  }
  template <class Integer>
  requires std::is_integral_v<Integer>
  void read(const char* key, Integer& value, int64_t min) {
    const int64_t max = sizeof(Integer) == 4 ? int64_t{1} << 20 : int64_t{1} << 60;
    const std::string wanted = fmt::format("an integer from {} to {}", min, max);
    const Json* found = find(key, wanted, &Json::is_number_integer);
    if (!found) return;
    const bool fits = !found->is_number_unsigned() || found->get<uint64_t>() <= static_cast<uint64_t>(max);
    if (!fits || found->get<int64_t>() < min || found->get<int64_t>() > max) return refuse(key, wanted);
    value = static_cast<Integer>(found->get<int64_t>());
  }
  void read(const char* key, double& value) {
    const Json* found = find(key, "a number, 0 or more", &Json::is_number);
    if (!found) return;
    if (!(found->get<double>() >= 0) || !std::isfinite(found->get<double>())) return refuse(key, "a number, 0 or more");
    value = found->get<double>();
  }
  void read(const char* key, std::vector<std::string>& value) {
    const Json* found = find(key, "an array of strings", &Json::is_array);
    if (!found) return;
    for (const Json& item : *found) {
      if (!item.is_string()) return refuse(key, "an array of strings");
      value.push_back(item.get<std::string>());
    }
  }
  const std::string& error() const { return error_; }

 private:
  const Json* find(const char* key, const std::string& wanted, bool (Json::*is_kind)() const noexcept) {
    const auto found = object_.find(key);
    if (found != object_.end() && ((*found).*is_kind)()) return &*found;
    refuse(key, wanted);
    return nullptr;
  }
  void refuse(const std::string& key, const std::string& wanted) {
    if (error_.empty())
      error_ = fmt::format("\"{}\"{} must be {}", key, key == name_ ? "" : fmt::format(" of \"{}\"", name_), wanted);
  }

  std::string name_, error_;
  Json object_ = Json::object();
};

}  // namespace

std::string to_json(const Machine& machine) {
  const Cpu& cpu = machine.cpu;
  const Ram& ram = machine.ram;
  Json json;
  json["cpu"] = {{"model", valid_utf8(cpu.model)}, {"architecture", valid_utf8(cpu.architecture)},
                 {"n_online", cpu.n_online},       {"n_logical", cpu.n_logical},
                 {"n_physical", cpu.n_physical},   {"n_fast", cpu.n_fast},
                 {"quota_cores", cpu.quota_cores}, {"isa", cpu.isa},
                 {"l1d_bytes", cpu.l1d_bytes},     {"l2_bytes", cpu.l2_bytes},
                 {"l3_bytes", cpu.l3_bytes}};
  json["ram"] = {{"total_bytes", ram.total_bytes},
                 {"available_bytes", ram.available_bytes},
                 {"limit_bytes", ram.limit_bytes},
                 {"swap_total_bytes", ram.swap_total_bytes},
                 {"swap_free_bytes", ram.swap_free_bytes}};
  json["measured"] = {{"read_gbps", machine.measured.read_gbps}, {"threads", machine.measured.threads}};
  json["usable_threads"] = machine.usable_threads();
  json["threads_reason"] = machine.threads_reason();
  return json.dump(2);
}

Result<Machine> machine_from_json(const std::string& json) {
  const Json root = Json::parse(json, nullptr, false);
  const auto refuse = [](std::string what) {
    return fail(Layer::hardware, "bad-machine", std::move(what), "lupo doctor --json  # its \"machine\" is one that can be read");
  };
  if (!root.is_object()) return refuse("the machine is not a JSON object");
  Machine machine;
  Fields cpu(root, "cpu"), ram(root, "ram"), measured(root, "measured");
  cpu.read("model", machine.cpu.model);
  cpu.read("architecture", machine.cpu.architecture);
  cpu.read("n_online", machine.cpu.n_online, 1);
  cpu.read("n_logical", machine.cpu.n_logical, 1);
  cpu.read("n_physical", machine.cpu.n_physical, 1);
  cpu.read("n_fast", machine.cpu.n_fast, 0);
  cpu.read("quota_cores", machine.cpu.quota_cores);
  cpu.read("isa", machine.cpu.isa);
  cpu.read("l1d_bytes", machine.cpu.l1d_bytes, 0);
  cpu.read("l2_bytes", machine.cpu.l2_bytes, 0);
  cpu.read("l3_bytes", machine.cpu.l3_bytes, 0);
  ram.read("total_bytes", machine.ram.total_bytes, 0);
  ram.read("available_bytes", machine.ram.available_bytes, 0);
  ram.read("limit_bytes", machine.ram.limit_bytes, 0);
  ram.read("swap_total_bytes", machine.ram.swap_total_bytes, 0);
  ram.read("swap_free_bytes", machine.ram.swap_free_bytes, 0);
  measured.read("read_gbps", machine.measured.read_gbps);
  measured.read("threads", machine.measured.threads, 0);
  for (const Fields* fields : {&cpu, &ram, &measured})
    if (!fields->error().empty()) return refuse("the machine's " + fields->error());
  return machine;
}

}  // namespace lupo
