#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include <fmt/format.h>

#include "base/printable.h"
#include "hardware/devices.h"
#include "hardware/parts.h"
#include "hardware/text.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kNvidia = 0x10de, kAmd = 0x1002, kIntel = 0x8086;
constexpr int64_t kBytesMax = int64_t{1} << 50;
const std::string kPci = "/sys/bus/pci/devices/", kDrm = "/sys/class/drm/";

// A GPU as one source sees it.
struct Seen {
  Gpu gpu;
  std::optional<bool> shared{};  // nothing: this source cannot tell
};

std::string vendor_name(int vendor_id) {
  switch (vendor_id) {
    case kNvidia: return "NVIDIA";
    case kAmd: return "AMD";
    case kIntel: return "Intel";
    case 0x106b: return "Apple";
    case 0x13b5: return "Arm";
    case 0x14e4: return "Broadcom";
    case 0x5143: return "Qualcomm";
    default: return "";
  }
}

// "16.0 GT/s PCIe"; 0 for "Unknown".
double read_gtps(const Env& env, const std::string& path) {
  const std::string text = read_trimmed(env, path);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value > 0 && value < 1000 ? value : 0;
}

int read_lanes(const Env& env, const std::string& path) {
  const int64_t lanes = read_integer_or(env, path, 0);
  return lanes >= 1 && lanes <= 32 ? static_cast<int>(lanes) : 0;
}

int64_t read_bytes(const Env& env, const std::string& path) {
  return std::clamp(read_integer_or(env, path, 0), int64_t{0}, kBytesMax);
}

// amdgpu: "AMDGPU memory" of the kernel's driver documentation. The revision in the header of gpu_metrics says APU (2 and up) or
// card (1): kgd_pp_interface.h. An APU may use what is set apart for it and the table of RAM pages (GTT).
void read_amd_memory(const Env& env, const std::string& folder, Seen& seen) {
  const std::string metrics = env.read_text(folder + "gpu_metrics").value_or("");
  if (metrics.size() >= 4) seen.shared = metrics[2] >= 2;
  if (const auto facts = device_by_ids(seen.gpu.vendor_id, seen.gpu.device_id, 0)) seen.shared = facts->unified;
  int64_t total = read_bytes(env, folder + "mem_info_vram_total"), used = read_bytes(env, folder + "mem_info_vram_used");
  if (total == 0) return;
  if (seen.shared.value_or(false)) {
    total += read_bytes(env, folder + "mem_info_gtt_total");
    used += read_bytes(env, folder + "mem_info_gtt_used");
  }
  seen.gpu.memory_bytes = total;
  seen.gpu.free_bytes = std::max(total - used, int64_t{0});
}

// Intel's integrated GPUs are device 2 of bus 0. The driver xe tells the memory of a card by tile.
void read_intel_memory(const Env& env, const std::string& folder, Seen& seen) {
  seen.shared = seen.gpu.pci_address.starts_with("0000:00:");
  for (int tile = 0; tile < 4; ++tile)
    seen.gpu.memory_bytes += read_bytes(env, fmt::format("{}tile{}/physical_vram_size_bytes", folder, tile));
}

std::optional<Seen> read_pci_gpu(const Env& env, const std::string& address) {
  const std::string folder = kPci + address + "/";
  if (!read_trimmed(env, folder + "class").starts_with("0x03")) return std::nullopt;  // display controllers
  Seen seen;
  Gpu& gpu = seen.gpu;
  gpu.vendor_id = static_cast<int>(read_hex(env, folder + "vendor") & 0xffff);
  // Others on PCI are frame buffers of servers and virtual machines (ASPEED, Matrox, virtio, …).
  if (gpu.vendor_id != kNvidia && gpu.vendor_id != kAmd && gpu.vendor_id != kIntel) return std::nullopt;
  gpu.device_id = static_cast<int>(read_hex(env, folder + "device") & 0xffff);
  gpu.subsystem_vendor_id = static_cast<int>(read_hex(env, folder + "subsystem_vendor") & 0xffff);
  gpu.subsystem_id = static_cast<int>(read_hex(env, folder + "subsystem_device") & 0xffff);
  gpu.vendor = vendor_name(gpu.vendor_id);
  gpu.pci_address = address;
  gpu.driver = uevent_value(env.read_text(folder + "uevent").value_or(""), "DRIVER");
  gpu.link_gtps = read_gtps(env, folder + "current_link_speed");
  gpu.link_gtps_max = read_gtps(env, folder + "max_link_speed");
  gpu.link_lanes = read_lanes(env, folder + "current_link_width");
  gpu.link_lanes_max = read_lanes(env, folder + "max_link_width");
  gpu.sources = {"sysfs"};
  if (gpu.vendor_id == kAmd) read_amd_memory(env, folder, seen);
  if (gpu.vendor_id == kIntel) read_intel_memory(env, folder, seen);
  if (seen.shared.value_or(false)) gpu.link_gtps = gpu.link_gtps_max = gpu.link_lanes = gpu.link_lanes_max = 0;  // on the chip
  return seen;
}

