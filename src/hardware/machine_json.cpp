#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "hardware/json_fields.h"
#include "hardware/machine.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

std::string read_cpu(const Json& json, Cpu& cpu) {
  JsonFields fields(json, "cpu");
  fields.read("model", cpu.model);
  fields.read("architecture", cpu.architecture);
  fields.read("n_online", cpu.n_online, 0);
  fields.read("n_logical", cpu.n_logical, 0);
  fields.read("n_physical", cpu.n_physical, 0);
  fields.read("n_fast", cpu.n_fast, 0);
  fields.read("quota_cores", cpu.quota_cores);
  fields.read("isa", cpu.isa);
  fields.read("l1d_bytes", cpu.l1d_bytes, 0);
  fields.read("l2_bytes", cpu.l2_bytes, 0);
  fields.read("l3_bytes", cpu.l3_bytes, 0);
  fields.read_if_there("l3_total_bytes", cpu.l3_total_bytes, 0);
  fields.read_if_there("governor", cpu.governor);
  return fields.error();
}

std::string read_ram(const Json& json, Ram& ram) {
  JsonFields fields(json, "ram");
  fields.read("total_bytes", ram.total_bytes, 0);
  fields.read("available_bytes", ram.available_bytes, 0);
  fields.read("limit_bytes", ram.limit_bytes, 0);
  fields.read("swap_total_bytes", ram.swap_total_bytes, 0);
  fields.read("swap_free_bytes", ram.swap_free_bytes, 0);
  fields.read_if_there("nominal_gbps", ram.nominal_gbps);
  fields.read_if_there("nominal_basis", ram.nominal_basis);
  return fields.error();
}

std::string read_one(const Json& json, NumaNode& node) {
  JsonFields fields(json, "numa");
  fields.read("id", node.id, 0);
  fields.read("cpus", node.cpus);
  fields.read("total_bytes", node.total_bytes, 0);
  fields.read("free_bytes", node.free_bytes, 0);
  return fields.error();
}

std::string read_one(const Json& json, HugePages& pages) {
  JsonFields fields(json, "huge_pages");
  fields.read("page_bytes", pages.page_bytes, 1);
  fields.read("n_total", pages.n_total, 0);
  fields.read("n_free", pages.n_free, 0);
  return fields.error();
}

std::string read_one(const Json& json, Disk& disk) {
  JsonFields fields(json, "disks");
  fields.read("name", disk.name);
  fields.read("model", disk.model);
  fields.read("bytes", disk.bytes, 0);
  fields.read("rotational", disk.rotational);
  return fields.error();
}

std::string read_one(const Json& json, Gpu& gpu) {
  JsonFields fields(json, "gpus");
  fields.read("name", gpu.name);
  fields.read("memory_bytes", gpu.memory_bytes, 0);
  fields.read("shared_memory", gpu.shared_memory);
  fields.read_if_there("vendor", gpu.vendor);
  fields.read_if_there("pci_address", gpu.pci_address);
  fields.read_if_there("vendor_id", gpu.vendor_id, 0);
  fields.read_if_there("device_id", gpu.device_id, 0);
  fields.read_if_there("subsystem_vendor_id", gpu.subsystem_vendor_id, 0);
  fields.read_if_there("subsystem_id", gpu.subsystem_id, 0);
  fields.read_if_there("free_bytes", gpu.free_bytes, -1);
  fields.read_if_there("driver", gpu.driver);
  fields.read_if_there("link_gtps", gpu.link_gtps);
  fields.read_if_there("link_gtps_max", gpu.link_gtps_max);
  fields.read_if_there("link_lanes", gpu.link_lanes, 0);
  fields.read_if_there("link_lanes_max", gpu.link_lanes_max, 0);
  fields.read_if_there("nominal_gbps", gpu.nominal_gbps);
  fields.read_if_there("nominal_tflops", gpu.nominal_tflops);
  fields.read_if_there("nominal_basis", gpu.nominal_basis);
  fields.read_if_there("sources", gpu.sources);
  return fields.error();
}

std::string read_one(const Json& json, ReadRate& rate) {
  JsonFields fields(json, "by_threads");
  fields.read("threads", rate.threads, 1);
  fields.read("gbps", rate.gbps);
  return fields.error();
}

// An array of objects that may be left out.
template <class Item>
std::string read_items(const Json& json, const char* key, std::vector<Item>& items) {
  const auto found = json.find(key);
  if (found == json.end()) return "";
  if (!found->is_array() || found->size() > JsonFields::kItemsMax)
    return fmt::format("\"{}\" must be an array of at most {}", key, JsonFields::kItemsMax);
  for (const Json& one : *found)
    if (const std::string error = read_one(one, items.emplace_back()); !error.empty()) return error;
  return "";
}

std::string read_measured(const Json& json, Measured& measured) {
  JsonFields fields(json, "measured");
  fields.read("read_gbps", measured.read_gbps);
  fields.read("threads", measured.threads, 0);
  fields.read_if_there("gather_1m_gbps", measured.gather_1m_gbps);
  fields.read_if_there("gather_4k_gbps", measured.gather_4k_gbps);
  fields.read_if_there("disk_read_gbps", measured.disk_read_gbps);
  if (!fields.error().empty()) return fields.error();
  return read_items(json, "by_threads", measured.by_threads);
}

