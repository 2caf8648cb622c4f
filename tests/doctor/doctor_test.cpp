#include "doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "doctor/fit.h"
#include "doctor/resident.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kTiny = std::string(LUPO_TESTS_DIR) + "/goldens/arch/llama.gguf";

Finding finding(Layer layer, std::string code, Severity severity, double gain) {
  return {layer, std::move(code), severity, "what", "evidence", gain, "fix"};
}

TEST(Rank, SeverityThenGain) {
  std::vector<Finding> findings{
      finding(Layer::runtime, "a", Severity::info, 5), finding(Layer::memory, "b", Severity::warning, 0.1),
      finding(Layer::model, "c", Severity::warning, 0.5), finding(Layer::memory, "d", Severity::problem, 0)};
  rank(findings);
  std::vector<std::string> order;
  for (const Finding& f : findings) order.push_back(f.code);
  EXPECT_THAT(order, ElementsAre("d", "c", "b", "a"));
  EXPECT_EQ(stuck_on(findings, std::nullopt), Layer::memory);
}

TEST(StuckOn, WithoutWarningsTheRoofDecides) {
  const std::vector<Finding> none, info{finding(Layer::quantization, "a", Severity::info, 0.7)};
  EXPECT_EQ(stuck_on(none, std::nullopt), std::nullopt);
  ModelExam exam;
  EXPECT_EQ(stuck_on(info, exam), std::nullopt) << "nothing was run";
  exam.decode_tps = 50;
  exam.roof_fraction = 0.8;
  EXPECT_EQ(stuck_on(info, exam), Layer::hardware);
  exam.roof_fraction = 0.3;
  EXPECT_EQ(stuck_on(info, exam), Layer::runtime);
  Finding wrong_name = finding(Layer::quantization, "b", Severity::warning, 0);
  EXPECT_EQ(stuck_on({wrong_name}, exam), Layer::quantization);
  wrong_name.limits = false;
  EXPECT_EQ(stuck_on({wrong_name}, exam), Layer::runtime);
}

TEST(Diagnose, TheMachineAlone) {
  const Result<Diagnosis> d = diagnose(real_env(), {});
  ASSERT_TRUE(d) << d.error().what;
  const auto json = nlohmann::json::parse(to_json(*d));
  EXPECT_TRUE(json["findings"].is_array());
  EXPECT_TRUE(json["model"].is_null());
  EXPECT_GT(json["read_gbps"].get<double>(), 0);
  EXPECT_TRUE(machine_from_json(json["machine"].dump()));
}

TEST(Diagnose, ATinyModel) {
  DoctorRequest request{.model = kTiny, .runtime = {}, .isa = "x", .isa_best = "x"};
  request.runtime.k_type = request.runtime.v_type = Type::f32;
  request.runtime.n_threads = 1;
  const Result<Diagnosis> d = diagnose(real_env(), request);
  ASSERT_TRUE(d) << d.error().what;
  const auto json = nlohmann::json::parse(to_json(*d));
  EXPECT_GT(json["model"]["decode_tps"].get<double>(), 0);
  EXPECT_GT(json["model"]["ceiling_tps"].get<double>(), 0);
  EXPECT_GT(json["model"]["bytes_per_token"].get<int64_t>(), 0);
  bool has_kv = false;
  for (const auto& f : json["findings"]) {
    for (const char* field : {"layer", "code", "severity", "what", "evidence", "fix"})
      EXPECT_TRUE(f.at(field).is_string()) << field;
    EXPECT_TRUE(f.at("gain").is_number());
    has_kv |= f["code"] == "kv-f32";
  }
  EXPECT_TRUE(has_kv) << json["findings"].dump(2);
  const std::string text = to_text(*d, {});
  for (const char* layer : {"hardware", "memory", "runtime", "model", "quantization"}) EXPECT_THAT(text, HasSubstr(layer));
  EXPECT_THAT(text, Not(HasSubstr("\033"))) << "no colour codes unless asked for";
  EXPECT_THAT(to_text(*d, {.color = true}), HasSubstr("\033["));
}

