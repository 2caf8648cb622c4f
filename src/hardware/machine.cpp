#include "hardware/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lupo {
namespace {

int cores_worth_using(const Cpu& cpu) { return std::max(1, cpu.n_fast > 0 ? cpu.n_fast : cpu.n_physical); }

std::string plural(int n, std::string_view noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

}  // namespace

int Machine::usable_threads() const {
  const int cores = cores_worth_using(cpu);
  if (cpu.quota_cores <= 0) return cores;
  // Above a half, one thread more uses the rest of the quota; below it, the kernel would stop all threads for most of a period.
  const int within_quota = static_cast<int>(std::lround(std::min(cpu.quota_cores, 1e6)));
  return std::clamp(within_quota, 1, cores);
}

std::string Machine::threads_reason() const {
  if (cpu.n_physical <= 0) return "cores not known";
  std::string reason = plural(cpu.n_physical, "core");
  if (cpu.n_fast > 0) reason = plural(cpu.n_fast, "fast core") + fmt::format(" of {}", cpu.n_physical);
  if (cpu.n_logical > cpu.n_physical) reason += fmt::format(" ({} threads by SMT)", cpu.n_logical);
  if (cpu.n_logical < cpu.n_online) reason += fmt::format(", affinity allows {} of {} CPUs", cpu.n_logical, cpu.n_online);
  if (cpu.quota_cores <= 0) return reason + ", no cgroup quota";
  return reason + fmt::format(", cgroup quota {:.3g} cores", cpu.quota_cores);
}

bool Machine::has_isa(std::string_view feature) const {
  return std::find(cpu.isa.begin(), cpu.isa.end(), feature) != cpu.isa.end();
}

}  // namespace lupo
