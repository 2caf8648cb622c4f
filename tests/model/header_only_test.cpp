// A model of which the header alone is here: planned as the whole file, and never loaded.
#include <gtest/gtest.h>

#include <fstream>

#include "runtime/runtime.h"

namespace lupo {
namespace {

TEST(HeaderOnly, IsPlannedButNotLoaded) {
  const std::string path = LUPO_TESTS_DIR "/goldens/arch/llama.gguf";
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  const auto size = static_cast<int64_t>(bytes.size());
  const auto head = bytes.first(gguf::header_bytes(bytes, size, path).value());
  const Result<Model> remote = Model::from_file(
      gguf::File::from_heads({gguf::Head{"https://example.org/m.gguf", {head.begin(), head.end()}, size}}).value());
  ASSERT_TRUE(remote) << remote.error().what;
  const Result<Model> local = Model::open(path);
  ASSERT_TRUE(local) << local.error().what;
  const RuntimeOptions options{.n_ctx = 64, .n_threads = 1};
  EXPECT_EQ(preview(*remote, Machine{}, options)->plan.bytes.total(), preview(*local, Machine{}, options)->plan.bytes.total());
  EXPECT_TRUE(Engine::load(*local, Machine{}, options));
  const auto engine = Engine::load(*remote, Machine{}, options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, "header-only");
  EXPECT_EQ(engine.error().fix, "curl -fL -C - -O 'https://example.org/m.gguf'");
}

}  // namespace
}  // namespace lupo
