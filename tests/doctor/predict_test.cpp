// Predictions: their formula, the calibration they rest on, the history that narrows them, the verdict after a run.
#include "doctor/predict.h"
#include "doctor/gains.h"
#include "doctor/habits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "doctor/expectation.h"
#include "doctor/outlook.h"
#include "doctor_data.h"
#include "test_folder.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kTiny = std::string(LUPO_TESTS_DIR) + "/goldens/arch/llama.gguf";

Model tiny() { return std::move(*Model::open(kTiny)); }

TEST(Predict, FollowsItsFormula) {
  const Model model = tiny();
  const Graph graph = *model.graph({.n_ctx = 256, .n_batch = 64});
  const Calibration plain = calibration_for(graph, 1);
  Calibration doubled = calibration_for(graph, 2);
  EXPECT_GT(prefill_seconds(graph, plain, 128), decode_seconds(graph, plain, 32));
  EXPECT_LT(prefill_seconds(graph, plain, 128), 128 * decode_seconds(graph, plain, 32));
  // Twice as fast a machine, half the time.
  EXPECT_NEAR(decode_seconds(graph, doubled, 32), decode_seconds(graph, plain, 32) / 2, 1e-12);
  EXPECT_NEAR(prefill_seconds(graph, doubled, 128), prefill_seconds(graph, plain, 128) / 2, 1e-12);
  EXPECT_GT(decode_seconds(graph, plain, 200), decode_seconds(graph, plain, 10)) << "the cache is read";
  EXPECT_GT(prefill_seconds(graph, plain, 64, 128), prefill_seconds(graph, plain, 64));
  const double batch = decode_seconds(graph, plain, 32, 8);
  EXPECT_GT(batch, decode_seconds(graph, plain, 32));
  EXPECT_LT(batch, 8 * decode_seconds(graph, plain, 32)) << "eight sequences share the weights";
  doubled.node_seconds = 1e-3;
  EXPECT_GT(decode_seconds(graph, doubled, 32), 1e-3);
}

TEST(Predict, Curves) {
  EXPECT_THAT(curve_of(6000), ElementsAre(64, 1024, 2048, 4096, 5999));
  const Model model = tiny();
  const Graph graph = *model.graph({.n_ctx = 2048, .n_batch = 64});
  const Prediction p = predict(graph, calibration_for(graph, 1), {{0, 0.1}, {0, 0.1}}, curve_of(2048), {512, 4096});
  ASSERT_EQ(p.decode.size(), 3u);
  EXPECT_GT(p.decode[0].tps.middle, p.decode[2].tps.middle);
  ASSERT_EQ(p.prefill.size(), 1u) << "no prompt beyond the context";
}

TEST(Interval, HoldsEightOfTen) {
  const Interval i = interval_of(100, {0, 0.1});
  EXPECT_NEAR(i.low, 100 / std::exp(0.12816), 1e-9);
  EXPECT_NEAR(i.high, 100 * std::exp(0.12816), 1e-9);
  EXPECT_NEAR(interval_of(100, {std::log(0.5), 0.1}).middle, 50, 1e-9);
  EXPECT_TRUE(i.contains(100));
  EXPECT_FALSE(i.contains(80));
}

TEST(Calibrate, EveryPartThatAGraphNeeds) {
  const Model model = tiny();
  Machine machine;
  machine.ram.available_bytes = int64_t{1} << 30;
  const CalibrationNeeds needs = needs_of(*model.graph({.n_ctx = 256, .n_batch = 64}));
  ASSERT_FALSE(needs.types.empty());
  ASSERT_FALSE(needs.attends.empty());
  const Result<Calibration> c = calibrate(machine, needs, 1);
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_TRUE(covers(*c, needs));
  for (double rate : {c->read_gbps, c->f32_gmacs, c->row_seconds, c->node_seconds}) EXPECT_GT(rate, 0);
  for (const auto& [type, k] : c->kernels)
    for (double rate : {k.decode_gbps, k.short_gflops, k.prefill_gflops}) EXPECT_GT(rate, 0) << type_info(type).name;
  for (const auto& [shape, a] : c->attends) EXPECT_GT(std::min(a.decode_gbps, a.prefill_gflops), 0);
  const Result<Calibration> copy = calibration_from_json(to_json(*c));
  ASSERT_TRUE(copy) << copy.error().what;
  EXPECT_EQ(*copy, *c);
  // What is known is not measured again.
  EXPECT_EQ(*calibrate(machine, needs, 1, *c), *c);
}

