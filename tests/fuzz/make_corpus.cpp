// Writes the seed corpora of the gguf and tokenizer targets: make_corpus FOLDER. The result is committed under
// tests/fuzz/corpus/.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "fuzz/gguf_samples.h"
#include "fuzz/tokenizer_samples.h"

namespace {

bool write(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  return static_cast<bool>(std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: make_corpus FOLDER\n", stderr), 2;
  const std::filesystem::path folder = argv[1];
  bool ok = true;
  for (const auto& [name, bytes] : lupo::gguf::samples())
    ok &= write(folder / "gguf" / (name + ".gguf"), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (const auto& [name, bytes] : lupo::tokenizer_samples()) ok &= write(folder / "tokenizer" / name, bytes);
  return ok ? 0 : 1;
}
