// Speed of tokenizers, on one thread: bytes per second of every file of text with the tokenizer of every GGUF file.
//
//   bench_tokenizer MODEL.gguf… TEXT… --benchmark_repetitions=5
//
// encode/<model>/<text>   a whole text at once, as a prompt comes: what one text's words repeat helps
// decode/<model>/<text>   its ids back
// load/<model>            the tokenizer from an open file
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "model/text/tokenizer.h"

namespace lupo {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void encode(benchmark::State& state, const Tokenizer& tokenizer, const std::string& text) {
  size_t n_ids = 0;
  for (auto _ : state) n_ids = tokenizer.encode(text).size();
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
  state.counters["bytes/id"] = static_cast<double>(text.size()) / static_cast<double>(n_ids);
}

void decode(benchmark::State& state, const Tokenizer& tokenizer, const std::string& text) {
  const std::vector<TokenId> ids = tokenizer.encode(text);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}

void load(benchmark::State& state, const gguf::Metadata& metadata) {
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::create(metadata));
}

int run(const std::vector<std::string>& paths) {
  std::map<std::string, gguf::File> models;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  for (const std::string& path : paths) {
    const std::string name = std::filesystem::path(path).stem();
    if (!path.ends_with(".gguf")) {
      texts[name] = read_file(path);
      continue;
    }
    auto file = gguf::File::open(path);
    auto tokenizer = file ? Tokenizer::create(file->metadata()) : std::unexpected(file.error());
    if (!tokenizer) {
      std::cerr << path << ": " << tokenizer.error().what << "\n";
      return 2;
    }
    models.emplace(name, std::move(*file));
    tokenizers.emplace(name, std::move(*tokenizer));
  }
  for (const auto& [model, tokenizer] : tokenizers) {
    const gguf::Metadata& metadata = models.at(model).metadata();
    benchmark::RegisterBenchmark(("load/" + model).c_str(), [&metadata](benchmark::State& s) { load(s, metadata); });
    for (const auto& [name, text] : texts) {
      const std::string suffix = model + "/" + name;
      benchmark::RegisterBenchmark(("encode/" + suffix).c_str(), [&](benchmark::State& s) { encode(s, *tokenizer, text); });
      benchmark::RegisterBenchmark(("decode/" + suffix).c_str(), [&](benchmark::State& s) { decode(s, *tokenizer, text); });
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace lupo

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  return lupo::run({argv + 1, argv + argc});
}
