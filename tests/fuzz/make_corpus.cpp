// Writes the seed corpus: make_corpus FOLDER. The result is committed under tests/fuzz/corpus/.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "fuzz/gguf_samples.h"

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: make_corpus FOLDER\n", stderr), 2;
  const std::filesystem::path folder = std::filesystem::path(argv[1]) / "gguf";
  std::filesystem::create_directories(folder);
  for (const auto& [name, bytes] : lupo::gguf::samples()) {
    std::ofstream out(folder / (name + ".gguf"), std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!out) return 1;
  }
  return 0;
}