TEST(Calibrate, BadJsonIsAnError) {
  const Model model = tiny();
  const std::string good = to_json(calibration_for(*model.graph({.n_ctx = 64, .n_batch = 64}), 1));
  ASSERT_TRUE(calibration_from_json(good));
  for (const char* bad : {"", "[]", "{}", "{\"n_threads\":0}", "null", "{\"n_threads\":1e99}"})
    EXPECT_EQ(calibration_from_json(bad).error().code, "bad-calibration") << bad;
  for (size_t length = 0; length < good.size(); length += 7) EXPECT_FALSE(calibration_from_json(good.substr(0, length)));
  std::string unknown = good;
  unknown.replace(unknown.find("\"type\":\"") + 8, 1, "Z");
  EXPECT_FALSE(calibration_from_json(unknown));
}

// An environment of variables alone.
RecordedEnv env_in(const TestFolder& folder) {
  return RecordedEnv("/nonexistent", {{"LUPO_CACHE", folder.path("cache")}, {"LUPO_STATE", folder.path("state")}});
}

TEST(CalibrationStore, KeepsByMachineAndThreads) {
  const TestFolder folder;
  const RecordedEnv env = env_in(folder);
  const Model model = tiny();
  Calibration c = calibration_for(*model.graph({.n_ctx = 64, .n_batch = 64}), 1);
  Machine machine;
  const CalibrationStore store(env, machine, "avx2");
  EXPECT_EQ(store.find(2), std::nullopt);
  ASSERT_TRUE(store.put(c));
  EXPECT_EQ(store.find(2), c);
  EXPECT_EQ(store.find(1), std::nullopt);
  c.n_threads = 1;
  ASSERT_TRUE(store.put(c));
  EXPECT_EQ(store.find(1), c);
  EXPECT_TRUE(store.find(2)) << "the other count is still there";
  machine.cpu.quota_cores = 0.5;
  EXPECT_EQ(CalibrationStore(env, machine, "avx2").find(2), std::nullopt) << "another machine";
  EXPECT_EQ(CalibrationStore(env, Machine{}, "avx512").find(2), std::nullopt);
  for (const char* damage : {"", "{", "[1]", "{\"key\":1}"}) {
    std::ofstream(store.path(), std::ios::trunc) << damage;
    EXPECT_EQ(store.find(2), std::nullopt) << damage;
    ASSERT_TRUE(store.put(c));
    EXPECT_EQ(store.find(1), c);
  }
  EXPECT_FALSE(CalibrationStore(RecordedEnv("/nonexistent"), Machine{}, "avx2").find(2)) << "no folder to keep it in";
}

TEST(History, NarrowsAndMoves) {
  const TestFolder folder;
  const std::string path = folder.path("deep/history.db");
  const Spread prior{0, 0.2};
  {
    Result<History> history = History::open(path);
    ASSERT_TRUE(history) << history.error().what;
    EXPECT_EQ(*history->n_records("m"), 0);
    EXPECT_NEAR(history->narrowed(prior, "m", "a", Phase::decode)->deviation, 0.2, 1e-12);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(history->add({"m", "a", Phase::decode, 1, 100, 100, i % 2 ? 81.0 : 79.0}));
    ASSERT_TRUE(history->add({"m", "a", Phase::decode, 1, 100, 100, 1}));  // an outlier
  }
  const Result<History> history = History::open(path);
  ASSERT_TRUE(history);
  EXPECT_EQ(*history->n_records("m"), 21);
  const Spread own = *history->narrowed(prior, "m", "a", Phase::decode);
  EXPECT_NEAR(own.bias, std::log(0.8), 0.03);
  EXPECT_LT(own.deviation, 0.13);
  const Spread other = *history->narrowed(prior, "m", "b", Phase::decode);
  EXPECT_NEAR(other.bias, std::log(0.8), 0.03) << "another model on this machine is likely to be off as far";
  EXPECT_EQ(history->narrowed(prior, "m", "a", Phase::prefill)->bias, 0);
  EXPECT_EQ(history->narrowed(prior, "n", "a", Phase::decode)->bias, 0);
}

TEST(History, DamageIsAnError) {
  const TestFolder folder;
  std::ofstream(folder.path("history.db")) << "this is no database, and long enough that nobody takes it for an empty one";
  EXPECT_EQ(History::open(folder.path("history.db")).error().code, "history");
  EXPECT_EQ(History::open("/proc/none/history.db").error().code, "history");
}

