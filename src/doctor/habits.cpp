#include "doctor/habits.h"

#include <algorithm>
#include <cmath>

#include "doctor/expectation.h"

namespace lupo {
namespace {

constexpr int64_t kAnswersSeen = 50;

}  // namespace

Habits habits_of(std::span<const AnswerRecord> answers) {
  Habits habits{.n_answers = std::ssize(answers)};
  double log_gains = 0;
  if (!answers.empty()) habits.n_ctx = answers.front().n_ctx;
  for (const AnswerRecord& answer : answers) {
    habits.n_used_max = std::max(habits.n_used_max, answer.n_prompt + answer.n_generated);
    if (answer.n_ctx == habits.n_ctx && (answer.is_cut || answer.n_prompt > answer.n_ctx)) ++habits.n_short;
    if (answer.n_held > 0 && answer.n_prompt <= answer.n_ctx) {
      ++habits.n_turns;
      habits.n_held += static_cast<double>(std::min(answer.n_held, answer.n_prompt));
      habits.n_reused += static_cast<double>(answer.n_reused);
      habits.n_prompt += static_cast<double>(answer.n_prompt);
    }
    if (answer.proposer == "draft" && answer.speculation_gain > 0) {
      ++habits.n_drafted;
      log_gains += std::log(answer.speculation_gain);
    }
  }
  const double n_turns = static_cast<double>(std::max<int64_t>(1, habits.n_turns));
  for (double* mean : {&habits.n_held, &habits.n_reused, &habits.n_prompt}) *mean /= n_turns;
  if (habits.n_drafted > 0) habits.draft_gain = std::exp(log_gains / static_cast<double>(habits.n_drafted));
  return habits;
}

Habits habits_of(const Env& env, const Model& model) {
  const std::optional<History> history = open_history(env);
  if (!history) return {};
  return habits_of(history->last_answers(model_name_of(model), kAnswersSeen).value_or(std::vector<AnswerRecord>{}));
}

void note_answer(const Env& env, const Model& model, AnswerRecord record) {
  std::optional<History> history = open_history(env);
  record.model = model_name_of(model);
  if (history) (void)history->add(record);
}

}  // namespace lupo