TEST(Diagnose, NoSuchFile) {
  const Result<Diagnosis> d = diagnose(real_env(), {.model = "/nonexistent.gguf", .runtime = {}, .isa = "", .isa_best = ""});
  ASSERT_FALSE(d);
  EXPECT_FALSE(d.error().fix.empty());
}

TEST(Fit, SmallerContextOrCache) {
  const Result<Model> model = Model::open(kTiny);
  ASSERT_TRUE(model) << model.error().what;
  Machine machine;
  RuntimeOptions options;
  options.n_ctx = 1 << 16;
  machine.ram.available_bytes = int64_t{64} << 30;
  const Result<Preview> all = preview(*model, machine, options);
  ASSERT_TRUE(all && all->fits);
  machine.ram.available_bytes = kReserveBytes + all->plan.bytes.total() - 1;  // one byte short
  ASSERT_FALSE(preview(*model, machine, options)->fits);
  const std::vector<FitOption> fitting = what_fits(*model, machine, options, options.n_ctx);
  ASSERT_FALSE(fitting.empty());
  EXPECT_EQ(fitting[0].flags, "--ctx 32768 --kv-type f16");
  for (const FitOption& option : fitting) EXPECT_LE(option.total_bytes + kReserveBytes, machine.ram.available_bytes);
  machine.ram.available_bytes = kReserveBytes + 1;
  EXPECT_TRUE(what_fits(*model, machine, options, options.n_ctx).empty());
  EXPECT_DOUBLE_EQ(bits_per_weight_that_fit(1000, 100, 600), 4);
}

TEST(Speed, OfATinyModel) {
  const Result<Model> model = Model::open(kTiny);
  ASSERT_TRUE(model);
  const Machine machine = *probe(real_env());
  RuntimeOptions options;
  options.n_ctx = 64;
  options.n_seq = options.n_outputs = 2;
  options.n_batch = 16;
  const auto engine = Engine::load(*model, machine, options);
  ASSERT_TRUE(engine) << engine.error().what;
  const auto decode = measure_decode(**engine, 8, 16, 2, {.repetitions = 2, .trace = true});
  ASSERT_TRUE(decode) << decode.error().what;
  EXPECT_GT(decode->tps, 0);
  EXPECT_NEAR(decode->traffic.gbps, decode->tps * decode->traffic.bytes_per_token / 1e9, 1e-9);
  const auto single = measure_decode(**engine, 8, 16, 1, {.repetitions = 1});
  ASSERT_TRUE(single);
  EXPECT_EQ(static_cast<int64_t>(single->traffic.weight_bytes), model->facts().bytes_per_token);
  EXPECT_GT(single->traffic.bytes_per_token, single->traffic.weight_bytes) << "the cache is read too";
  EXPECT_LT(decode->traffic.bytes_per_token, single->traffic.bytes_per_token) << "two sequences share the weights";
  ASSERT_FALSE(decode->ops.empty());
  double linear_ms = 0;
  for (const OpTime& op : decode->ops) linear_ms += op.op == "linear" ? op.ms : 0;
  EXPECT_GT(linear_ms, 0);
  const auto prefill = measure_prefill(**engine, 40, 8, {.repetitions = 1});
  ASSERT_TRUE(prefill) << prefill.error().what;
  EXPECT_GT(prefill->tps, 0);
  const auto deep = measure_prefill(**engine, 40, 40, {});
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, "context-full");
  EXPECT_GT(resident_bytes(real_env()), 1 << 20);
  const MemoryOutcome memory = memory_of(real_env(), **engine);
  EXPECT_GT(memory.weights_resident, 0) << "they were just read";
  EXPECT_LE(memory.weights_resident, memory.resident);
  EXPECT_EQ(memory.planned.total(), (*engine)->plan().bytes.total());
  EXPECT_EQ(memory_of(RecordedEnv("/nonexistent"), **engine).weights_resident, 0) << "not known";
}

}  // namespace
}  // namespace lupo
