// lupo hardware: what this machine is, and how fast it reads memory and disks; or what a described one is.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/printable.h"
#include "base/units.h"
#include "cli/print.h"
#include "cli/verb.h"
#include "hardware/bandwidth.h"
#include "hardware/checks.h"
#include "hardware/devices.h"
#include "hardware/drivers.h"
#include "hardware/machine_report.h"
#include "hardware/measured_cache.h"
#include "hardware/parts.h"
#include "hardware/record.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

// Of measuring memory. Quick leaves time to touch the buffer and to ask drivers within 3 s.
constexpr double kSeconds = 6, kQuickSeconds = 1;
constexpr int64_t kDiskBytes = 256 * kMiB;

struct Options {
  std::string on, record, disk;
  bool json = false, quick = false, fresh = false, devices = false;
};

struct Examined {
  Machine machine;
  ReportContext context;
  double seconds = 0;        // spent on measuring
  int64_t unix_seconds = 0;  // when
  bool cached = false;
  HardwareUse use;  // how busy the processors were
  std::vector<Finding> findings;
};

std::string when(const Examined& examined) {
  if (!examined.cached) return fmt::format("now, in {:.1f} s", examined.seconds);
  const double busy = examined.use.load_before.busy;
  return fmt::format("{:%Y-%m-%d %H:%M} UTC, in {:.1f} s{} (--fresh measures anew)",
                     fmt::gmtime(static_cast<std::time_t>(examined.unix_seconds)), examined.seconds,
                     busy > kBusy ? fmt::format(", beside processes that used {:.0f} % of the CPUs", 100 * busy) : "");
}

// What was measured is there the next time, and for lupo doctor.
void keep(const Examined& examined) {
  const std::string folder = cache_folder(real_env()), key = measurement_key(examined.machine, real_env());
  if (folder.empty() || examined.machine.measured.read_gbps <= 0) return;
  const Result<void> saved = save_measured(
      folder, key, {examined.machine.measured, examined.seconds, examined.unix_seconds, examined.use.load_before.busy});
  if (!saved) print_note("not kept for the next time: " + saved.error().what);
}

// From the cache, or measured and put there.
void measure(const Options& options, Examined& examined) {
  Machine& machine = examined.machine;
  const double seconds = options.quick ? kQuickSeconds : kSeconds;
  const auto cached = load_measured(cache_folder(real_env()), measurement_key(machine, real_env()));
  if (!options.fresh && cached && cached->seconds >= seconds) {
    machine.measured = cached->measured;
    examined.seconds = cached->seconds;
    examined.unix_seconds = cached->unix_seconds;
    examined.use.load_before.busy = cached->busy;
    examined.cached = true;
    return;
  }
  const auto at_start = read_cpu_times(real_env());
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  const auto before = read_cpu_times(real_env());
  machine.measured = measure_memory(machine, seconds);
  if (cached) machine.measured.disk_read_gbps = cached->measured.disk_read_gbps;
  const auto after = read_cpu_times(real_env());
  if (at_start && before) examined.use.load_before = load_between(*at_start, *before);
  if (before && after) examined.use.load_during = load_between(*before, *after);
  examined.seconds = seconds;
  examined.unix_seconds = std::time(nullptr);
  keep(examined);
}

Result<void> measure_disk(const Options& options, Examined& examined) {
  TRY_ASSIGN(examined.machine.measured.disk_read_gbps, measure_disk_read_gbps(options.disk, kDiskBytes));
  keep(examined);
  std::error_code ignored;
  const std::string folder = std::filesystem::canonical(options.disk, ignored).string();
  const auto disk = disk_holding(real_env(), folder);
  examined.context.disk =
      disk ? fmt::format("{} on {} ({})", folder, disk->name, disk->rotational ? "rotating" : "flash or virtual") : folder;
  return {};
}

