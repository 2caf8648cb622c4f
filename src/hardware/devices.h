// The device table (devices.csv, compiled in) and machines that are described instead of probed.
//
// A device is found by its PCI ids and memory size, or by its whole name and memory size, never by a part of a name. What is not
// in the table has no number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "hardware/machine.h"

namespace lupo {

struct Device {
  std::string vendor;                        // "NVIDIA"
  std::string name;                          // "GeForce RTX 4090"
  std::vector<std::string> aliases;          // further whole names
  bool unified = false;                      // its memory is the machine's RAM
  bool has_gpu = true;                       // false: a processor alone
  std::vector<int> memory_gib;               // sizes it is sold with
  double gbps = 0;                           // of that memory, nominal, 1e9 bytes a second
  double fp16_tflops = 0;                    // nominal; 0 = not verified
  std::vector<std::pair<int, int>> pci_ids;  // vendor, device
  std::string source;

  bool is_named(std::string_view text) const;  // normalised_device_name() of the name or an alias, and no other vendor
};

const std::vector<Device>& devices();

// Rows of a table in the form of devices.csv: RFC 4180, lines that begin with # mean nothing.
// Error {hardware, bad-device-table} with the line.
Result<std::vector<Device>> parse_devices(std::string_view csv);

struct DeviceFacts {
  std::string name;  // several with " / " where ids and memory are the same and the bandwidth is
  bool unified;
  double gbps;
  double fp16_tflops;  // 0 = not verified, or rows of the same ids differ
  std::string basis;  // "table: derived 384-bit x 21 Gbps …"
};

// memory_bytes: as a driver reports it, up to a tenth less than the device is sold with (error correction, reserves); ignored
// for unified memory.
std::optional<DeviceFacts> device_by_ids(int vendor_id, int device_id, int64_t memory_bytes);
std::optional<DeviceFacts> device_by_name(std::string_view name, int64_t memory_bytes);

// What a name is compared by: letters and digits in lower case, without vendor, "GPU", "(R)" and what stands in parentheses;
// "Mobile" is "Laptop". "NVIDIA GeForce RTX 4090 Laptop GPU" is "geforcertx4090laptop".
std::string normalised_device_name(std::string_view name);

// A machine by a description: parts joined by " + ", or the path of a machine's JSON, or of a folder that was recorded.
//   part    [N x] NAME [SIZE]          "2x RTX 3090", "M4 Max 128GB", "RTX 4090"
//           [N x] [LP]DDRn-RATE [SIZE]   "DDR5-6000 64GB": two channels unless said: "2x", "single", "dual", "quad", "octa",
//           "x12";
//                                      "128-bit" instead of channels, which LPDDR needs; "2x32GB" are two modules
// It has nominal bandwidths with their basis and no measured figure; what was not said is 0.
// Errors {hardware, unknown-device | ambiguous-device | bad-description}, and of machine_from_json.
Result<Machine> machine_on(std::string_view description);

}  // namespace lupo
