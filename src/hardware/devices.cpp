#include "hardware/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <set>

#include "devices_csv.h"

namespace lupo {
namespace {

constexpr std::array<std::string_view, 9> kColumns = {"vendor",         "name",        "aliases", "memory", "memory_gib",
                                                      "bandwidth_gbps", "fp16_tflops", "pci_ids", "source"};

// The fields of a line of RFC 4180; quoted ones hold no newline here.
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"')
      fields.back() += line[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t end = std::min(text.find(';'), text.size());
    if (end > 0) items.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

template <class Number>
bool parse_whole(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_ids(const std::string& text, std::pair<int, int>& ids) {  // "10de:2684"
  if (text.size() != 9 || text[4] != ':') return false;
  const auto hex = [&](size_t at, int& value) {
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
    return error == std::errc{} && end == text.data() + at + 4 && value > 0;
  };
  return hex(0, ids.first) && hex(5, ids.second);
}

// What is wrong with a row; "" when it is right.
std::string parse_row(const std::vector<std::string>& row, Device& device) {
  if (row.size() != kColumns.size()) return fmt::format("{} fields instead of {}", row.size(), kColumns.size());
  device.vendor = row[0];
  device.name = row[1];
  device.aliases = list_of(row[2]);
  device.unified = row[3] != "dedicated";
  device.has_gpu = row[3] != "cpu";
  device.source = row[8];
  if (device.vendor.empty() || device.name.empty() || device.source.empty()) return "vendor, name or source is empty";
  if (row[3] != "unified" && row[3] != "dedicated" && row[3] != "cpu") return fmt::format("memory '{}'", row[3]);
  for (const std::string& size : list_of(row[4]))
    if (int gib = 0; parse_whole(size, gib) && gib > 0 && gib <= 4096)
      device.memory_gib.push_back(gib);
    else
      return fmt::format("memory_gib '{}'", size);
  if (device.memory_gib.empty()) return "memory_gib is empty";
  if (!parse_whole(row[5], device.gbps) || !(device.gbps > 0 && device.gbps < 1e5))
    return fmt::format("bandwidth_gbps '{}'", row[5]);
  const bool rated = row[6].empty() || (parse_whole(row[6], device.fp16_tflops) && device.fp16_tflops > 0);
  if (!rated) return fmt::format("fp16_tflops '{}'", row[6]);
  for (const std::string& text : list_of(row[7]))
    if (std::pair<int, int> ids; parse_ids(text, ids))
      device.pci_ids.push_back(ids);
    else
      return fmt::format("pci_ids '{}'", text);
  return "";
}

bool sold_with(const Device& device, int64_t bytes) {
  constexpr double kGiB = 1 << 30;
  return std::any_of(device.memory_gib.begin(), device.memory_gib.end(), [&](int gib) {
    const double share = static_cast<double>(bytes) / kGiB / gib;
    return share >= 0.9 && share <= 1.02;
  });
}

// One set of facts when all that match agree.
template <class Matches>
std::optional<DeviceFacts> facts_of(const Matches& matches, int64_t memory_bytes) {
  std::optional<DeviceFacts> facts;
  for (const Device& device : devices()) {
    if (!matches(device) || !(device.unified || sold_with(device, memory_bytes))) continue;
    const std::string name = device.vendor + " " + device.name;
    if (!facts) {
      facts = DeviceFacts{name, device.unified, device.gbps, device.fp16_tflops, "table: " + device.source};
    } else {
      if (facts->gbps != device.gbps) return std::nullopt;
      facts->name += " / " + device.name;
      if (facts->fp16_tflops != device.fp16_tflops) facts->fp16_tflops = 0;
    }
  }
  return facts;
}

std::string words_in_lower_case(std::string_view name) {
  std::string words;
  int depth = 0;
  for (const char c : name) {
    if (c == '(') ++depth;
    if (depth == 0) words += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(c)) : ' ';
    if (c == ')' && depth > 0) --depth;
  }
  return words;
}

}  // namespace

Result<std::vector<Device>> parse_devices(std::string_view csv) {
  const auto refuse = [](size_t line, const std::string& what) {
    return fail(Layer::hardware, "bad-device-table", fmt::format("line {} of the device table: {}", line, what),
                "src/hardware/devices.csv says the form in its first lines");
  };
  std::vector<Device> table;
  bool with_header = false;
  for (size_t line_number = 1; !csv.empty(); ++line_number) {
    const size_t end = std::min(csv.find('\n'), csv.size());
    const std::string_view line = csv.substr(0, end);
    csv.remove_prefix(std::min(end + 1, csv.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const std::vector<std::string> row = fields_of(line);
    if (!with_header) {
      if (!std::equal(row.begin(), row.end(), kColumns.begin(), kColumns.end())) return refuse(line_number, "unknown columns");
      with_header = true;
      continue;
    }
    Device device;
    if (const std::string problem = parse_row(row, device); !problem.empty()) return refuse(line_number, problem);
    table.push_back(std::move(device));
  }
  return table;
}

const std::vector<Device>& devices() {
  static const std::vector<Device> table = [] {
    Result<std::vector<Device>> parsed = parse_devices(kDevicesCsv);
    assert(parsed && "a test reads every row");
    return parsed ? std::move(*parsed) : std::vector<Device>{};
  }();
  return table;
}

std::optional<DeviceFacts> device_by_ids(int vendor_id, int device_id, int64_t memory_bytes) {
  const std::pair ids(vendor_id, device_id);
  return facts_of([&](const Device& d) { return std::find(d.pci_ids.begin(), d.pci_ids.end(), ids) != d.pci_ids.end(); },
                  memory_bytes);
}

std::optional<DeviceFacts> device_by_name(std::string_view name, int64_t memory_bytes) {
  return facts_of([&](const Device& device) { return device.is_named(name); }, memory_bytes);
}

bool Device::is_named(std::string_view text) const {
  const std::string words = " " + words_in_lower_case(text) + " ";
  for (const std::string_view other : {"nvidia", "amd", "intel", "apple", "qualcomm"})  // an "NVIDIA M4" is not Apple's
    if (words.find(fmt::format(" {} ", other)) != std::string::npos && words_in_lower_case(vendor) != other) return false;
  const std::string key = normalised_device_name(text);
  return normalised_device_name(name) == key || std::any_of(aliases.begin(), aliases.end(), [&](const std::string& alias) {
           return normalised_device_name(alias) == key;
         });
}

std::string normalised_device_name(std::string_view name) {
  static const std::set<std::string_view> kIgnored = {"nvidia", "amd",      "intel", "apple", "qualcomm",
                                                      "gpu",    "graphics", "r",     "tm"};
  const std::string words = words_in_lower_case(name);
  std::string key;
  for (size_t at = 0; at < words.size();) {
    const size_t end = std::min(words.find(' ', at), words.size());
    const std::string word = words.substr(at, end - at);
    at = end + 1;
    if (word.empty() || kIgnored.contains(word)) continue;
    const bool memory = word.ends_with("gb") && word.find_first_not_of("0123456789") == word.size() - 2;  // "A100-SXM4-80GB"
    if (!memory) key += word == "mobile" ? "laptop" : word;
  }
  return key;
}

}  // namespace lupo
