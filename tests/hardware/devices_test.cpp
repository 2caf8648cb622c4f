#include "hardware/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/units.h"

namespace lupo {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Machine on(std::string_view description) {
  const Result<Machine> machine = machine_on(description);
  EXPECT_TRUE(machine) << description << ": " << (machine ? "" : machine.error().what);
  return machine.value_or(Machine{});
}

Error error_on(std::string_view description) {
  const Result<Machine> machine = machine_on(description);
  EXPECT_FALSE(machine) << description;
  return machine ? Error{Layer::hardware, "", "", ""} : machine.error();
}

// The bandwidth of the only GPU, GB/s.
double gbps_on(std::string_view description) {
  const Machine machine = on(description);
  EXPECT_EQ(machine.gpus.size(), 1u) << description;
  return machine.gpus.empty() ? 0 : machine.gpus.front().nominal_gbps;
}

TEST(Devices, EveryRowParsesAndIsUnique) {
  EXPECT_GT(devices().size(), 100u);
  std::map<std::string, std::string> seen;
  for (const Device& device : devices()) {
    EXPECT_FALSE(device.source.empty()) << device.name;
    std::vector<std::string> names = device.aliases;
    names.push_back(device.name);
    for (const std::string& name : names)
      for (const int gib : device.memory_gib) {
        const std::string key = normalised_device_name(name) + " " + std::to_string(gib);
        EXPECT_TRUE(seen.insert({key, device.name}).second) << key << " is " << seen[key] << " and " << device.name;
      }
  }
}

TEST(Devices, RowsWithTheSameIdsAndMemoryAgree) {
  for (const Device& device : devices())
    for (const auto& [vendor, id] : device.pci_ids)
      for (const int gib : device.memory_gib) {
        const auto facts = device_by_ids(vendor, id, gib * kGiB);
        ASSERT_TRUE(facts) << device.name;
        EXPECT_EQ(facts->gbps, device.gbps) << device.name;
      }
}

TEST(Devices, EveryRowIsFoundByItsNameAndMemory) {
  for (const Device& device : devices())
    for (const int gib : device.memory_gib) {
      const std::string vendor = device.name.starts_with(device.vendor) ? "" : device.vendor + " ";
      const Machine machine = on(vendor + device.name + " " + std::to_string(gib) + "GB");
      const double gbps = device.unified ? machine.ram.nominal_gbps : machine.gpus.at(0).nominal_gbps;
      EXPECT_EQ(gbps, device.gbps) << device.name << " " << gib;
    }
}

TEST(Devices, FaultsOfATableNameTheLine) {
  const std::string head = "vendor,name,aliases,memory,memory_gib,bandwidth_gbps,fp16_tflops,pci_ids,source\n";
  EXPECT_TRUE(parse_devices(head + "A,B,,dedicated,8,100,,,\"here, and \"\"there\"\"\"\n"));
  for (const char* row : {"A,B,,dedicated,8,100,,", "A,,,dedicated,8,100,,,x", "A,B,,dedicated,8,100,,,", "A,B,,both,8,100,,,x",
                          "A,B,,dedicated,,100,,,x", "A,B,,dedicated,8;-1,100,,,x", "A,B,,dedicated,8,1e9,,,x",
                          "A,B,,dedicated,8,nan,,,x", "A,B,,dedicated,8,100,-1,,x", "A,B,,dedicated,8,100,,10de-1,x"}) {
    const auto table = parse_devices("# a comment\n" + head + row + "\n");
    ASSERT_FALSE(table) << row;
    EXPECT_EQ(table.error().code, "bad-device-table");
    EXPECT_THAT(table.error().what, StartsWith("line 3 ")) << row;
  }
  EXPECT_FALSE(parse_devices("name,vendor\n"));
}

TEST(Devices, NamesAreComparedWhole) {
  EXPECT_EQ(normalised_device_name("NVIDIA GeForce RTX 4090 Laptop GPU"), "geforcertx4090laptop");
  EXPECT_EQ(normalised_device_name("AMD Radeon RX 7900 XTX (RADV NAVI31)"), "radeonrx7900xtx");
  EXPECT_EQ(normalised_device_name("Intel(R) Arc(TM) B580 Graphics"), "arcb580");
  EXPECT_EQ(normalised_device_name("NVIDIA A100-SXM4-80GB"), "a100sxm4");
  const auto gbps = [](const char* name, int gib) {
    const auto facts = device_by_name(name, gib * kGiB);
    return facts ? facts->gbps : 0;
  };
  EXPECT_EQ(gbps("NVIDIA GeForce RTX 4090", 24), 1008);
  EXPECT_EQ(gbps("NVIDIA GeForce RTX 4090 Laptop GPU", 16), 576);
  EXPECT_EQ(gbps("NVIDIA H100 80GB HBM3", 80), 3350);
  EXPECT_EQ(gbps("NVIDIA A100-SXM4-80GB", 80), 2039);
  EXPECT_EQ(gbps("NVIDIA A100-SXM4-40GB", 40), 1555);
  EXPECT_EQ(gbps("NVIDIA A100 80GB PCIe", 80), 1935);
  // What other tools take for something else.
  EXPECT_EQ(gbps("NVIDIA RTX A1000", 8), 0);
  EXPECT_EQ(gbps("NVIDIA T400", 4), 0);
  EXPECT_EQ(gbps("NVIDIA T400 4GB", 4), 0);
  EXPECT_EQ(gbps("Tesla M4", 4), 0);
  EXPECT_EQ(gbps("Tesla M40", 24), 0);
  EXPECT_EQ(gbps("NVIDIA M4 Max", 128), 0);
  EXPECT_EQ(gbps("Quadro RTX 6000", 24), 0);
  EXPECT_EQ(gbps("NVIDIA RTX PRO 6000 Blackwell Server Edition", 96), 0);
}

TEST(Devices, MemorySizeTellsEqualNamesApart) {
  EXPECT_EQ(device_by_ids(0x10de, 0x2684, int64_t{24564} << 20)->gbps, 1008);
  EXPECT_EQ(device_by_ids(0x10de, 0x2684, int64_t{24564} << 20)->name, "NVIDIA GeForce RTX 4090");
  EXPECT_FALSE(device_by_ids(0x10de, 0x2684, int64_t{48} << 30)) << "a card with more memory than it is sold with";
  EXPECT_EQ(device_by_ids(0x1002, 0x744c, int64_t{24560} << 20)->gbps, 960);
  EXPECT_EQ(device_by_ids(0x1002, 0x744c, int64_t{20464} << 20)->gbps, 800);
  EXPECT_EQ(device_by_ids(0x1002, 0x744c, int64_t{16368} << 20)->gbps, 576);
  EXPECT_EQ(device_by_ids(0x1002, 0x7550, int64_t{16304} << 20)->name, "AMD Radeon RX 9070 / Radeon RX 9070 XT");
  EXPECT_EQ(device_by_ids(0x10de, 0x26b9, int64_t{46068} << 20)->gbps, 864) << "error correction takes a sixteenth";
  EXPECT_EQ(device_by_ids(0x10de, 0x2503, int64_t{12288} << 20)->gbps, 360);
  EXPECT_EQ(device_by_ids(0x1002, 0x1586, 0)->gbps, 256);
  EXPECT_FALSE(device_by_ids(0x10de, 0x1234, int64_t{24} << 30));
}

TEST(On, SeedFacts) {
  const Machine mac = on("M4 Max 128GB");
  EXPECT_EQ(mac.ram.nominal_gbps, 546);
  EXPECT_THAT(mac.ram.nominal_basis, StartsWith("table: 40-core GPU: "));
  EXPECT_EQ(mac.ram.total_bytes, 128 * kGiB);
  EXPECT_EQ(mac.cpu.model, "Apple M4 Max");
  EXPECT_EQ(mac.cpu.n_physical, 0) << "not said";
  ASSERT_EQ(mac.gpus.size(), 1u);
  EXPECT_TRUE(mac.gpus[0].shared_memory);
  EXPECT_EQ(mac.measured, Measured{});

  EXPECT_EQ(gbps_on("M4 Max 36GB"), 410);
  EXPECT_EQ(gbps_on("Apple M3 Ultra 512 GB"), 819);
  EXPECT_EQ(gbps_on("RTX 4090"), 1008);
  EXPECT_EQ(on("RTX 4090").gpus[0].memory_bytes, 24 * kGiB);
  EXPECT_EQ(gbps_on("rtx4090"), 1008);
  EXPECT_EQ(gbps_on("4090"), 1008);
  EXPECT_EQ(gbps_on("NVIDIA GeForce RTX 4090 Laptop GPU"), 576);
  EXPECT_EQ(gbps_on("7900 XTX"), 960);
  EXPECT_EQ(gbps_on("H100 80GB HBM3"), 3350);
  EXPECT_EQ(gbps_on("A100-SXM4-80GB"), 2039);
  EXPECT_EQ(gbps_on("3060 8GB"), 240);
  EXPECT_EQ(gbps_on("Ryzen AI Max+ 395 128GB"), 256);
  EXPECT_EQ(gbps_on("Strix Halo 64G"), 256);
  EXPECT_TRUE(on("Raspberry Pi 5 8GB").gpus.empty());
  EXPECT_EQ(on("Raspberry Pi 5 8GB").ram.nominal_gbps, 17.1);
}

TEST(On, PartsAreAdded) {
  const Machine box = on("2x RTX 3090 + DDR4-3200 64GB");
  ASSERT_EQ(box.gpus.size(), 2u);
  EXPECT_EQ(box.gpus[1].name, "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(box.gpus[1].nominal_gbps, 936);
  EXPECT_FALSE(box.gpus[1].shared_memory);
  EXPECT_EQ(box.ram.total_bytes, 64 * kGiB);
  EXPECT_DOUBLE_EQ(box.ram.nominal_gbps, 51.2);
  EXPECT_THAT(box.ram.nominal_basis, HasSubstr("2 channels, which is usual and was not said"));
  EXPECT_EQ(on("RTX 4090+DDR5-6000").ram.nominal_gbps, 96);
  EXPECT_EQ(on("RTX 4090 + RTX 3090 + DDR5-6000").gpus.size(), 2u);
}

// The memories that the table of the survey lists, GB/s.
TEST(On, MemoryIsComputed) {
  const auto gbps = [](const char* text) { return on(text).ram.nominal_gbps; };
  EXPECT_DOUBLE_EQ(gbps("dual DDR3-1600"), 25.6);
  EXPECT_DOUBLE_EQ(gbps("DDR4-3200 single"), 25.6);
  EXPECT_DOUBLE_EQ(gbps("DDR4-3200 octa"), 204.8);
  EXPECT_DOUBLE_EQ(gbps("2x DDR5-5600"), 89.6);
  EXPECT_DOUBLE_EQ(gbps("ddr5-4800 x12 768GB"), 460.8);
  EXPECT_DOUBLE_EQ(gbps("DDR5-6400 12-channel"), 614.4);
  EXPECT_DOUBLE_EQ(gbps("MRDIMM-8800 x12"), 844.8);
  EXPECT_DOUBLE_EQ(gbps("LPDDR5X-7500 128-bit 32GB"), 120);
  EXPECT_DOUBLE_EQ(gbps("2x32GB DDR5-5600"), 89.6);
  EXPECT_EQ(on("2x32GB DDR5-5600").ram.total_bytes, 64 * kGiB);
  EXPECT_EQ(on("2x DDR5-5600 64GB").ram.total_bytes, 64 * kGiB);
}

TEST(On, UnknownHasNoNumber) {
  const Error error = error_on("RTX 4091");
  EXPECT_EQ(error.code, "unknown-device");
  EXPECT_EQ(error.layer, Layer::hardware);
  EXPECT_THAT(error.what, HasSubstr("no number is made up"));
  EXPECT_THAT(error.what, HasSubstr("GeForce RTX 4090"));
  for (const char* name : {"RTX A1000", "T400", "RTX 4090 48GB", "M4 Max 100GB", "GTX 9999", "Tesla M4", "NVIDIA M4 16GB",
                           "M6 Max", "Quadro RTX 6000", "90", "RTX", "Laptop"})
    EXPECT_EQ(error_on(name).code, "unknown-device") << name;
  EXPECT_THAT(error_on("RTX 4090 48GB").what, HasSubstr("with 24 GiB (1008 GB/s), not with 48"));
}

TEST(On, WhatIsSoldInSeveralSizesMustSayWhich) {
  const Error error = error_on("M4 Max");
  EXPECT_EQ(error.code, "ambiguous-device");
  EXPECT_THAT(error.what, HasSubstr("36 GiB (410 GB/s), 48 or 64 or 128 GiB (546 GB/s)"));
  EXPECT_EQ(error.fix, "--on \"M4 Max 128GB\"");
  EXPECT_EQ(error_on("RTX 3060").code, "ambiguous-device");
}

TEST(On, BadDescriptions) {
  for (const char* text : {"", "  ", "+", "RTX 4090 +", "RTX 4090 + + DDR5-6000", "DDR5-6000 + DDR4-3200", "DDR5-6000 fast",
                           "LPDDR5X-8533", "2x M4 Max 128GB", "M4 Max 128GB + DDR5-6000", "none.json", "24GB", "NVIDIA"})
    EXPECT_EQ(error_on(text).code, "bad-description") << text;
  EXPECT_EQ(error_on(std::string(5000, 'x')).code, "bad-description");
  EXPECT_EQ(error_on("DDR5-60").code, "unknown-device") << "no rate, so no memory";
  EXPECT_EQ(error_on("\x1b[31m").code, "unknown-device");
}

}  // namespace
}  // namespace lupo