// Render nodes that are not on PCI: GPUs of systems on a chip.
std::optional<Seen> read_platform_gpu(const Env& env, const std::string& node) {
  const std::string uevent = env.read_text(kDrm + node + "/device/uevent").value_or("");
  Seen seen{.gpu = {}, .shared = true};
  seen.gpu.driver = uevent_value(uevent, "DRIVER");
  const std::string compatible = uevent_value(uevent, "OF_COMPATIBLE_0");  // "brcm,2712-v3d"
  if (seen.gpu.driver.empty() || compatible.empty() || !uevent_value(uevent, "PCI_ID").empty()) return std::nullopt;
  seen.gpu.vendor = compatible.substr(0, compatible.find(','));
  seen.gpu.name = compatible;
  seen.gpu.sources = {"sysfs"};
  return seen;
}

// A field of an answer, when it is an integer in [0, max].
int64_t integer_of(const Json& answer, const char* key, int64_t otherwise, int64_t max) {
  const auto found = answer.find(key);
  if (found == answer.end() || !found->is_number_unsigned()) return otherwise;
  const uint64_t value = found->get<uint64_t>();
  return value <= static_cast<uint64_t>(max) ? static_cast<int64_t>(value) : otherwise;
}

std::string string_of(const Json& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_string() ? found->get<std::string>().substr(0, 256) : "";
}

// PCI Express base specification: 2.5 and 5 GT/s, then doubling from 8.
double gtps_of(int64_t generation) {
  if (generation <= 2) return 2.5 * static_cast<double>(std::max<int64_t>(generation, 0));
  return 8.0 * static_cast<double>(1 << (generation - 3));
}

Seen seen_by_nvml(const Json& answer, const std::string& driver) {
  Seen seen;
  Gpu& gpu = seen.gpu;
  gpu.name = string_of(answer, "name");
  gpu.vendor = "NVIDIA";
  gpu.pci_address = string_of(answer, "pci");
  const int64_t ids = integer_of(answer, "device_id", 0, UINT32_MAX),
                subsystem = integer_of(answer, "subsystem_id", 0, UINT32_MAX);
  gpu.vendor_id = kNvidia;
  gpu.device_id = static_cast<int>(ids >> 16);
  gpu.subsystem_id = static_cast<int>(subsystem >> 16);
  gpu.subsystem_vendor_id = static_cast<int>(subsystem & 0xffff);
  gpu.memory_bytes = integer_of(answer, "memory_bytes", 0, kBytesMax);
  gpu.free_bytes = integer_of(answer, "free_bytes", -1, kBytesMax);
  gpu.driver = driver.empty() ? "nvidia" : "nvidia " + driver;
  gpu.link_gtps_max = gtps_of(integer_of(answer, "link_generation_max", 0, 8));
  gpu.link_gtps = gtps_of(integer_of(answer, "link_generation", 0, 8));
  gpu.link_lanes_max = static_cast<int>(integer_of(answer, "link_lanes_max", 0, 32));
  gpu.link_lanes = static_cast<int>(integer_of(answer, "link_lanes", 0, 32));
  gpu.sources = {"nvml"};
  return seen;
}

std::optional<Seen> seen_by_vulkan(const Json& answer) {
  const std::string type = string_of(answer, "type");
  if (type != "integrated" && type != "discrete" && type != "virtual") return std::nullopt;  // "cpu": llvmpipe and its like
  Seen seen{.gpu = {}, .shared = type == "virtual" ? std::nullopt : std::optional(type == "integrated")};
  Gpu& gpu = seen.gpu;
  gpu.name = string_of(answer, "name");
  gpu.vendor_id = static_cast<int>(integer_of(answer, "vendor_id", 0, 0xffff));  // above: Khronos' own numbers
  gpu.device_id = static_cast<int>(integer_of(answer, "device_id", 0, 0xffff));
  gpu.vendor = vendor_name(gpu.vendor_id);
  gpu.pci_address = string_of(answer, "pci");
  gpu.memory_bytes = integer_of(answer, "memory_bytes", 0, kBytesMax);
  gpu.free_bytes = integer_of(answer, "free_bytes", -1, kBytesMax);
  gpu.sources = {"vulkan"};
  return seen;
}

bool knows(const Gpu& gpu, const std::string& source) {
  return std::find(gpu.sources.begin(), gpu.sources.end(), source) != gpu.sources.end();
}