TEST(History, KeepsAnswers) {
  const TestFolder folder;
  Result<History> history = History::open(folder.path("history.db"));
  ASSERT_TRUE(history);
  EXPECT_TRUE(history->last_answers("a", 10)->empty());
  for (int64_t i = 1; i <= 5; ++i)
    ASSERT_TRUE(history->add(AnswerRecord{.model = i == 3 ? "b" : "a", .n_ctx = 64, .n_prompt = i}));
  ASSERT_TRUE(history->add(AnswerRecord{.model = "a",
                                        .n_ctx = 128,
                                        .n_prompt = 20,
                                        .n_held = 12,
                                        .n_reused = 11,
                                        .n_generated = 7,
                                        .is_cut = true,
                                        .proposer = "draft",
                                        .speculation_gain = 0.5}));
  const std::vector<AnswerRecord> answers = *history->last_answers("a", 3);
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].n_ctx, 128);
  EXPECT_EQ(answers[0].n_held, 12);
  EXPECT_EQ(answers[0].n_reused, 11);
  EXPECT_EQ(answers[0].n_generated, 7);
  EXPECT_TRUE(answers[0].is_cut);
  EXPECT_EQ(answers[0].proposer, "draft");
  EXPECT_EQ(answers[0].speculation_gain, 0.5);
  EXPECT_EQ(answers[2].n_prompt, 4);
}

TEST(Habits, OfTheLastAnswers) {
  EXPECT_EQ(habits_of(std::span<const AnswerRecord>{}).n_answers, 0);
  const std::vector<AnswerRecord> answers{
      {.n_ctx = 256, .n_prompt = 300},  // refused
      {.n_ctx = 256, .n_prompt = 100, .n_held = 80, .n_reused = 20, .n_generated = 156, .is_cut = true},
      {.n_ctx = 256,
       .n_prompt = 60,
       .n_held = 100,
       .n_reused = 40,
       .n_generated = 9,
       .proposer = "draft",
       .speculation_gain = 0.5},
      {.n_ctx = 64, .n_prompt = 70, .proposer = "draft", .speculation_gain = 2},  // another context: no longer in use
      {.n_ctx = 256, .n_prompt = 5, .proposer = "ngram", .speculation_gain = 9}};
  const Habits habits = habits_of(answers);
  EXPECT_EQ(habits.n_answers, 5);
  EXPECT_EQ(habits.n_used_max, 300);
  EXPECT_EQ(habits.n_ctx, 256);
  EXPECT_EQ(habits.n_short, 2);
  EXPECT_EQ(habits.n_turns, 2);
  EXPECT_DOUBLE_EQ(habits.n_held, 70) << "of more than the prompt nothing more could be kept";
  EXPECT_DOUBLE_EQ(habits.n_reused, 30);
  EXPECT_EQ(habits.n_drafted, 2);
  EXPECT_DOUBLE_EQ(habits.draft_gain, 1);
}

TEST(Gains, AreBracketed) {
  std::vector<Finding> findings(3);
  findings[0].gain = 0.5;
  findings[2].gain = 1, findings[2].gain_low = 0.9, findings[2].gain_high = 1.1;
  bracket_gains(findings, 0);
  EXPECT_LT(findings[0].gain_low, 0.5);
  EXPECT_GT(findings[0].gain_low, 0.2);
  EXPECT_GT(findings[0].gain_high, 0.5);
  EXPECT_EQ(findings[1].gain_high, 0) << "none is none";
  EXPECT_EQ(findings[2].gain_low, 0.9) << "who knows better is left alone";
  std::vector<Finding> noisy(1);
  noisy[0].gain = 0.5;
  bracket_gains(noisy, 0.3);
  EXPECT_GT(noisy[0].gain_high, findings[0].gain_high);
}

PhaseVerdict judged(double measured, double roof_fraction, const Circumstances& circumstances) {
  const Calibration calibration{.file_gbps = 30, .f32_gmacs = 80};
  return judge({interval_of(100, {0, 0.1}), measured, roof_fraction}, circumstances, calibration, "m.gguf");
}

TEST(Verdict, NamesTheLayer) {
  EXPECT_EQ(judged(100, 0.5, {}).code, "as-predicted");
  EXPECT_EQ(judged(100, 0.91, {}).code, "at-the-wall");
  EXPECT_EQ(judged(100, 0.91, {}).layer, Layer::hardware);
  EXPECT_EQ(judged(200, 0.5, {}).code, "faster");
  const std::map<std::string, Circumstances> causes{
      {"reread-from-disk", {.seconds = 1, .major_faults = 1000, .disk_bytes = 4'000'000}},
      {"cpu-steal", {.seconds = 1, .steal = 0.2}},
      {"busy", {.seconds = 1, .others_busy = 0.5}},
      {"cores-slower", {.seconds = 1, .f32_gmacs = 40}},
      {"memory-slower", {.seconds = 1, .read_gbps = 10}},
      {"slower", {.seconds = 1, .read_gbps = 30, .f32_gmacs = 80}}};
  for (const auto& [code, circumstances] : causes) {
    const PhaseVerdict verdict = judged(50, 0.3, circumstances);
    EXPECT_EQ(verdict.code, code);
    EXPECT_FALSE(verdict.as_predicted);
    EXPECT_TRUE(verdict.layer);
    EXPECT_EQ(judged(95, 0.3, circumstances).code, "as-predicted") << "nothing to explain";
  }
  EXPECT_EQ(to_line({interval_of(100, {0, 0.1}), 97, 0.91}, judged(97, 0.91, {})),
            "predicted 100 [88–114] tok/s, got 97: at the wall (91 % of the read bandwidth)");
}

