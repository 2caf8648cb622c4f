#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "base/units.h"
#include "hardware/devices.h"
#include "hardware/record.h"
#include "hardware/text.h"

namespace lupo {
namespace {

namespace fs = std::filesystem;

constexpr int kCountMax = 64, kGibMax = 1 << 16;

// A part of a description, taken apart: "2x RTX 3090 24GB".
struct Part {
  int count = 0;                   // 0 = not said
  int memory_gib = 0;              // of each; 0 = not said
  bool memory_first = false;       // "2x32GB DDR5-5600": modules of that size
  std::vector<std::string> words;  // the rest
};

std::unexpected<Error> bad(std::string what, std::string_view example) {
  return fail(Layer::hardware, "bad-description", std::move(what), fmt::format("--on \"{}\"", example));
}

// The number that a text consists of but for what follows it: number_before("24GB", "gb") is 24. 0 for none.
int number_before(std::string_view text, std::string_view end, int max) {
  if (!text.ends_with(end) || text.size() == end.size()) return 0;
  text.remove_suffix(end.size());
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size() && value > 0 && value <= max ? value : 0;
}

int memory_of(const std::string& word) {  // "24gb", "24gib", "24g"
  for (const std::string_view unit : {"gib", "gb", "g"})
    if (const int gib = number_before(word, unit, kGibMax)) return gib;
  return 0;
}

// A plus separates parts, but for that of "Max+ 395": nothing before it and a blank behind.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool of_a_name = i > 0 && text[i - 1] != ' ' && i + 1 < text.size() && text[i + 1] == ' ';
    if (text[i] == '+' && !of_a_name)
      parts.emplace_back();
    else
      parts.back() += text[i];
  }
  for (std::string& part : parts) part = trimmed(part);
  return parts;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Part take_apart(std::string text) {
  Part part;
  // "2x RTX", "2 x RTX", "2xRTX": the count first. "x" follows digits and the rest follows it.
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const size_t cross = std::min(text.find_first_not_of(' ', digits), text.size());
  if (digits > 0 && cross < text.size() && (text[cross] == 'x' || text[cross] == 'X')) {
    part.count = number_before(text.substr(0, digits), "", kCountMax);
    if (part.count > 0) text.erase(0, cross + 1);
  }
  std::vector<std::string> words = words_of(text);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word = in_lower_case(words[i]);
    const size_t dash = word.rfind('-');  // "A100-SXM4-80GB"
    const bool unit_follows = i + 1 < words.size() && (memory_of("1" + in_lower_case(words[i + 1])) == 1);
    if (const int gib = memory_of(word)) {
      part.memory_gib = gib;
      part.memory_first = i == 0;
    } else if (const int n = number_before(word, "", kGibMax); n > 0 && unit_follows) {
      part.memory_gib = n;
      ++i;
    } else if (dash != std::string::npos && memory_of(word.substr(dash + 1)) > 0) {
      part.memory_gib = memory_of(word.substr(dash + 1));
      part.words.push_back(words[i].substr(0, dash));
    } else {
      part.words.push_back(words[i]);
    }
  }
  return part;
}

// ----- memory modules -----

// The rate of "ddr5-6000", "lpddr5x-8533", "mrdimm-8800" in 1e6 transfers a second; 0 when the word is none.
int rate_of(const std::string& word) {
  const size_t dash = word.find('-');
  if (dash == std::string::npos) return 0;
  static constexpr std::string_view kKinds[] = {"ddr3",    "ddr4",   "ddr5",    "ddr6",   "lpddr3", "lpddr4",
                                                "lpddr4x", "lpddr5", "lpddr5x", "lpddr6", "mrdimm"};
  if (std::find(std::begin(kKinds), std::end(kKinds), word.substr(0, dash)) == std::end(kKinds)) return 0;
  const int rate = number_before(word.substr(dash + 1), "", 20000);
  return rate >= 400 ? rate : 0;
}

int channels_of(const std::string& word) {
  static const std::map<std::string, int> kNames = {{"single", 1}, {"dual", 2}, {"quad", 4}, {"octa", 8}};
  if (const auto found = kNames.find(word); found != kNames.end()) return found->second;
  if (word.starts_with('x')) return number_before(word.substr(1), "", kCountMax);
  return number_before(word, "-channel", kCountMax);
}

bool names_memory(const Part& part) {
  return std::any_of(part.words.begin(), part.words.end(),
                     [](const std::string& word) { return rate_of(in_lower_case(word)) > 0; });
}

