#include "hardware/machine_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/printable.h"
#include "base/units.h"

namespace lupo {
namespace {

class Report {
 public:
  void line(std::string_view label, const std::string& text) { facts_.push_back({std::string(label), printable(text)}); }
  std::vector<Fact> facts() && { return std::move(facts_); }

 private:
  std::vector<Fact> facts_;
};

// Of several lines of one label only the first shows it.
std::string lines_of(const std::vector<Fact>& facts) {
  std::string text, label;
  for (const Fact& fact : facts) {
    text += fmt::format("{:<12}{}\n", fact.label == label ? "" : fact.label, fact.text);
    label = fact.label;
  }
  return text;
}

// 1e9 bytes a second of a link and direction. PCI Express base specification: 8b/10b coding up to 5 GT/s, then 128b/130b.
double link_gbps(double gtps, int lanes) { return gtps * lanes / 8 * (gtps <= 5 ? 0.8 : 128.0 / 130.0); }

void add_processor(const Machine& machine, Report& report) {
  const Cpu& cpu = machine.cpu;
  if (cpu.n_physical > 0)
    report.line("threads", fmt::format("{} of use: {}", machine.usable_threads(), machine.threads_reason()));
  if (!cpu.isa.empty()) report.line("extensions", fmt::format("{}", fmt::join(cpu.isa, " ")));
  std::string caches;
  for (const auto& [name, bytes] : {std::pair{"L1d", cpu.l1d_bytes}, {"L2", cpu.l2_bytes}, {"L3", cpu.l3_bytes}})
    if (bytes > 0) caches += fmt::format("{}{} {}", caches.empty() ? "" : ", ", name, format_bytes(bytes));
  if (!caches.empty())
    report.line("caches",
                caches + " each" +
                    (cpu.l3_total_bytes > cpu.l3_bytes ? fmt::format(", L3 {} in all", format_bytes(cpu.l3_total_bytes)) : ""));
  if (!cpu.governor.empty()) report.line("clock", "governor " + cpu.governor);
}

void add_memory(const Machine& machine, bool described, Report& report) {
  const Ram& ram = machine.ram;
  const bool free_is_known = !described || ram.available_bytes != ram.total_bytes;
  if (ram.total_bytes > 0 && !free_is_known) report.line("memory", format_bytes(ram.total_bytes) + ", taken as free");
  if (ram.total_bytes > 0 && free_is_known) {
    const std::string limit =
        ram.limit_bytes > 0 ? fmt::format("cgroup limit {}", format_bytes(ram.limit_bytes)) : "no cgroup limit";
    const std::string swap = ram.swap_total_bytes > 0 ? fmt::format("swap {} ({} free)", format_bytes(ram.swap_total_bytes),
                                                                    format_bytes(ram.swap_free_bytes))
                                                      : "no swap";
    report.line("memory", fmt::format("{} of {} free, {}, {}", format_bytes(ram.available_bytes), format_bytes(ram.total_bytes),
                                      limit, swap));
  }
  if (ram.nominal_gbps > 0) report.line("memory", fmt::format("{:g} GB/s nominal; {}", ram.nominal_gbps, ram.nominal_basis));
  for (const NumaNode& node : machine.numa)
    report.line("NUMA", fmt::format("node {}: {} CPUs, {} of {} free", node.id, node.cpus.size(), format_bytes(node.free_bytes),
                                    format_bytes(node.total_bytes)));
  std::string pages;
  if (!machine.transparent_huge_pages.empty()) pages = "transparent: " + machine.transparent_huge_pages;
  for (const HugePages& size : machine.huge_pages)
    if (size.n_total > 0)
      pages += fmt::format("{}{} of {} reserved pages of {} free", pages.empty() ? "" : ", ", size.n_free, size.n_total,
                           format_bytes(size.page_bytes));
  if (!pages.empty()) report.line("huge pages", pages);
}

void add_gpu(const Gpu& gpu, bool described, Report& report) {
  std::string memory = gpu.memory_bytes > 0 ? format_bytes(gpu.memory_bytes) : "memory of unknown size";
  memory += gpu.shared_memory ? ", shared with the processor" : " of its own";
  if (gpu.free_bytes >= 0) memory += fmt::format(", {} free", format_bytes(gpu.free_bytes));
  report.line("GPU", fmt::format("{}: {}", gpu.name, memory));
  if (gpu.nominal_gbps > 0)
    report.line("GPU", fmt::format("  {:g} GB/s nominal; {}", gpu.nominal_gbps, gpu.nominal_basis));
  else
    report.line("GPU", "  bandwidth unknown: not in the device table with this memory");
  const double gtps = std::max(gpu.link_gtps, gpu.link_gtps_max);
  const int lanes = gpu.link_lanes > 0 ? gpu.link_lanes : gpu.link_lanes_max;
  if (gtps > 0 && lanes > 0) {
    std::string link =
        fmt::format("  PCIe {:g} GT/s × {} lanes: {:.1f} GB/s each way at most", gtps, lanes, link_gbps(gtps, lanes));
    if (gpu.link_gtps > 0 && gpu.link_gtps < gtps) link += fmt::format(", at {:g} GT/s while idle", gpu.link_gtps);
    if (lanes < gpu.link_lanes_max) link += fmt::format("; the card has {} lanes", gpu.link_lanes_max);
    report.line("GPU", link);
  }
  if (!described)
    report.line("GPU",
                fmt::format("  driver {}; told by {}", gpu.driver.empty() ? "none" : gpu.driver, fmt::join(gpu.sources, ", ")));
}

void add_measured(const Measured& measured, const ReportContext& context, Report& report) {
  if (measured.read_gbps > 0) {
    double most = 0;
    for (const ReadRate& rate : measured.by_threads) most = std::max(most, rate.gbps);
    const auto row = [&](const std::string& what, double gbps) {
      report.line("reads", fmt::format("{:<22} {} {:6.1f} GB/s", what, format_bar(gbps / most), gbps));
    };
    for (const ReadRate& rate : measured.by_threads)
      row(fmt::format("{} thread{}", rate.threads, rate.threads == 1 ? "" : "s"), rate.gbps);
    row("blocks of 1 MiB", measured.gather_1m_gbps);
    row("blocks of 4 KiB", measured.gather_4k_gbps);
    report.line("reads", fmt::format("measured {}; blocks in random order with {} threads, as experts are read",
                                     context.measured_when, measured.threads));
  }
  if (measured.disk_read_gbps > 0)
    report.line("disk", fmt::format("{:.2f} GB/s past the page cache{}", measured.disk_read_gbps,
                                    context.disk.empty() ? ", measured earlier" : ": " + context.disk));
}

}  // namespace

std::vector<Fact> machine_facts(const Machine& machine, bool described) {
  Report report;
  const Cpu& cpu = machine.cpu;
  report.line("machine", cpu.model.empty()          ? "of an unknown processor"
                         : cpu.architecture.empty() ? cpu.model
                                                    : fmt::format("{}, {}", cpu.model, cpu.architecture));
  add_processor(machine, report);
  add_memory(machine, described, report);
  for (const Disk& disk : machine.disks)
    report.line("disks", fmt::format("{}{}{}: {}, {}", disk.name, disk.model.empty() ? "" : " ", disk.model,
                                     format_bytes(disk.bytes), disk.rotational ? "rotating" : "flash or virtual"));
  for (const Gpu& gpu : machine.gpus) add_gpu(gpu, described, report);
  if (!machine.gpus.empty() && !described) report.line("GPU", "not used: lupo computes on the processor");
  if (machine.gpus.empty() && !described) report.line("GPU", "none found");
  if (described && machine.measured == Measured{})
    report.line("basis", "as described: nothing of it was measured, what was not said is unknown");
  return std::move(report).facts();
}

std::string machine_report(const Machine& machine, const ReportContext& context) {
  Report measured;
  add_measured(machine.measured, context, measured);
  const std::string seen = lines_of(std::move(measured).facts());
  return lines_of(machine_facts(machine, context.described)) + (seen.empty() ? "" : "\n" + seen);
}

}  // namespace lupo
