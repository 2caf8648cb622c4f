#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/printable.h"
#include "hardware/drivers.h"
#include "hardware/library.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

// nvml.h. A function returns 0 for success.
using Device = struct OpaqueDevice*;
struct MemoryInfo {  // nvmlMemory_t
  unsigned long long total, free, used;
};
struct PciInfo {  // nvmlPciInfo_t of nvmlDeviceGetPciInfo_v3
  char bus_id_legacy[16];
  unsigned domain, bus, device;
  unsigned device_id, subsystem_id;  // device << 16 | vendor
  char bus_id[32];
};
static_assert(sizeof(MemoryInfo) == 24 && sizeof(PciInfo) == 68);

struct Nvml {
  int (*init)();
  int (*shutdown)();
  int (*driver_version)(char* text, unsigned size);
  int (*count)(unsigned* n);
  int (*handle)(unsigned index, Device* device);
  int (*name)(Device device, char* text, unsigned size);
  int (*pci)(Device device, PciInfo* info);
  int (*memory)(Device device, MemoryInfo* info);

  bool load(const Library& library) {
    return library.find("nvmlInit_v2", init) && library.find("nvmlShutdown", shutdown) &&
           library.find("nvmlSystemGetDriverVersion", driver_version) && library.find("nvmlDeviceGetCount_v2", count) &&
           library.find("nvmlDeviceGetHandleByIndex_v2", handle) && library.find("nvmlDeviceGetName", name) &&
           library.find("nvmlDeviceGetPciInfo_v3", pci) && library.find("nvmlDeviceGetMemoryInfo", memory);
  }
};

std::string text_of(const std::array<char, 96>& text) {
  return valid_utf8(std::string_view(text.data(), std::find(text.begin(), text.end(), '\0') - text.begin()));
}

Json answer_of(const Nvml& nvml, const Library& library, Device device) {
  Json answer;
  std::array<char, 96> name{};
  if (nvml.name(device, name.data(), static_cast<unsigned>(name.size())) == 0) answer["name"] = text_of(name);
  PciInfo pci{};
  if (nvml.pci(device, &pci) == 0) {
    answer["pci"] = fmt::format("{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device);
    answer["device_id"] = pci.device_id;
    answer["subsystem_id"] = pci.subsystem_id;
  }
  MemoryInfo memory{};  // fails where the memory is the processor's (GB10)
  if (nvml.memory(device, &memory) == 0) {
    answer["memory_bytes"] = memory.total;
    answer["free_bytes"] = memory.free;
  }
  for (const auto& [key, symbol] : {std::pair{"link_generation_max", "nvmlDeviceGetMaxPcieLinkGeneration"},
                                    {"link_generation", "nvmlDeviceGetCurrPcieLinkGeneration"},
                                    {"link_lanes_max", "nvmlDeviceGetMaxPcieLinkWidth"},
                                    {"link_lanes", "nvmlDeviceGetCurrPcieLinkWidth"}}) {
    int (*ask)(Device, unsigned*) = nullptr;
    unsigned value = 0;
    if (library.find(symbol, ask) && ask(device, &value) == 0) answer[key] = value;
  }
  return answer;
}

}  // namespace

Json ask_nvml(const std::string& name) {
  const Library library(name);
  Nvml nvml{};
  if (!library || !nvml.load(library) || nvml.init() != 0) return nullptr;
  Json answers = {{"driver", ""}, {"devices", Json::array()}};
  std::array<char, 96> version{};
  if (nvml.driver_version(version.data(), static_cast<unsigned>(version.size())) == 0) answers["driver"] = text_of(version);
  unsigned n = 0;
  if (nvml.count(&n) != 0) n = 0;
  for (unsigned i = 0; i < std::min(n, 64u); ++i) {
    Device device = nullptr;
    if (nvml.handle(i, &device) != 0) continue;
    if (Json answer = answer_of(nvml, library, device); !answer.is_null()) answers["devices"].push_back(std::move(answer));
  }
  nvml.shutdown();
  return answers;
}

}  // namespace lupo
