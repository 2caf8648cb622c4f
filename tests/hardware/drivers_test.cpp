#include "hardware/drivers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "hardware/parts.h"

namespace lupo {
namespace {

const DriverLibraries kFake{.nvml = LUPO_FAKE_NVML, .vulkan = LUPO_FAKE_VULKAN};
const DriverLibraries kNone{.nvml = "libnone-such.so.1", .vulkan = "libnone-such.so.1"};

class NvmlMode {
 public:
  explicit NvmlMode(const char* mode) { setenv("LUPO_FAKE_NVML", mode, 1); }
  ~NvmlMode() { unsetenv("LUPO_FAKE_NVML"); }
};

TEST(Drivers, MissingLibrariesAnswerNothing) {
  EXPECT_EQ(ask_drivers(kNone), "");
  EXPECT_TRUE(ask_nvml(kNone.nvml).is_null());
  EXPECT_TRUE(ask_vulkan(kNone.vulkan).is_null());
  EXPECT_TRUE(ask_nvml(kFake.vulkan).is_null()) << "a library without the functions";
}

TEST(Drivers, NvmlAnswersByDevice) {
  const auto answers = ask_nvml(kFake.nvml);
  ASSERT_EQ(answers["devices"].size(), 2u);
  EXPECT_EQ(answers["driver"], "550.54.14");
  const auto& first = answers["devices"][0];
  EXPECT_EQ(first["name"], "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(first["pci"], "0000:01:00.0");
  EXPECT_EQ(first["memory_bytes"], 24564ull << 20);
  EXPECT_EQ(first["link_generation_max"], 4);
  EXPECT_FALSE(first.contains("link_lanes")) << "the library has no such function";
  EXPECT_EQ(answers["devices"][1]["name"], std::string(96, 'x')) << "a name that does not end";
  EXPECT_FALSE(answers["devices"][1].contains("memory_bytes"));
}

TEST(Drivers, VulkanAnswersByDevice) {
  const auto answers = ask_vulkan(kFake.vulkan);
  ASSERT_EQ(answers["devices"].size(), 2u);
  const auto& card = answers["devices"][0];
  EXPECT_EQ(card["name"], "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(card["type"], "discrete");
  EXPECT_EQ(card["pci"], "0000:01:00.0");
  EXPECT_EQ(card["memory_bytes"], 24ull << 30);
  EXPECT_EQ(card["free_bytes"], 20ull << 30);
  const auto& software = answers["devices"][1];
  EXPECT_EQ(software["type"], "cpu");
  EXPECT_FALSE(software.contains("pci"));
  EXPECT_FALSE(software.contains("free_bytes"));
}

TEST(Drivers, OneGpuOfBothIsOne) {
  const std::vector<Gpu> gpus = probe_gpus(RecordedEnv("/nonexistent"), ask_drivers(kFake));
  ASSERT_EQ(gpus.size(), 2u) << "the software device is none";
  EXPECT_EQ(gpus[0].sources, (std::vector<std::string>{"nvml", "vulkan"}));
  EXPECT_EQ(gpus[0].driver, "nvidia 550.54.14");
  EXPECT_EQ(gpus[0].subsystem_id, 0x165b);
  EXPECT_EQ(gpus[0].subsystem_vendor_id, 0x10de);
  EXPECT_EQ(gpus[0].free_bytes, int64_t{20000} << 20);
  EXPECT_EQ(gpus[0].link_gtps_max, 16);
  EXPECT_EQ(gpus[0].nominal_gbps, 1008);
  EXPECT_EQ(gpus[1].nominal_gbps, 0) << "of unknown memory";
}

TEST(Drivers, ACrashAHangOrARefusalIsNoAnswer) {
  {
    const NvmlMode hang("hang");
    EXPECT_EQ(ask_drivers(kFake, 200), "");
  }
  {
    const NvmlMode crash("crash");
    EXPECT_EQ(ask_drivers(kFake), "") << "the whole child is gone";
  }
  const NvmlMode none("none");
  const auto answers = nlohmann::json::parse(ask_drivers(kFake));
  EXPECT_FALSE(answers.contains("nvml"));
  EXPECT_TRUE(answers.contains("vulkan"));
}

TEST(Drivers, HostileAnswersAreLeftOut) {
  const RecordedEnv empty("/nonexistent");
  for (const char* text :
       {"", "{", "[]", "null", "{\"nvml\": 1}", "{\"nvml\": {\"devices\": {}}}", "{\"vulkan\": {\"devices\": [1, null, []]}}",
        "{\"vulkan\": {\"devices\": [{}]}}", "{\"vulkan\": {\"devices\": [{\"type\": 3}]}}"})
    EXPECT_TRUE(probe_gpus(empty, text).empty()) << text;
  const std::vector<Gpu> gpus = probe_gpus(empty,
                                           R"({"nvml": {"driver": [], "devices": [
           {"name": 5, "pci": {}, "memory_bytes": -1, "free_bytes": 1e300, "device_id": 99999999999,
            "link_generation_max": 4000000000, "link_lanes": "x"}]}})");
  ASSERT_EQ(gpus.size(), 1u);
  EXPECT_EQ(gpus[0].memory_bytes, 0);
  EXPECT_EQ(gpus[0].free_bytes, -1);
  EXPECT_EQ(gpus[0].device_id, 0);
  EXPECT_EQ(gpus[0].link_gtps_max, 0);
  EXPECT_EQ(gpus[0].name, "NVIDIA GPU 10de:0000");
}

}  // namespace
}  // namespace lupo