TEST(Watch, SeesTheMachine) {
  const Watch watch(real_env());
  volatile double x = 1;
  for (int i = 0; i < 20'000'000; ++i) x = x * 1.0000001;
  const Circumstances seen = watch.seen();
  EXPECT_GT(seen.seconds, 0);
  EXPECT_GE(seen.others_busy, 0);
  EXPECT_LE(seen.others_busy, 1);
  const RecordedEnv none("/nonexistent");
  EXPECT_EQ(Watch(none).seen().others_busy, 0);
}

TEST(JudgeRun, NotesWhatCame) {
  const TestFolder folder;
  const RecordedEnv env = env_in(folder);
  const Model model = tiny();
  const Machine machine = *probe(real_env());
  const auto engine = Engine::load(model, machine, {.n_ctx = 256, .n_threads = 1});
  ASSERT_TRUE(engine) << engine.error().what;
  const CalibrationStore store(env, machine, "x");
  const Calibration c = calibration_for((*engine)->graph(), 1);
  const double expected = 1 / decode_seconds((*engine)->graph(), c, 100);
  RunFacts facts{.n_prefill = 64, .prefill_tps = 1000, .n_decode = 20, .decode_depth = 100, .decode_tps = 0.5 * expected};
  const RunOutcome first = judge_run(env, store, c, **engine, facts, {.seconds = 1}, "m.gguf");
  ASSERT_TRUE(first.decode && first.prefill);
  EXPECT_FALSE(first.decode->verdict.as_predicted);
  for (int i = 0; i < 30; ++i) judge_run(env, store, c, **engine, facts, {.seconds = 1}, "m.gguf");
  judge_run(env, store, c, **engine, {.n_decode = 20, .decode_depth = 100, .decode_tps = 100 * expected},
            {.seconds = 1, .others_busy = 0.5}, "m.gguf");  // says nothing of the next
  const RunOutcome later = judge_run(env, store, c, **engine, facts, {.seconds = 1}, "m.gguf");
  EXPECT_TRUE(later.decode->verdict.as_predicted) << "the history says that this is how it is";
  EXPECT_NEAR(later.decode->result.predicted.middle, facts.decode_tps, 0.1 * facts.decode_tps);
  EXPECT_EQ(narrowed_by_history(env, store, c, model).n_records, 64);
  facts.is_speculated = true;
  facts.n_prefill = 3;
  const RunOutcome none = judge_run(env, store, c, **engine, facts, {.seconds = 1}, "m.gguf");
  EXPECT_FALSE(none.decode || none.prefill);
}

TEST(Outlook, OfEveryUse) {
  const Model model = tiny();
  const Graph graph = *model.graph({.n_ctx = 1024, .n_batch = 64});
  const Calibration c = calibration_for(graph, 1);
  for (const Use& use : kUses) {
    const UseOutlook outlook = outlook_for(use, graph, c, {{0, 0.1}, {0, 0.1}});
    EXPECT_LE(outlook.use.n_prompt + outlook.use.n_answer, 1024) << use.name;
    EXPECT_GT(outlook.first_token_s.low, 0);
    EXPECT_LT(outlook.first_token_s.low, outlook.first_token_s.high);
    EXPECT_GT(outlook.answer_tps.middle, 0);
    EXPECT_EQ(find_use(use.name), &use);
  }
  EXPECT_EQ(find_use("walk"), nullptr);
}

TEST(Outlook, MemoryDoublesWithTheContext) {
  const Model model = tiny();
  Machine machine;
  machine.ram.available_bytes = int64_t{8} << 30;
  const auto points = memory_over_context(model, machine, {}, 65536);
  ASSERT_TRUE(points) << points.error().what;
  ASSERT_GE(points->size(), 4u);
  EXPECT_EQ(points->back().n_ctx, 65536);
  for (size_t i = 1; i < points->size(); ++i) {
    const ContextPoint &a = (*points)[i - 1], &b = (*points)[i];
    EXPECT_EQ(b.bytes.kv * a.n_ctx, a.bytes.kv * b.n_ctx) << "full attention is linear in the context";
    EXPECT_EQ(a.bytes.weights, b.bytes.weights);
  }
}

}  // namespace
}  // namespace lupo