// A channel of DDR3 to DDR5 has 64 data bits (JEDEC JESD79; DDR5 as two halves of 32), so 8 bytes a transfer.
Result<void> add_memory(const Part& part, Machine& machine) {
  int rate = 0, channels = 0, bits = 0;
  bool low_power = false;
  for (const std::string& original : part.words) {
    const std::string word = in_lower_case(original);
    if (const int found = rate_of(word)) {
      rate = found;
      low_power = word.starts_with("lp");
    } else if (const int n = channels_of(word)) {
      channels = n;
    } else if (const int width = number_before(word, "-bit", 4096)) {
      bits = width;
    } else {
      return bad(fmt::format("'{}' says nothing of a memory", printable(original, 60)), "DDR5-6000 64GB");
    }
  }
  if (machine.ram.nominal_gbps > 0) return bad("a machine has one kind of RAM", "RTX 4090 + DDR5-6000 64GB");
  const bool said = part.count > 0 || channels > 0;
  if (channels == 0) channels = part.count > 0 ? part.count : 2;
  if (low_power && bits == 0)
    return bad("the bandwidth of LPDDR needs the width of its bus", fmt::format("{} 128-bit", fmt::join(part.words, " ")));
  if (bits == 0) bits = 64 * channels;
  machine.ram.nominal_gbps = rate * (bits / 8.0) / 1000;
  machine.ram.nominal_basis = low_power || !(bits == 64 * channels)
                                  ? fmt::format("computed: {} MT/s × {} bit", rate, bits)
                                  : fmt::format("computed: {} MT/s × 8 B × {} channel{}{}", rate, channels,
                                                channels == 1 ? "" : "s", said ? "" : ", which is usual and was not said");
  machine.ram.total_bytes = machine.ram.available_bytes =
      part.memory_gib * kGiB * (part.memory_first ? std::max(1, part.count) : 1);
  return {};
}

// ----- devices -----

// A name without the words of its series at the front: "4090", "7900 XTX", "T4", "A770".
std::string short_name(const std::string& name) {
  std::vector<std::string> words = words_of(name);
  static constexpr std::string_view kSeries[] = {"GeForce", "RTX", "GTX", "Radeon", "RX", "Arc", "Instinct", "Tesla"};
  while (words.size() > 1 && std::find(std::begin(kSeries), std::end(kSeries), words.front()) != std::end(kSeries))
    words.erase(words.begin());
  return fmt::format("{}", fmt::join(words, " "));
}

// Names that the device answers to: whole ones, and with the words of the series left out one by one.
std::vector<std::string> names_of(const Device& device) {
  std::vector<std::string> names{device.name};
  names.insert(names.end(), device.aliases.begin(), device.aliases.end());
  const size_t n_whole = names.size();
  for (size_t i = 0; i < n_whole; ++i) {
    names.push_back(short_name(names[i]));
    const std::vector<std::string> words = words_of(names[i]);
    if (words.size() > 2 && words.front() == "GeForce") names.push_back(names[i].substr(8));
    if (words.size() > 2 && words.front() == "Radeon") names.push_back(names[i].substr(7));
  }
  return names;
}

bool answers_to(const Device& device, const std::string& name) {
  Device named = device;
  named.aliases = names_of(device);
  return named.is_named(name);
}

// Up to three devices whose names are nearest.
std::vector<std::string> nearest_names(const std::string& name) {
  std::map<std::string, std::string> shown;  // by what is compared
  for (const Device& device : devices())
    for (const std::string& one : names_of(device)) shown[normalised_device_name(one)] = device.name;
  std::vector<std::string> nearest;
  while (nearest.size() < 3) {
    const std::vector<std::string_view> keys = [&] {
      std::vector<std::string_view> all;
      for (const auto& [key, device] : shown) all.push_back(key);
      return all;
    }();
    const std::string best = did_you_mean(normalised_device_name(name), keys);
    if (best.empty()) break;
    nearest.push_back(shown[best]);
    std::erase_if(shown, [&](const auto& entry) { return entry.second == nearest.back(); });
  }
  return nearest;
}

std::unexpected<Error> unknown(const std::string& name) {
  const std::vector<std::string> nearest = nearest_names(name);
  const std::string shown = printable(name, 80);
  return fail(Layer::hardware, "unknown-device",
              nearest.empty() ? fmt::format("'{}' is not in the device table, and no number is made up for it", shown)
                              : fmt::format("'{}' is not in the device table, and no number is made up for it; near it are: {}",
                                            shown, fmt::join(nearest, ", ")),
              nearest.empty() ? "lupo hardware --devices  # lists them" : fmt::format("--on \"{}\"", nearest.front()));
}

std::string sizes_text(const std::vector<const Device*>& rows) {
  std::string text;
  for (const Device* row : rows)
    text += fmt::format("{}{} GiB ({:g} GB/s)", text.empty() ? "" : ", ", fmt::join(row->memory_gib, " or "), row->gbps);
  return text;
}

