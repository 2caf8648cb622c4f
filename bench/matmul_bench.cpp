// Speed of the matrix products of every type beside the roofs of this machine, measured in the same run.
//
//   bench_matmul --benchmark_filter=gemv --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
//
// gemv/<type>      one token, weights of 160 MB that no cache holds: compare bytes per second with read
// cached/<type>    one token, weights of 400 kB in the second-level cache: what the instructions alone allow
// few/<type>/T     T tokens, same weights
// gemm/<type>      512 tokens, a weight of 4864 rows of 896: compare items (multiply-adds) per second with peak_int8 or peak_f32
// Each for one and two threads, which split the rows. LUPO_ISA chooses the instruction set.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <mutex>
#include <string>

#include "runtime/backend/cpu/isa.h"
#include "runtime/backend/matmul_data.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lupo::cpu {
namespace {

constexpr int64_t kGemvBytes = 160'000'000;
constexpr int64_t kK = 896, kGemmRows = 4864, kGemmTokens = 512;

const Kernels& isa() {
  static const Kernels& kernels = [] -> const Kernels& {
    const char* forced = std::getenv("LUPO_ISA");
    const auto chosen = choose_kernels(forced ? forced : "");
    if (!chosen) {
      std::cerr << chosen.error().what << "\n";
      std::exit(2);
    }
    return **chosen;
  }();
  return kernels;
}

int64_t k_of(const TypeInfo& type) { return (kK + type.block_elements - 1) / type.block_elements * type.block_elements; }

// Weights of a type: a few random rows, repeated to `rows`. One is kept at a time.
const Aligned<std::byte>& weights(const TypeInfo& type, int64_t rows) {
  static std::mutex mutex;
  static std::pair<Type, int64_t> key{Type::f32, 0};
  static Aligned<std::byte> bytes;
  const std::lock_guard lock(mutex);
  if (key == std::pair{type.id, rows}) return bytes;
  std::mt19937 random(1);
  const size_t row = static_cast<size_t>(row_bytes(type.id, k_of(type)));
  const Aligned<std::byte> some = random_blocks(type, 8 * k_of(type) / type.block_elements, random);
  bytes.resize(row * static_cast<size_t>(rows) + 4096);
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r) std::memcpy(bytes.data() + r * row, some.data() + r % 8 * row, row);
  key = {type.id, rows};
  return bytes;
}

struct Range {
  int64_t begin, end;
};

Range share(const benchmark::State& state, int64_t n) {
  const int64_t part = (n + state.threads() - 1) / state.threads();
  return {std::min(n, state.thread_index() * part), std::min(n, (state.thread_index() + 1) * part)};
}

void multiply(benchmark::State& state, const TypeInfo& type, int64_t rows, int64_t n_tokens) {
  const int64_t k = k_of(type);
  const Aligned<std::byte>& weight = weights(type, rows);
  const MatmulKernels kernels = isa().matmul.find(type.id);
  std::mt19937 random(2);
  const Aligned<float> x = random_floats(k * n_tokens, random);
  OwnedRows quantized(k, n_tokens);
  if (kernels.quantizes) {
    for (int64_t t = 0; t < n_tokens; ++t) isa().matmul.quantize(x.data() + t * k, quantized.view(), t);
  }
  std::vector<float> y(static_cast<size_t>(rows * n_tokens));
  Aligned<std::byte> scratch(static_cast<size_t>(isa().matmul.scratch_bytes(k)));
  const Range mine = share(state, rows);
  for (auto _ : state) {
    kernels.multiply({weight.data(), type.id, k}, mine.begin, mine.end, {x.data(), quantized.view(), n_tokens}, y.data(), rows,
                     scratch.data());
    benchmark::ClobberMemory();
  }
  const int64_t my_rows = mine.end - mine.begin;
  state.SetBytesProcessed(state.iterations() * my_rows * row_bytes(type.id, k));
  state.SetItemsProcessed(state.iterations() * my_rows * k * n_tokens);
}

void read(benchmark::State& state) {
  static const std::vector<uint64_t> words(kGemvBytes / 8, 1);
  const Range mine = share(state, kGemvBytes / 64);
  for (auto _ : state) {
    uint64_t sums[8] = {};
    for (int64_t line = mine.begin; line < mine.end; ++line) {
      for (int i = 0; i < 8; ++i) sums[i] += words[static_cast<size_t>(line * 8 + i)];
    }
    benchmark::DoNotOptimize(sums);
  }
  state.SetBytesProcessed(state.iterations() * (mine.end - mine.begin) * 64);
}

#if defined(__x86_64__)
constexpr int64_t kPeakRounds = 1'000'000;

__attribute__((target("avx512f,avx512vnni"))) void spin_int8() {
  __m512i sums[12] = {}, a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
  for (int64_t i = 0; i < kPeakRounds; ++i) {
    __asm__("" : "+v"(a), "+v"(b));
#pragma GCC unroll 12
    for (auto& s : sums) s = _mm512_dpbusd_epi32(s, a, b);
  }
  benchmark::DoNotOptimize(sums);
}

__attribute__((target("avx512f"))) void spin_f32() {
  __m512 sums[12] = {}, a = _mm512_set1_ps(1), b = _mm512_set1_ps(2);
  for (int64_t i = 0; i < kPeakRounds; ++i) {
    __asm__("" : "+v"(a), "+v"(b));
#pragma GCC unroll 12
    for (auto& s : sums) s = _mm512_fmadd_ps(a, b, s);
  }
  benchmark::DoNotOptimize(sums);
}

template <void (*kSpin)(), int kMultiplyAdds>
void peak(benchmark::State& state) {
  for (auto _ : state) kSpin();
  state.SetItemsProcessed(state.iterations() * kPeakRounds * 12 * kMultiplyAdds);
}
#endif

void register_all() {
  for (int threads : {1, 2}) {
    benchmark::RegisterBenchmark("read", read)->Threads(threads)->UseRealTime();
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vnni")) {
      benchmark::RegisterBenchmark("peak_int8", peak<spin_int8, 64>)->Threads(threads)->UseRealTime();
    }
    if (__builtin_cpu_supports("avx512f"))
      benchmark::RegisterBenchmark("peak_f32", peak<spin_f32, 16>)->Threads(threads)->UseRealTime();
#endif
    for (const TypeInfo& type : all_types()) {
      if (isa().matmul.find(type.id).is_fallback) continue;
      const std::string name(type.name);
      const int64_t rows = kGemvBytes / row_bytes(type.id, k_of(type));
      const auto add = [&](const std::string& group, int64_t n_rows, int64_t n_tokens) {
        benchmark::RegisterBenchmark(group.c_str(),
                                     [&type, n_rows, n_tokens](benchmark::State& s) { multiply(s, type, n_rows, n_tokens); })
            ->Threads(threads)
            ->UseRealTime();
      };
      add("gemv/" + name, rows, 1);
      add("cached/" + name, rows / 400, 1);
      for (int64_t n_tokens : {2, 4, 8}) add("few/" + name + "/" + std::to_string(n_tokens), rows / 4, n_tokens);
      add("gemm/" + name, kGemmRows, kGemmTokens);
    }
  }
}

}  // namespace
}  // namespace lupo::cpu

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::cerr << "isa: " << lupo::cpu::isa().name << "\n";
  lupo::cpu::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
