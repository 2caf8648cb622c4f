#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/printable.h"
#include "hardware/drivers.h"
#include "hardware/library.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

// vulkan_core.h, in its layout on 64-bit systems. A function returns 0 for success.
using Instance = struct OpaqueInstance*;
using PhysicalDevice = struct OpaquePhysicalDevice*;
enum StructureType : int32_t {
  kApplicationInfo = 0,
  kInstanceCreateInfo = 1,
  kProperties2 = 1000059001,
  kMemoryProperties2 = 1000059006,
  kPciBusInfo = 1000212000,
  kMemoryBudget = 1000237000,
};
constexpr uint32_t kApi11 = 1u << 22 | 1u << 12;
constexpr uint32_t kHeapDeviceLocal = 1;

struct ApplicationInfo {
  StructureType type = kApplicationInfo;
  const void* next = nullptr;
  const char* application = "lupo";
  uint32_t application_version = 0;
  const char* engine = "lupo";
  uint32_t engine_version = 0, api_version = kApi11;
};
struct InstanceCreateInfo {
  StructureType type = kInstanceCreateInfo;
  const void* next = nullptr;
  uint32_t flags = 0;
  const ApplicationInfo* application = nullptr;
  uint32_t n_layers = 0;
  const char* const* layers = nullptr;
  uint32_t n_extensions = 0;
  const char* const* extensions = nullptr;
};
struct Properties {
  uint32_t api_version, driver_version, vendor_id, device_id, device_type;
  std::array<char, 256> name;
  std::array<uint8_t, 16> cache_uuid;
  alignas(8) std::array<uint8_t, 504> limits;
  std::array<uint32_t, 5> sparse;
};
struct PciBusInfo {
  StructureType type = kPciBusInfo;
  void* next = nullptr;
  uint32_t domain = UINT32_MAX, bus = 0, device = 0, function = 0;  // a driver that does not know the structure leaves it
};
struct Properties2 {
  StructureType type = kProperties2;
  void* next = nullptr;
  Properties properties{};
};
struct MemoryHeap {
  uint64_t size;
  uint32_t flags;
};
struct MemoryProperties {
  uint32_t n_types;
  std::array<std::array<uint32_t, 2>, 32> types;
  uint32_t n_heaps;
  std::array<MemoryHeap, 16> heaps;
};
struct MemoryBudget {
  StructureType type = kMemoryBudget;
  void* next = nullptr;
  std::array<uint64_t, 16> budget{}, usage{};
};
struct MemoryProperties2 {
  StructureType type = kMemoryProperties2;
  void* next = nullptr;
  MemoryProperties properties{};
};
static_assert(sizeof(InstanceCreateInfo) == 64 && sizeof(ApplicationInfo) == 48 && sizeof(Properties) == 824 &&
              sizeof(MemoryProperties) == 520 && sizeof(PciBusInfo) == 32 && sizeof(MemoryBudget) == 272);

struct Vulkan {
  int (*create)(const InstanceCreateInfo* info, const void* allocator, Instance* instance);
  void (*destroy)(Instance instance, const void* allocator);
  int (*enumerate)(Instance instance, uint32_t* n, PhysicalDevice* devices);
  void (*properties)(PhysicalDevice device, Properties* properties);
  void (*properties2)(PhysicalDevice device, Properties2* properties);
  void (*memory)(PhysicalDevice device, MemoryProperties* properties);
  void (*memory2)(PhysicalDevice device, MemoryProperties2* properties);

  bool load(const Library& library) {
    return library.find("vkCreateInstance", create) && library.find("vkDestroyInstance", destroy) &&
           library.find("vkEnumeratePhysicalDevices", enumerate) && library.find("vkGetPhysicalDeviceProperties", properties) &&
           library.find("vkGetPhysicalDeviceProperties2", properties2) &&
           library.find("vkGetPhysicalDeviceMemoryProperties", memory) &&
           library.find("vkGetPhysicalDeviceMemoryProperties2", memory2);
  }
};

const char* type_name(uint32_t type) {
  constexpr std::array kNames = {"other", "integrated", "discrete", "virtual", "cpu"};
  return type < kNames.size() ? kNames[type] : "other";
}

// The largest heap of the device's own, and what of it is free where the driver tells.
void add_memory(const Vulkan& vulkan, PhysicalDevice device, bool extended, Json& answer) {
  MemoryBudget budget;
  MemoryProperties2 memory;
  if (extended) {
    memory.next = &budget;
    vulkan.memory2(device, &memory);
  } else {
    vulkan.memory(device, &memory.properties);
  }
  const MemoryProperties& properties = memory.properties;
  uint64_t largest = 0;
  for (size_t i = 0; i < std::min<size_t>(properties.n_heaps, properties.heaps.size()); ++i) {
    const MemoryHeap& heap = properties.heaps[i];
    if ((heap.flags & kHeapDeviceLocal) == 0 || heap.size <= largest) continue;
    largest = heap.size;
    answer["memory_bytes"] = heap.size;
    if (budget.budget[i] > 0) answer["free_bytes"] = budget.budget[i] - std::min(budget.budget[i], budget.usage[i]);
  }
}

Json answer_of(const Vulkan& vulkan, PhysicalDevice device) {
  Properties2 found;
  PciBusInfo pci;
  vulkan.properties(device, &found.properties);
  const bool extended = found.properties.api_version >= kApi11;
  if (extended) {
    found.next = &pci;
    vulkan.properties2(device, &found);
  }
  const Properties& properties = found.properties;
  const auto end = std::find(properties.name.begin(), properties.name.end(), '\0');
  Json answer = {{"name", valid_utf8(std::string(properties.name.begin(), end))},
                 {"type", type_name(properties.device_type)},
                 {"vendor_id", properties.vendor_id},
                 {"device_id", properties.device_id}};
  if (pci.domain != UINT32_MAX)
    answer["pci"] = fmt::format("{:04x}:{:02x}:{:02x}.{:x}", pci.domain, pci.bus, pci.device, pci.function);
  add_memory(vulkan, device, extended, answer);
  return answer;
}

}  // namespace

Json ask_vulkan(const std::string& name) {
  const Library library(name);
  Vulkan vulkan{};
  if (!library || !vulkan.load(library)) return nullptr;
  const ApplicationInfo application;
  const InstanceCreateInfo info{.application = &application};
  Instance instance = nullptr;
  if (vulkan.create(&info, nullptr, &instance) != 0) return nullptr;
  std::array<PhysicalDevice, 64> devices{};
  uint32_t n = static_cast<uint32_t>(devices.size());
  if (vulkan.enumerate(instance, &n, devices.data()) < 0) n = 0;  // VK_INCOMPLETE is positive
  Json answers = {{"devices", Json::array()}};
  for (uint32_t i = 0; i < std::min<uint32_t>(n, devices.size()); ++i)
    answers["devices"].push_back(answer_of(vulkan, devices[i]));
  vulkan.destroy(instance, nullptr);
  return answers;
}

}  // namespace lupo