// The one that `found` is: by its place on the bus; where that is not told, by its ids, each once for a source (two drivers of
// one GPU then count once, as do two equal GPUs that no other source tells apart).
Seen* same_as(std::vector<Seen>& all, const Seen& found) {
  Seen* claimed = nullptr;
  for (Seen& seen : all) {
    if (!found.gpu.pci_address.empty() && !seen.gpu.pci_address.empty()) {
      if (seen.gpu.pci_address == found.gpu.pci_address) return &seen;
      continue;
    }
    const bool same_ids = seen.gpu.vendor_id == found.gpu.vendor_id && seen.gpu.device_id == found.gpu.device_id;
    const bool on_chip = seen.gpu.vendor_id == 0 && seen.gpu.pci_address.empty() && found.shared.value_or(false);
    if (!same_ids && !on_chip) continue;
    if (!knows(seen.gpu, found.gpu.sources.front())) return &seen;
    claimed = &seen;
  }
  return claimed;
}

// Fills what `into` does not know yet.
void fill(Seen& into, const Seen& found) {
  const auto fill_one = [](auto& value, const auto& other, const auto& unknown) {
    if (value == unknown) value = other;
  };
  Gpu& gpu = into.gpu;
  const Gpu& other = found.gpu;
  for (const auto member : {&Gpu::vendor, &Gpu::pci_address}) fill_one(gpu.*member, other.*member, std::string());
  for (const auto member :
       {&Gpu::vendor_id, &Gpu::device_id, &Gpu::subsystem_vendor_id, &Gpu::subsystem_id, &Gpu::link_lanes, &Gpu::link_lanes_max})
    fill_one(gpu.*member, other.*member, 0);
  for (const auto member : {&Gpu::link_gtps, &Gpu::link_gtps_max}) fill_one(gpu.*member, other.*member, 0.0);
  const bool named_by_tree = gpu.pci_address.empty() && gpu.sources.size() == 1 && gpu.sources.front() == "sysfs";
  if (gpu.name.empty() || named_by_tree) gpu.name = other.name;
  if (other.driver.starts_with(gpu.driver)) gpu.driver = other.driver;  // "nvidia" becomes "nvidia 550.54.14"
  if (gpu.memory_bytes == 0) gpu.memory_bytes = other.memory_bytes;
  if (gpu.free_bytes < 0) gpu.free_bytes = other.free_bytes;
  if (!into.shared) into.shared = found.shared;
  if (!knows(gpu, other.sources.front())) gpu.sources.push_back(other.sources.front());
}

void merge(std::vector<Seen>& all, const Seen& found) {
  if (Seen* same = same_as(all, found))
    fill(*same, found);
  else
    all.push_back(found);
}

void merge_answers(const std::string& text, std::vector<Seen>& all) {
  const Json answers = Json::parse(text, nullptr, false);
  const auto each = [&](const char* library, const auto& use) {
    if (!answers.is_object() || !answers.contains(library)) return;
    const Json& of_library = answers[library];
    if (!of_library.is_object() || !of_library.contains("devices") || !of_library["devices"].is_array()) return;
    for (const Json& device : of_library["devices"])
      if (device.is_object()) use(of_library, device);
  };
  each("nvml", [&](const Json& nvml, const Json& device) { merge(all, seen_by_nvml(device, string_of(nvml, "driver"))); });
  each("vulkan", [&](const Json&, const Json& device) {
    if (const auto seen = seen_by_vulkan(device)) merge(all, *seen);
  });
}

Gpu completed(Seen seen) {
  Gpu& gpu = seen.gpu;
  gpu.shared_memory = seen.shared.value_or(false);
  auto facts = device_by_ids(gpu.vendor_id, gpu.device_id, gpu.memory_bytes);
  if (!facts && !gpu.name.empty()) facts = device_by_name(gpu.name, gpu.memory_bytes);
  if (facts) {
    gpu.shared_memory = facts->unified;
    gpu.nominal_gbps = facts->gbps;
    gpu.nominal_tflops = facts->fp16_tflops;
    gpu.nominal_basis = facts->basis;
    if (gpu.name.empty()) gpu.name = facts->name, gpu.sources.emplace_back("table");
  }
  if (gpu.name.empty()) gpu.name = fmt::format("{} GPU {:04x}:{:04x}", gpu.vendor, gpu.vendor_id, gpu.device_id);
  for (const auto member : {&Gpu::name, &Gpu::vendor, &Gpu::pci_address, &Gpu::driver}) gpu.*member = valid_utf8(gpu.*member);
  return gpu;
}

}  // namespace

std::vector<Gpu> probe_gpus(const Env& env, const std::string& driver_answers) {
  std::vector<Seen> all;
  for (const std::string& address : env.list(kPci))
    if (const auto seen = read_pci_gpu(env, address)) all.push_back(*seen);
  for (const std::string& node : env.list(kDrm))
    if (node.starts_with("renderD"))
      if (const auto seen = read_platform_gpu(env, node)) all.push_back(*seen);
  if (!driver_answers.empty()) merge_answers(driver_answers, all);
  std::vector<Gpu> gpus;
  for (Seen& seen : all) gpus.push_back(completed(std::move(seen)));
  return gpus;
}

}  // namespace lupo
