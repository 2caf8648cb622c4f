// Stands in for libnvidia-ml.so.1 in tests: two GPUs, of which the second tells no memory. LUPO_FAKE_NVML=crash ends the process,
// =hang never answers, =none has no driver.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

bool is(const char* mode) {
  const char* value = std::getenv("LUPO_FAKE_NVML");
  return value != nullptr && std::string_view(value) == mode;
}

int index_of(void* device) { return static_cast<int>(reinterpret_cast<long>(device)) - 1; }

}  // namespace

extern "C" {

int nvmlInit_v2() {
  if (is("crash")) std::raise(SIGSEGV);
  while (is("hang")) pause();
  return is("none") ? 9 : 0;
}
int nvmlShutdown() { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::strncpy(text, "550.54.14", size);
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* n) {
  *n = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = reinterpret_cast<void*>(static_cast<long>(index) + 1);
  return 0;
}
int nvmlDeviceGetName(void* device, char* text, unsigned size) {
  std::memset(text, 'x', size);  // not terminated where it does not fit
  if (index_of(device) == 0) std::strncpy(text, "NVIDIA GeForce RTX 4090", size);
  return 0;
}
int nvmlDeviceGetPciInfo_v3(void* device, void* info) {
  const unsigned numbers[] = {0, static_cast<unsigned>(1 + index_of(device)), 0, 0x268410de, 0x165b10de};
  std::memcpy(static_cast<char*>(info) + 16, numbers, sizeof numbers);
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* info) {
  if (index_of(device) != 0) return 3;
  info[0] = 24564ull << 20;
  info[1] = 20000ull << 20;
  return 0;
}
int nvmlDeviceGetMaxPcieLinkGeneration(void*, unsigned* value) {
  *value = 4;
  return 0;
}
}
