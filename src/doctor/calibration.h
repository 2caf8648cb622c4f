// What speeds are predicted from: how fast this machine runs the parts of a model, measured with small synthetic graphs and kept
// beside the machine's name and lupo's build.
//
// Rates are medians of rounds: what a machine gives, not what it gives at best. One thread at a time.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "graph/graph.h"
#include "hardware/measured_cache.h"
#include "runtime/runtime.h"

namespace lupo {

// Of linears with weights of a type.
struct KernelSpeed {
  double decode_gbps = 0;     // 1e9 weight bytes a second, one token
  double node_seconds = 0;    // of a matrix beside that, one token
  double short_gflops = 0;    // 1e9 operations a second, a prompt of kShortPrompt tokens
  double prefill_gflops = 0;  // of kLongPrompt tokens
  bool operator==(const KernelSpeed&) const = default;
};
inline constexpr int64_t kShortPrompt = 32, kLongPrompt = 256;  // tokens of a step

// Attention as far as its speed depends on it.
struct AttendShape {
  int64_t n_head = 1, n_kv_head = 1;  // a group of query heads shares a KV head
  int64_t head_dim = 64, head_dim_v = 64;
  Type k_type = Type::f16;
  auto operator<=>(const AttendShape&) const = default;
};
struct AttendSpeed {
  double decode_gbps = 0;     // 1e9 bytes of the cache a second, one token
  double prefill_gflops = 0;  // 1e9 operations a second
  bool operator==(const AttendSpeed&) const = default;
};

struct Calibration {
  int n_threads = 1;
  ActivationBits activations = ActivationBits::chosen;
  double file_gbps = 0;     // reads of a mapped file, in small pages
  double read_gbps = 0;     // plain reads
  double f32_gmacs = 0;     // multiply-adds on registers alone: how fast the cores ran
  double row_seconds = 0;   // of a prompt, per value of a norm or glu
  double node_seconds = 0;  // of a node that all threads wait for
  bool quiet = true;        // while it was measured; else it will do until it is measured anew
  double noise = 0;         // deviation of ln(rate) from round to round
  std::map<Type, KernelSpeed> kernels{};
  std::map<AttendShape, AttendSpeed> attends{};
  bool operator==(const Calibration&) const = default;
};

// What a graph asks of a calibration: the types that hold at least 2 % of the matrix bytes that a token reads, and the shapes of
// its attention.
struct CalibrationNeeds {
  std::vector<Type> types{};
  std::vector<AttendShape> attends{};
  ActivationBits activations = ActivationBits::chosen;
};
CalibrationNeeds needs_of(const Graph& graph, ActivationBits activations = ActivationBits::chosen);
bool covers(const Calibration& calibration, const CalibrationNeeds& needs);

// Measures what `known` lacks: about 1 s, and 0.5 s for each type and for each shape of attention.
Result<Calibration> calibrate(const Machine& machine, const CalibrationNeeds& needs, int n_threads, Calibration known = {});

// Calibrations of this build on this machine, by number of threads and form of activations, in a file of the user's cache. A file
// that is damaged, or of another machine or build, counts as empty.
class CalibrationStore {
 public:
  // `isa`: the instruction set in use, part of the machine's name.
  CalibrationStore(const Env& env, const Machine& machine, std::string_view isa);
  std::optional<Calibration> find(int n_threads, ActivationBits activations = ActivationBits::chosen) const;
  // Errors of AtomicFile; what other processes wrote since is kept, but for the same threads and form.
  Result<void> put(const Calibration& calibration) const;
  const std::string& path() const { return path_; }
  const std::string& key() const { return key_; }  // machine, instruction set and build, for people and for records

 private:
  std::string path_;
  std::string key_;
};

// From `known`, or where that is empty the store, what it has, the rest measured and put there. What the store has of a machine
// that was busy with other things is measured anew. A store that cannot be written is done without.
Result<Calibration> calibrate(const Env& env, const CalibrationStore& store, const Machine& machine,
                              const CalibrationNeeds& needs, int n_threads, Calibration known = {});

std::string to_json(const Calibration& calibration);
// Error {hardware, bad-calibration} naming what is wrong.
Result<Calibration> calibration_from_json(const std::string& json);

// Matrix bytes that one decoded token reads, by type, embedding rows left out.
std::map<Type, int64_t> matrix_bytes_by_type(const Graph& graph);

}  // namespace lupo
