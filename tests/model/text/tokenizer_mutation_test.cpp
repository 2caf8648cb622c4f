// The fuzz target's invariants on the committed corpus, on every cut and flipped bit of the samples and on random mutations.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "fuzz/tokenizer_invariants.h"
#include "fuzz/tokenizer_samples.h"
#include "model/text/tokenizer_fixture.h"

namespace lupo {
namespace {

TEST(TokenizerMutation, TheSamplesAreTokenizersOfAllKinds) {
  std::set<std::string> kinds;
  for (const gguf::Writer& writer :
       {sample_bpe("gpt-2"), sample_bpe("llama-bpe"), sample_sentencepiece(), sample_wordpiece(), sample_unigram()}) {
    const Loaded loaded = load(writer);
    ASSERT_TRUE(loaded.tokenizer) << loaded.tokenizer.error().what;
    kinds.emplace(loaded->model());
  }
  EXPECT_EQ(kinds.size(), 4u);
  const Loaded unigram = load(sample_unigram());
  EXPECT_EQ(unigram->encode("A", {.add_special = false}), unigram->encode("a", {.add_special = false}));
}

TEST(TokenizerMutation, TheCommittedCorpusIsHandled) {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LUPO_TESTS_DIR "/fuzz/corpus/tokenizer")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(broken_tokenizer_input(bytes), "") << entry.path();
    ++n;
  }
  EXPECT_GE(n, 6);
}

TEST(TokenizerMutation, EveryCutAndEveryFlippedBit) {
  for (const auto& [name, bytes] : tokenizer_samples()) {
    if (name == "bpe-llama") continue;  // differs from bpe-gpt-2 in one name
    for (size_t length = 0; length < bytes.size(); ++length)
      ASSERT_EQ(broken_tokenizer_input(std::string_view(bytes).substr(0, length)), "") << name << " cut at " << length;
    std::string mutated = bytes;
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      const auto flip = static_cast<char>(1 << bit % 8);
      mutated[bit / 8] ^= flip;
      ASSERT_EQ(broken_tokenizer_input(mutated), "") << name << " bit " << bit;
      mutated[bit / 8] ^= flip;
    }
  }
}

TEST(TokenizerMutation, ManyRandomBytes) {
  std::mt19937_64 random(5);
  const auto files = tokenizer_samples();
  for (int round = 0; round < 2000; ++round) {
    std::string mutated = files[random() % files.size()].second;
    for (uint64_t n = random() % 8 + 1; n > 0 && !mutated.empty(); --n) {
      const size_t at = random() % mutated.size();
      switch (random() % 3) {
        case 0: mutated[at] = static_cast<char>(random()); break;
        case 1: mutated.erase(at, 1); break;
        default: mutated.insert(at, 1, static_cast<char>(random()));
      }
    }
    ASSERT_EQ(broken_tokenizer_input(mutated), "") << "round " << round;
  }
}

}  // namespace
}  // namespace lupo
