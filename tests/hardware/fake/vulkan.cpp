// Stands in for libvulkan.so.1 in tests: a card that tells its place and budget, and a software device of Vulkan 1.0. Fields are
// written at the offsets of vulkan_core.h on 64-bit systems, as a compiler lays them out.
#include <cstdint>
#include <cstring>

namespace {

void put32(void* at, int offset, uint32_t value) { std::memcpy(static_cast<char*>(at) + offset, &value, 4); }
void put64(void* at, int offset, uint64_t value) { std::memcpy(static_cast<char*>(at) + offset, &value, 8); }
int64_t type_of(const void* structure) {
  int32_t type = 0;
  std::memcpy(&type, structure, 4);
  return type;
}
void* next_of(void* structure) {
  void* next = nullptr;
  std::memcpy(&next, static_cast<char*>(structure) + 8, 8);
  return next;
}
bool is_card(void* device) { return reinterpret_cast<long>(device) == 1; }

}  // namespace

extern "C" {

int vkCreateInstance(const void* info, const void*, void** instance) {
  if (type_of(info) != 1) return -1;
  *instance = reinterpret_cast<void*>(7);
  return 0;
}
void vkDestroyInstance(void*, const void*) {}
int vkEnumeratePhysicalDevices(void*, uint32_t* n, void** devices) {
  if (*n < 2) return 5;
  *n = 2;
  devices[0] = reinterpret_cast<void*>(1);
  devices[1] = reinterpret_cast<void*>(2);
  return 0;
}
void vkGetPhysicalDeviceProperties(void* device, void* properties) {
  put32(properties, 0, is_card(device) ? 1u << 22 | 3u << 12 : 1u << 22);
  put32(properties, 8, is_card(device) ? 0x10de : 0x10005);
  put32(properties, 12, is_card(device) ? 0x2684 : 0);
  put32(properties, 16, is_card(device) ? 2 : 4);
  std::strcpy(static_cast<char*>(properties) + 20, is_card(device) ? "NVIDIA GeForce RTX 4090" : "llvmpipe");
}
void vkGetPhysicalDeviceProperties2(void* device, void* properties) {
  if (type_of(properties) != 1000059001) return;
  vkGetPhysicalDeviceProperties(device, static_cast<char*>(properties) + 16);
  void* pci = next_of(properties);
  if (pci == nullptr || type_of(pci) != 1000212000) return;
  put32(pci, 16, 0);
  put32(pci, 20, 1);
  put32(pci, 24, 0);
  put32(pci, 28, 0);
}
void vkGetPhysicalDeviceMemoryProperties(void*, void* memory) {
  put32(memory, 260, 2);
  put64(memory, 264, 8ull << 30);  // of the host
  put32(memory, 272, 0);
  put64(memory, 280, 24ull << 30);  // of the device
  put32(memory, 288, 1);
}
void vkGetPhysicalDeviceMemoryProperties2(void* device, void* memory) {
  if (type_of(memory) != 1000059006) return;
  vkGetPhysicalDeviceMemoryProperties(device, static_cast<char*>(memory) + 16);
  void* budget = next_of(memory);
  if (budget == nullptr || type_of(budget) != 1000237000) return;
  put64(budget, 16 + 8, 23ull << 30);
  put64(budget, 16 + 128 + 8, 3ull << 30);
}
}
