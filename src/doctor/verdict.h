// After a run: was it as fast as predicted, and if not, which layer broke.
#pragma once

#include <optional>
#include <string>

#include "base/env.h"
#include "base/result.h"
#include "doctor/calibration.h"
#include "doctor/predict.h"
#include "hardware/load.h"

namespace lupo {

// What went on in the machine during a run.
struct Circumstances {
  double seconds = 0;
  double others_busy = 0;    // share of all processors' time that other processes had
  double steal = 0;          // that the hypervisor gave to other guests
  int64_t major_faults = 0;  // of this process: that waited for the disk
  int64_t disk_bytes = 0;    // that it read from disks
  double read_gbps = 0;      // of the mapped weights, right after; 0: not measured
  double f32_gmacs = 0;      // likewise

  bool are_quiet() const;      // nobody took anything away, nothing came from the disk
  bool read_the_disk() const;  // more than a run that keeps its weights does
};

// Looks at the machine when it is made and when it is asked.
class Watch {
 public:
  explicit Watch(const Env& env);
  Circumstances seen() const;  // since then; rates are left 0

 private:
  struct Look {
    std::optional<CpuTimes> times;
    OwnUse own;
    double at_seconds = 0;
  };
  static Look look(const Env& env);
  const Env& env_;
  Look begin_;
};

struct PhaseResult {
  Interval predicted{};
  double measured_tps = 0;
  double roof_fraction = 0;  // of the read bandwidth; 0: not known
};

struct PhaseVerdict {
  bool as_predicted = true;
  std::optional<Layer> layer{};  // that held it back, where one can be told
  std::string code{};            // "at-the-wall", "as-predicted", "faster", or what broke: a code of doctor's findings
  std::string what{};            // "at the wall (91 % of the read bandwidth)"
  std::string fix{};             // a command, or empty
};
// `model`: for the command.
PhaseVerdict judge(const PhaseResult& result, const Circumstances& circumstances, const Calibration& calibration,
                   const std::string& model);

// "predicted 41 [36–47] tok/s, got 39: at the wall (91 % of the read bandwidth)".
std::string to_line(const PhaseResult& result, const PhaseVerdict& verdict);

}  // namespace lupo