struct Choice {
  const Device* device;
  int memory_gib;
};

Result<Choice> choose(const Part& part) {
  const std::string name = fmt::format("{}", fmt::join(part.words, " "));
  if (normalised_device_name(name).empty()) return bad("a part names no device", "RTX 4090 + DDR5-6000 64GB");
  std::vector<const Device*> rows;
  for (const Device& device : devices())
    if (answers_to(device, name)) rows.push_back(&device);
  if (rows.empty()) return unknown(name);
  if (part.memory_gib == 0) {
    if (rows.size() == 1 && rows.front()->memory_gib.size() == 1) return Choice{rows.front(), rows.front()->memory_gib.front()};
    return fail(Layer::hardware, "ambiguous-device",
                fmt::format("'{}' comes with {}: say which", printable(name, 80), sizes_text(rows)),
                fmt::format("--on \"{} {}GB\"", rows.back()->name, rows.back()->memory_gib.back()));
  }
  std::vector<const Device*> fitting;
  for (const Device* row : rows)
    if (std::count(row->memory_gib.begin(), row->memory_gib.end(), part.memory_gib) > 0) fitting.push_back(row);
  if (fitting.size() == 1) return Choice{fitting.front(), part.memory_gib};
  if (fitting.empty())
    return fail(
        Layer::hardware, "unknown-device",
        fmt::format("the device table has '{}' with {}, not with {}", printable(name, 80), sizes_text(rows), part.memory_gib),
        fmt::format("--on \"{} {}GB\"", rows.back()->name, rows.back()->memory_gib.back()));
  return fail(Layer::hardware, "ambiguous-device",
              fmt::format("'{}' may be {} or {}", printable(name, 80), fitting[0]->name, fitting[1]->name),
              fmt::format("--on \"{}\"", fitting[0]->name));
}

Result<void> add_device(const Part& part, Machine& machine) {
  TRY_ASSIGN(const Choice choice, choose(part));
  const Device& device = *choice.device;
  const int count = std::max(1, part.count);
  const std::string name = device.vendor == "Raspberry Pi" ? device.name : device.vendor + " " + device.name;
  const std::string basis = "table: " + device.source;
  const int64_t bytes = choice.memory_gib * kGiB;
  if (device.unified) {
    if (count > 1 || machine.ram.nominal_gbps > 0)
      return bad(fmt::format("'{}' is a whole machine with its memory", name),
                 fmt::format("{} {}GB", device.name, choice.memory_gib));
    machine.cpu.model = name;
    machine.ram.total_bytes = machine.ram.available_bytes = bytes;
    machine.ram.nominal_gbps = device.gbps;
    machine.ram.nominal_basis = basis;
  }
  if (!device.has_gpu) return {};
  Gpu gpu{.name = name, .vendor = device.vendor, .memory_bytes = bytes, .shared_memory = device.unified};
  if (!device.pci_ids.empty()) std::tie(gpu.vendor_id, gpu.device_id) = device.pci_ids.front();
  gpu.nominal_gbps = device.gbps;
  gpu.nominal_tflops = device.fp16_tflops;
  gpu.nominal_basis = basis;
  gpu.sources = {"table"};
  machine.gpus.insert(machine.gpus.end(), static_cast<size_t>(count), gpu);
  return {};
}

Result<Machine> machine_from_file(const std::string& path) {
  const auto text = real_env().read_text(path);
  if (!text) return bad(fmt::format("'{}' cannot be read", printable(path, 400)), "machine.json");
  const auto json = nlohmann::ordered_json::parse(*text, nullptr, false);
  if (json.is_object() && json.contains("machine")) return machine_from_json(json["machine"].dump());  // of lupo hardware --json
  return machine_from_json(*text);
}

}  // namespace

Result<Machine> machine_on(std::string_view description) {
  const std::string text = trimmed(description);
  if (text.size() > 4096) return bad("the description is longer than 4096 bytes", "RTX 4090 + DDR5-6000 64GB");
  std::error_code ignored;
  if (!text.empty() && fs::is_directory(text, ignored)) return replay_machine(text);
  if (text.ends_with(".json") || (!text.empty() && fs::is_regular_file(text, ignored))) return machine_from_file(text);
  Machine machine;
  machine.cpu.n_online = machine.cpu.n_logical = machine.cpu.n_physical = 0;
  for (const std::string& one : parts_of(text)) {
    const Part part = take_apart(one);
    if (part.words.empty()) return bad("a part of the description is empty", "RTX 4090 + DDR5-6000 64GB");
    if (names_memory(part))
      TRY(add_memory(part, machine));
    else
      TRY(add_device(part, machine));
  }
  return machine;
}

}  // namespace lupo
