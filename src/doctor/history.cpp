#include "doctor/history.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <filesystem>
#include <vector>

namespace lupo {
namespace {

constexpr int kBusyMs = 200;  // another process writes
constexpr int kRunsMax = 50;
constexpr int64_t kAnswersKept = 2000;
// Runs that a prior counts for, in the mean and in the deviation.
constexpr double kPriorOfMean = 2, kPriorOfDeviation = 4;
// ln(measured / predicted) beyond which a run says nothing of the next: an outlier of the machine's.
constexpr double kOutlier = 1.5;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS phase (id INTEGER PRIMARY KEY, at INTEGER NOT NULL DEFAULT (unixepoch()), machine TEXT NOT NULL,"
    " model TEXT NOT NULL, phase TEXT NOT NULL, n INTEGER NOT NULL, depth INTEGER NOT NULL, predicted_tps REAL NOT NULL,"
    " measured_tps REAL NOT NULL);"
    "CREATE INDEX IF NOT EXISTS phase_of_machine ON phase (machine, phase, id);"
    "CREATE TABLE IF NOT EXISTS answer (id INTEGER PRIMARY KEY, at INTEGER NOT NULL DEFAULT (unixepoch()), model TEXT NOT NULL,"
    " n_ctx INTEGER NOT NULL, n_prompt INTEGER NOT NULL, n_held INTEGER NOT NULL, n_reused INTEGER NOT NULL,"
    " n_generated INTEGER NOT NULL, is_cut INTEGER NOT NULL, proposer TEXT NOT NULL, speculation_gain REAL NOT NULL);"
    "CREATE INDEX IF NOT EXISTS answer_of_model ON answer (model, id)";

std::unexpected<Error> failure(sqlite3* db, std::string_view doing) {
  return fail(Layer::runtime, "history", fmt::format("{}: {}", doing, db == nullptr ? "no memory" : sqlite3_errmsg(db)),
              "remove the file history.db of lupo's state folder, or set LUPO_STATE to a folder that can be written");
}

// A statement and its arguments, in order.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) { sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  void bind(std::string_view text) {
    sqlite3_bind_text(statement_, ++n_bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }
  void bind(int64_t value) { sqlite3_bind_int64(statement_, ++n_bound_, value); }
  void bind(double value) { sqlite3_bind_double(statement_, ++n_bound_, value); }
  int step() { return statement_ == nullptr ? SQLITE_ERROR : sqlite3_step(statement_); }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const unsigned char* found = sqlite3_column_text(statement_, column);
    return found == nullptr ? std::string() : reinterpret_cast<const char*>(found);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int n_bound_ = 0;
};

}  // namespace

std::string_view phase_name(Phase phase) { return phase == Phase::decode ? "decode" : "prefill"; }

void History::Close::operator()(sqlite3* db) const { sqlite3_close(db); }

Result<History> History::open(const std::string& path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  sqlite3* db = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  History history(db);
  if (opened != SQLITE_OK) return failure(db, fmt::format("{} cannot be opened", path));
  sqlite3_busy_timeout(db, kBusyMs);
  if (sqlite3_exec(db, kSchema, nullptr, nullptr, nullptr) != SQLITE_OK)
    return failure(db, fmt::format("{} is no history", path));
  return history;
}

Result<void> History::add(const PhaseRecord& record) {
  Statement statement(db_.get(),
                      "INSERT INTO phase (machine, model, phase, n, depth, predicted_tps, measured_tps)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?)");
  statement.bind(record.machine);
  statement.bind(record.model);
  statement.bind(phase_name(record.phase));
  statement.bind(record.n);
  statement.bind(record.depth);
  statement.bind(record.predicted_tps);
  statement.bind(record.measured_tps);
  if (statement.step() != SQLITE_DONE) return failure(db_.get(), "a run could not be noted");
  return {};
}

Result<Spread> History::narrowed(Spread prior, std::string_view machine, std::string_view model, Phase phase) const {
  Statement statement(db_.get(),
                      "SELECT predicted_tps, measured_tps, model = ? FROM phase WHERE machine = ? AND phase = ?"
                      " ORDER BY id DESC LIMIT ?");
  statement.bind(model);
  statement.bind(machine);
  statement.bind(phase_name(phase));
  statement.bind(int64_t{kRunsMax});
  std::vector<double> all, own;
  int state = SQLITE_DONE;
  while ((state = statement.step()) == SQLITE_ROW) {
    const double residual = std::log(statement.real(1) / statement.real(0));
    if (!(std::abs(residual) < kOutlier)) continue;
    (statement.integer(2) != 0 ? own : all).push_back(residual);
  }
  if (state != SQLITE_DONE) return failure(db_.get(), "the history could not be read");
  return updated(updated(prior, all), own);
}

Result<int64_t> History::n_records(std::string_view machine) const {
  Statement statement(db_.get(), "SELECT count(*) FROM phase WHERE machine = ?");
  statement.bind(machine);
  if (statement.step() != SQLITE_ROW) return failure(db_.get(), "the history could not be read");
  return statement.integer(0);
}

Result<void> History::add(const AnswerRecord& r) {
  Statement statement(db_.get(),
                      "INSERT INTO answer (model, n_ctx, n_prompt, n_held, n_reused, n_generated, is_cut, proposer,"
                      " speculation_gain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.bind(r.model);
  for (const int64_t value : {r.n_ctx, r.n_prompt, r.n_held, r.n_reused, r.n_generated, int64_t{r.is_cut}}) statement.bind(value);
  statement.bind(r.proposer);
  statement.bind(r.speculation_gain);
  Statement trim(db_.get(), "DELETE FROM answer WHERE id <= (SELECT max(id) FROM answer) - ?");
  trim.bind(kAnswersKept);
  if (statement.step() != SQLITE_DONE || trim.step() != SQLITE_DONE) return failure(db_.get(), "an answer could not be noted");
  return {};
}

Result<std::vector<AnswerRecord>> History::last_answers(std::string_view model, int64_t n_max) const {
  Statement statement(db_.get(),
                      "SELECT n_ctx, n_prompt, n_held, n_reused, n_generated, is_cut, proposer, speculation_gain FROM answer"
                      " WHERE model = ? ORDER BY id DESC LIMIT ?");
  statement.bind(model);
  statement.bind(n_max);
  std::vector<AnswerRecord> answers;
  int state = SQLITE_DONE;
  while ((state = statement.step()) == SQLITE_ROW)
    answers.push_back({.model = std::string(model),
                       .n_ctx = statement.integer(0),
                       .n_prompt = statement.integer(1),
                       .n_held = statement.integer(2),
                       .n_reused = statement.integer(3),
                       .n_generated = statement.integer(4),
                       .is_cut = statement.integer(5) != 0,
                       .proposer = statement.text(6),
                       .speculation_gain = statement.real(7)});
  if (state != SQLITE_DONE) return failure(db_.get(), "the history could not be read");
  return answers;
}

std::string history_path(const Env& env) {
  if (const auto own = env.variable("LUPO_STATE"); own && !own->empty()) return *own + "/history.db";
  if (const auto states = env.variable("XDG_STATE_HOME"); states && !states->empty()) return *states + "/lupo/history.db";
  if (const auto home = env.variable("HOME"); home && !home->empty()) return *home + "/.local/state/lupo/history.db";
  return {};
}

Spread updated(const Spread& prior, const std::vector<double>& residuals) {
  const double n = static_cast<double>(residuals.size());
  double sum = kPriorOfMean * prior.bias;
  for (double r : residuals) sum += r;
  const double bias = sum / (kPriorOfMean + n);
  double squares = kPriorOfDeviation * prior.deviation * prior.deviation;
  for (double r : residuals) squares += (r - bias) * (r - bias);
  return {bias, std::sqrt(squares / (kPriorOfDeviation + n))};
}

}  // namespace lupo