Result<Examined> examine(const Options& options) {
  Examined examined;
  if (!options.on.empty()) {
    TRY_ASSIGN(examined.machine, machine_on(options.on));
    examined.context.described = true;
    examined.context.measured_when = "when it was written down";
    return examined;
  }
  const std::string answers = ask_drivers();
  if (options.record.empty()) {
    TRY_ASSIGN(examined.machine, probe(real_env(), answers));
  } else {
    TRY_ASSIGN(examined.machine, record_machine(real_env(), answers, options.record));
  }
  measure(options, examined);
  examined.context.measured_when = when(examined);
  if (!options.disk.empty()) TRY(measure_disk(options, examined));
  examined.findings = check_hardware(examined.machine, examined.use);
  return examined;
}

Json to_json(const Examined& examined, const Options& options) {
  Json json = {{"machine", Json::parse(lupo::to_json(examined.machine))}, {"described", examined.context.described}};
  if (!examined.context.described) {
    json["measuring"] = {{"cached", examined.cached},
                         {"seconds", examined.seconds},
                         {"unix_seconds", examined.unix_seconds},
                         {"busy", examined.use.load_before.busy}};
    json["findings"] = Json::array();
    for (const Finding& f : examined.findings)
      json["findings"].push_back({{"layer", layer_name(f.layer)},
                                  {"code", f.code},
                                  {"severity", severity_name(f.severity)},
                                  {"what", valid_utf8(f.what)},
                                  {"evidence", valid_utf8(f.evidence)},
                                  {"fix", valid_utf8(f.fix)}});
  }
  if (!options.record.empty()) json["recorded"] = valid_utf8(options.record);
  return json;
}

void print_findings(const std::vector<Finding>& findings) {
  for (const Finding& f : findings) {
    fmt::print("\n{:<12}{} [{}/{}]\n", severity_name(f.severity), printable(f.what), layer_name(f.layer), f.code);
    fmt::print("{:12}{}\n", "", printable(f.evidence));
    if (!f.fix.empty()) fmt::print("{:12}fix: {}\n", "", printable(f.fix));
  }
}

void print_devices(bool json) {
  Json rows = Json::array();
  for (const Device& device : devices()) {
    if (json)
      rows.push_back({{"vendor", device.vendor},
                      {"name", device.name},
                      {"aliases", device.aliases},
                      {"unified", device.unified},
                      {"memory_gib", device.memory_gib},
                      {"bandwidth_gbps", device.gbps},
                      {"source", device.source}});
    else
      fmt::print("{:<13}{:<36}{:>16} GiB {:>7g} GB/s  {}\n", device.vendor, device.name,
                 fmt::format("{}", fmt::join(device.memory_gib, ", ")), device.gbps, device.source);
  }
  if (json) fmt::print("{}\n", rows.dump());
}

Result<void> run(const Options& options) {
  if (options.devices) {
    print_devices(options.json);
    return {};
  }
  TRY_ASSIGN(const Examined examined, examine(options));
  if (options.json) {
    fmt::print("{}\n", to_json(examined, options).dump());
    return {};
  }
  fmt::print("{}", machine_report(examined.machine, examined.context));
  print_findings(examined.findings);
  if (!options.record.empty())
    fmt::print("\nrecorded in {}: the files that were read and what drivers answered; look at them before you share them\n",
               printable(options.record));
  return {};
}

}  // namespace

Verb add_hardware(CLI::App& root) {
  CLI::App* app = root.add_subcommand("hardware", "what this machine is, what of it is usable and why, and how fast it reads");
  auto options = std::make_shared<Options>();
  app->add_flag("--quick", options->quick, "measure for less than 3 s instead of about 7 s");
  app->add_flag("--fresh", options->fresh, "measure anew, whatever is kept from an earlier time");
  CLI::Option* disk = app->add_option("--disk", options->disk,
                                      "measure reads from the disk of this folder too: writes and removes up to 256 MiB");
  CLI::Option* record =
      app->add_option("--record", options->record, "write the files that were read into this new folder, for a replay");
  app->add_option("--on", options->on,
                  "show another machine instead: \"M4 Max 128GB\", \"2x RTX 3090 + DDR4-3200 64GB\", machine.json, a record")
      ->excludes(disk)
      ->excludes(record);
  app->add_flag("--devices", options->devices, "list the device table");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
