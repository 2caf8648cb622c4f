// What doctor's fixes gain for one model, each by planning and predicting again with the fix applied, and what was to be expected
// of the run that doctor made.
#pragma once

#include <optional>

#include "doctor/doctor.h"
#include "doctor/habits.h"
#include "doctor/predict.h"

namespace lupo {

// Relative gains of decode speed: 0.25 = a quarter faster; 0 = none, or none can be told.
struct Gains {
  double q8_cache = 0, f16_cache = 0;  // at the end of the context
  double usable_threads = 0, eight_bits = 0, best_isa = 0;
  Interval first_token{};                    // of the first token's speed, where what is in the cache need not be read again
  std::optional<Interval> decode{};          // tokens a second at kExamDepth, undisturbed; nothing: the machine was never at rest
  std::optional<Calibration> calibration{};  // that it rests on
  Spreads spreads{};                         // of predictions from it, narrowed by earlier runs
  double noise = 0;                          // deviation of ln(rate) that the machine has by itself
};
inline constexpr int64_t kExamDepth = 16;  // tokens in the context, half way through doctor's decode

// Takes 10 s the first time on a machine. LUPO_ISA is unset for a moment where it forces a set: no other thread may read the
// environment.
Gains gains_of(const Env& env, const Model& model, const Machine& machine, const DoctorRequest& request, const ModelExam& exam,
               const Habits& habits);

// Brackets each finding's gain that nobody bracketed: where it lies in 80 of 100 cases.
void bracket_gains(std::vector<Finding>& findings, double noise);

}  // namespace lupo
