// How long each part of a short run took, and each token of it, with what may have held it up.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "hardware/load.h"

namespace lupo {

struct StepTime {
  double ms = 0;             // of the clock on the wall
  int64_t major_faults = 0;  // pages that this process waited for the disk for
  int64_t preemptions = 0;   // times that a thread of it had to give its core to another
};

// Not thread-safe. A lap costs two system calls, about 1 µs.
class Stopwatch {
 public:
  StepTime lap();  // since it was made, or since the last lap

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point at_ = Clock::now();
  OwnUse use_ = own_use();
};

struct RunPart {
  std::string name;  // "open", "plan", "compile", "first token", "prefill" (each repetition), "decode"
  StepTime time;
};

// In the order of the run; what doctor does for itself in between (it plans, it traces) is left out.
struct Timeline {
  std::vector<RunPart> parts{};
  std::vector<StepTime> tokens{};  // decoded, one by one, of all repetitions
};

StepTime sum_of(const std::vector<StepTime>& steps);

// Tokens that took half as long again as the median, or longer.
inline constexpr double kSlowToken = 1.5;
struct TokenTimes {
  double median_ms = 0, slowest_ms = 0;
  std::vector<size_t> slow{};  // indices
};
TokenTimes summary_of(const std::vector<StepTime>& tokens);

// Why a slow one may have been slow: "2 waits for the disk", "preempted 3 times", or "" where nothing was seen.
std::string reason_of(const StepTime& step);

}  // namespace lupo
