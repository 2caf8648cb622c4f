#include "hardware/checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace lupo {
namespace {

constexpr double kSlowDisk = 0.2;       // 1e9 bytes a second: what a SATA disk of flash exceeds twice over
constexpr double kLoadSeconds = 3;      // less is no wait
constexpr double kMappedShare = 0.75;   // of a fast disk's rate that reading a mapped file reaches
constexpr double kStartSeconds = 0.15;  // of a process up to its first token, beside the disk

Finding finding(std::string code, Severity severity, std::string what, std::string evidence, double gain, std::string fix) {
  return {Layer::hardware, std::move(code), severity, std::move(what), std::move(evidence), gain, std::move(fix)};
}

// Cores share memory and wait for each other: `ratio` times as many gain less than that. What cannot be measured from inside the
// limit is told with a wide interval (two cores for one: 69 to 77 % were measured).
void set_gain_of_cores(double ratio, Finding& finding) {
  finding.gain = 0.75 * (ratio - 1);
  finding.gain_low = 0.5 * (ratio - 1);
  finding.gain_high = ratio - 1;
}

void check_cores(const Machine& machine, std::vector<Finding>& findings) {
  const Cpu& cpu = machine.cpu;
  if (cpu.quota_cores > 0 && cpu.quota_cores < cpu.n_physical) {
    findings.push_back(finding(
        "quota-below-cores", Severity::warning, "a cgroup quota gives this process less than the cores there are",
        fmt::format("quota {:.3g} of {} cores", cpu.quota_cores, cpu.n_physical), 0,
        fmt::format("docker update --cpus {} CONTAINER  # or raise the CPU limit of the pod or the service", cpu.n_physical)));
    set_gain_of_cores(cpu.n_physical / cpu.quota_cores, findings.back());
  }
  if (cpu.n_logical < cpu.n_online) {
    findings.push_back(finding("affinity-below-cores", Severity::warning, "this process may run on some of the CPUs only",
                               fmt::format("affinity allows {} of {} CPUs", cpu.n_logical, cpu.n_online), 0,
                               fmt::format("taskset -c 0-{} lupo …  # or raise the cpuset of the container", cpu.n_online - 1)));
    set_gain_of_cores(static_cast<double>(cpu.n_online) / cpu.n_logical, findings.back());
  }
}

// Governors that keep the clock low by themselves; others raise it under load.
void check_governor(const Machine& machine, std::vector<Finding>& findings) {
  const std::string& governor = machine.cpu.governor;
  if (governor != "powersave" && governor != "conservative" && governor != "userspace") return;
  // intel_pstate and amd-pstate in active mode have a "powersave" that does raise it; what it costs there is small.
  findings.push_back(finding("governor-slow", governor == "powersave" ? Severity::info : Severity::warning,
                             "the frequency governor saves power: the cores may not run as fast as they could",
                             fmt::format("scaling_governor is {}", governor), 0, "sudo cpupower frequency-set -g performance"));
}

void check_isa(const Machine& machine, const HardwareUse& use, std::vector<Finding>& findings) {
  if (!use.isa.empty() && !use.isa_best.empty() && use.isa != use.isa_best)
    findings.push_back(
        finding("isa-forced", Severity::warning, "LUPO_ISA forces a slower instruction set than this processor has",
                fmt::format("in use {}, possible {}", use.isa, use.isa_best), use.best_isa_gain, "unset LUPO_ISA"));
  const bool x86 = machine.cpu.architecture == "x86_64", arm = machine.cpu.architecture == "aarch64";
  const bool slow = (x86 && !(machine.has_isa("avx2") && machine.has_isa("fma") && machine.has_isa("f16c"))) ||
                    (arm && !machine.has_isa("dotprod"));
  if (slow)
    findings.push_back(finding(
        "slow-isa", Severity::problem, "this processor has no vector instructions that quantized weights run fast on",
        fmt::format("{} has no {}", machine.cpu.model, x86 ? "AVX2 with FMA and F16C" : "dot product instructions"), 0, ""));
}

void check_load(const HardwareUse& use, std::vector<Finding>& findings) {
  if (use.load_before.busy > kBusy) {
    // Who is alone on the machine takes it all; beside us they share it.
    const double busy = use.others_busy > 0 ? use.others_busy : use.load_before.busy / 2;
    findings.push_back(
        finding("busy", Severity::warning, "other processes keep the processors busy, and all figures suffer from it",
                fmt::format("{:.0f} % of all CPU time was used before anything was measured", 100 * use.load_before.busy),
                1 / std::max(1 - busy, 0.25) - 1, "top  # shows which"));
  }
  if (use.load_during.steal > 0.05)
    findings.push_back(finding("cpu-steal", Severity::warning, "the hypervisor gives processor time of this machine to others",
                               fmt::format("{:.0f} % stolen while it was measured", 100 * use.load_during.steal),
                               1 / (1 - std::min(use.load_during.steal, 0.75)) - 1, ""));
}

// What is loaded once and stays in memory needs no fast disk; waiting a minute for it is another matter.
void check_disk(const HardwareUse& use, std::vector<Finding>& findings) {
  if (use.file_read_gbps <= 0) return;
  const double load_seconds = static_cast<double>(use.file_bytes) / (use.file_read_gbps * 1e9);
  const bool is_slow = use.file_read_gbps < kSlowDisk, is_slower = use.file_read_gbps < use.disk_read_gbps / 2;
  if (load_seconds < kLoadSeconds || !(is_slow || is_slower)) return;
  std::string evidence =
      fmt::format("{:.3f} GB/s: {:.0f} s for the {} of the file", use.file_read_gbps, load_seconds, format_bytes(use.file_bytes));
  if (use.disk_read_gbps > 0) evidence += fmt::format("; lupo hardware measured {:.2f} GB/s", use.disk_read_gbps);
  const double then_seconds = static_cast<double>(use.file_bytes) / (kMappedShare * use.disk_read_gbps * 1e9);
  findings.push_back(
      finding("slow-disk", Severity::warning, "the model's file lies on a slow disk: loading it takes long", std::move(evidence),
              is_slower ? (load_seconds + kStartSeconds) / (then_seconds + kStartSeconds) - 1 : 0,
              fmt::format("cp {} FOLDER  # on a faster disk; lupo hardware --disk FOLDER measures one", use.model)));
  findings.back().limits = false;
  findings.back().gain_of = "loading";
}

}  // namespace

double gain_of_more_threads(const Machine& machine, int64_t n_threads, double decode_gbps) {
  const double by_cores = static_cast<double>(machine.usable_threads()) / static_cast<double>(n_threads) - 1;
  const double roof = machine.measured.read_gbps;
  return roof > 0 && decode_gbps > 0 ? std::min(by_cores, std::max(0.0, roof / decode_gbps - 1)) : by_cores;
}

std::vector<Finding> check_hardware(const Machine& machine, const HardwareUse& use) {
  std::vector<Finding> findings;
  check_cores(machine, findings);
  check_governor(machine, findings);
  check_isa(machine, use, findings);
  check_load(use, findings);
  check_disk(use, findings);
  const double roof = machine.measured.read_gbps;
  if (roof > 0 && use.decode_gbps >= kRoofReached * roof)
    findings.push_back(
        finding("bandwidth-roof", Severity::info,
                "decode runs at the speed of this machine's memory: only fewer bytes a token make it faster",
                fmt::format("{:.1f} of {:.1f} GB/s = {:.0f} %", use.decode_gbps, roof, 100 * use.decode_gbps / roof), 0, ""));
  return findings;
}

}  // namespace lupo