std::string read_machine(const Json& root, Machine& machine) {
  const Json missing;  // null: no object
  const auto part = [&](const char* key) -> const Json& { return root.contains(key) ? root[key] : missing; };
  if (const std::string error = read_cpu(part("cpu"), machine.cpu); !error.empty()) return error;
  if (const std::string error = read_ram(part("ram"), machine.ram); !error.empty()) return error;
  if (root.contains("measured"))
    if (const std::string error = read_measured(root["measured"], machine.measured); !error.empty()) return error;
  if (const std::string error = read_items(root, "numa", machine.numa); !error.empty()) return error;
  if (const std::string error = read_items(root, "huge_pages", machine.huge_pages); !error.empty()) return error;
  if (const std::string error = read_items(root, "disks", machine.disks); !error.empty()) return error;
  if (const std::string error = read_items(root, "gpus", machine.gpus); !error.empty()) return error;
  JsonFields fields(root, "machine");
  fields.read_if_there("transparent_huge_pages", machine.transparent_huge_pages);
  return fields.error();
}

Json json_of(const NumaNode& node) {
  return {{"id", node.id}, {"cpus", node.cpus}, {"total_bytes", node.total_bytes}, {"free_bytes", node.free_bytes}};
}
Json json_of(const HugePages& pages) {
  return {{"page_bytes", pages.page_bytes}, {"n_total", pages.n_total}, {"n_free", pages.n_free}};
}
Json json_of(const Disk& disk) {
  return {
      {"name", valid_utf8(disk.name)}, {"model", valid_utf8(disk.model)}, {"bytes", disk.bytes}, {"rotational", disk.rotational}};
}
Json json_of(const ReadRate& rate) { return {{"threads", rate.threads}, {"gbps", rate.gbps}}; }
Json json_of(const Gpu& gpu) {
  return {{"name", valid_utf8(gpu.name)},
          {"vendor", valid_utf8(gpu.vendor)},
          {"pci_address", valid_utf8(gpu.pci_address)},
          {"vendor_id", gpu.vendor_id},
          {"device_id", gpu.device_id},
          {"subsystem_vendor_id", gpu.subsystem_vendor_id},
          {"subsystem_id", gpu.subsystem_id},
          {"memory_bytes", gpu.memory_bytes},
          {"free_bytes", gpu.free_bytes},
          {"shared_memory", gpu.shared_memory},
          {"driver", valid_utf8(gpu.driver)},
          {"link_gtps", gpu.link_gtps},
          {"link_gtps_max", gpu.link_gtps_max},
          {"link_lanes", gpu.link_lanes},
          {"link_lanes_max", gpu.link_lanes_max},
          {"nominal_gbps", gpu.nominal_gbps},
          {"nominal_tflops", gpu.nominal_tflops},
          {"nominal_basis", valid_utf8(gpu.nominal_basis)},
          {"sources", gpu.sources}};
}

template <class Item>
Json array_of(const std::vector<Item>& items) {
  Json array = Json::array();
  for (const Item& item : items) array.push_back(json_of(item));
  return array;
}

Json json_of(const Cpu& cpu) {
  return {{"model", valid_utf8(cpu.model)},
          {"architecture", valid_utf8(cpu.architecture)},
          {"n_online", cpu.n_online},
          {"n_logical", cpu.n_logical},
          {"n_physical", cpu.n_physical},
          {"n_fast", cpu.n_fast},
          {"quota_cores", cpu.quota_cores},
          {"isa", cpu.isa},
          {"l1d_bytes", cpu.l1d_bytes},
          {"l2_bytes", cpu.l2_bytes},
          {"l3_bytes", cpu.l3_bytes},
          {"l3_total_bytes", cpu.l3_total_bytes},
          {"governor", valid_utf8(cpu.governor)}};
}
Json json_of(const Ram& ram) {
  return {{"total_bytes", ram.total_bytes},
          {"available_bytes", ram.available_bytes},
          {"limit_bytes", ram.limit_bytes},
          {"swap_total_bytes", ram.swap_total_bytes},
          {"swap_free_bytes", ram.swap_free_bytes},
          {"nominal_gbps", ram.nominal_gbps},
          {"nominal_basis", valid_utf8(ram.nominal_basis)}};
}
Json json_of(const Measured& measured) {
  return {{"read_gbps", measured.read_gbps},
          {"threads", measured.threads},
          {"by_threads", array_of(measured.by_threads)},
          {"gather_1m_gbps", measured.gather_1m_gbps},
          {"gather_4k_gbps", measured.gather_4k_gbps},
          {"disk_read_gbps", measured.disk_read_gbps}};
}

}  // namespace

std::string to_json(const Machine& machine) {
  Json json;
  json["cpu"] = json_of(machine.cpu);
  json["ram"] = json_of(machine.ram);
  json["numa"] = array_of(machine.numa);
  json["transparent_huge_pages"] = machine.transparent_huge_pages;
  json["huge_pages"] = array_of(machine.huge_pages);
  json["disks"] = array_of(machine.disks);
  json["gpus"] = array_of(machine.gpus);
  json["measured"] = json_of(machine.measured);
  json["usable_threads"] = machine.usable_threads();
  json["threads_reason"] = machine.threads_reason();
  return json.dump(2);
}

std::string to_json(const Measured& measured) { return json_of(measured).dump(2); }

namespace {

std::unexpected<Error> refuse(std::string what) {
  return fail(Layer::hardware, "bad-machine", std::move(what), "lupo hardware --json  # its \"machine\" is one that can be read");
}

}  // namespace

Result<Machine> machine_from_json(const std::string& json) {
  const Json root = Json::parse(json, nullptr, false);
  if (!root.is_object()) return refuse("the machine is not a JSON object");
  Machine machine;
  if (const std::string error = read_machine(root, machine); !error.empty()) return refuse("the machine's " + error);
  return machine;
}

Result<Measured> measured_from_json(const std::string& json) {
  const Json root = Json::parse(json, nullptr, false);
  if (!root.is_object()) return refuse("the measured figures are not a JSON object");
  Measured measured;
  if (const std::string error = read_measured(root, measured); !error.empty()) return refuse("the machine's " + error);
  return measured;
}

}  // namespace lupo
