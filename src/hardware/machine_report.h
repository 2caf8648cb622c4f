// A machine for people: what it is, what of it is usable and why, what was measured.
#pragma once

#include <string>
#include <vector>

#include "hardware/machine.h"

namespace lupo {

struct ReportContext {
  bool described = false;     // by --on: nothing is measured
  std::string measured_when;  // "now, in 1.5 s", "2026-11-27 16:50 UTC, in 6.0 s"
  std::string disk;           // what disk_read_gbps was measured on: "/home (nvme0n1, flash)"
};

struct Fact {
  std::string label;  // "caches"; the same as before: one more of these
  std::string text;   // control bytes escaped
};
// What it is, without what was measured.
std::vector<Fact> machine_facts(const Machine& machine, bool described = false);

// These and what was measured, as several lines.
std::string machine_report(const Machine& machine, const ReportContext& context);

}  // namespace lupo
