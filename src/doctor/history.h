// What was predicted and what came, run by run: a file of the user's, from which the next prediction's interval narrows.
//
// SQLite, one row for each phase of a run. A history that cannot be opened or written must not stop a run: callers go on without.
// Not thread-safe; several processes may use one file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "doctor/predict.h"

struct sqlite3;

namespace lupo {

enum class Phase { decode, prefill };
std::string_view phase_name(Phase phase);

struct PhaseRecord {
  std::string machine;  // name that calibrations go by, with the number of threads
  std::string model;    // see model_name_of
  Phase phase = Phase::decode;
  int64_t n = 0, depth = 0;                    // tokens of the phase, and in the context before
  double predicted_tps = 0, measured_tps = 0;  // predicted by the calibration alone, before any bias
};

// One answer: what it used of the context, and what of that was there already.
struct AnswerRecord {
  std::string model{};   // see model_name_of
  int64_t n_ctx = 0;     // tokens
  int64_t n_prompt = 0;  // more than n_ctx: it was refused
  int64_t n_held = 0;    // in the cache before, of the same conversation
  int64_t n_reused = 0;  // of these
  int64_t n_generated = 0;
  bool is_cut = false;     // the context was full before the model ended
  std::string proposer{};  // of speculation, "" = none
  double speculation_gain = 1;
};

class History {
 public:
  // Makes the file and its folder when there are none. Error {runtime, history} with SQLite's message.
  static Result<History> open(const std::string& path);
  Result<void> add(const PhaseRecord& record);
  // `prior`, moved and narrowed by what came on this machine, and by this model's own runs above others'. Of the last 50 runs.
  Result<Spread> narrowed(Spread prior, std::string_view machine, std::string_view model, Phase phase) const;
  Result<int64_t> n_records(std::string_view machine) const;

  // Of answers the last 2000 are kept.
  Result<void> add(const AnswerRecord& record);
  Result<std::vector<AnswerRecord>> last_answers(std::string_view model, int64_t n_max) const;  // the newest first

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit History(sqlite3* db) : db_(db) {}
  std::unique_ptr<sqlite3, Close> db_;
};

// $LUPO_STATE, else lupo in $XDG_STATE_HOME or ~/.local/state, and history.db in it; "" where the environment names none.
std::string history_path(const Env& env);

// Mean and deviation of `residuals`, ln(measured / predicted), beside a prior that counts for a few of them.
Spread updated(const Spread& prior, const std::vector<double>& residuals);

}  // namespace lupo
