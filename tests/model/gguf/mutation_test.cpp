// The fuzz target's invariants on the committed corpus and on thousands of deterministic mutations of small files.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "fuzz/gguf_invariants.h"
#include "fuzz/gguf_samples.h"

namespace lupo::gguf {
namespace {

constexpr size_t kHeaderBytes = 700;  // the longest header of the samples

TEST(Mutation, TheCommittedCorpusIsHandled) {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LUPO_TESTS_DIR "/fuzz/corpus/gguf")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(broken_invariant(std::as_bytes(std::span(bytes))), "") << entry.path();
    ++n;
  }
  EXPECT_GE(n, 6);
}

TEST(Mutation, TheSamplesAreValid) {
  for (const auto& [name, bytes] : samples()) {
    EXPECT_TRUE(File::from_bytes(bytes, name).has_value()) << name;
    EXPECT_EQ(broken_invariant(bytes), "") << name;
  }
}

// A file cut anywhere before its last tensor ends must be refused.
TEST(Mutation, TruncationAtEveryByte) {
  for (const auto& [name, bytes] : samples()) {
    const auto whole = File::from_bytes(bytes, name);
    ASSERT_TRUE(whole.has_value());
    const size_t cut_max = std::min<size_t>(bytes.size(), 4096);
    for (size_t length = 0; length < cut_max; ++length) {
      const auto part = std::span(bytes).first(length);
      ASSERT_EQ(broken_invariant(part), "") << name << " cut at " << length;
      if (whole->tensors().empty()) continue;
      ASSERT_FALSE(File::from_bytes({part.begin(), part.end()}, name).has_value()) << name << " cut at " << length;
    }
  }
}

// As a header arrives piece by piece: more is wanted until it is whole, and then no more.
TEST(Mutation, AHeaderIsPartialUntilItIsWhole) {
  for (const auto& [name, bytes] : samples()) {
    const auto size = static_cast<int64_t>(bytes.size());
    const size_t whole = header_bytes(bytes, size, name).value();
    for (size_t length = 0; length < std::min<size_t>(bytes.size(), 4096); ++length) {
      const auto head = header_bytes(std::span(bytes).first(length), size, name);
      if (length >= whole)
        ASSERT_EQ(head.value(), whole) << name << " at " << length;
      else
        ASSERT_EQ(head.error().code, "gguf-partial") << name << " at " << length;
    }
  }
}

TEST(Mutation, EveryBitOfTheHeaderFlipped) {
  for (const auto& [name, bytes] : samples()) {
    if (name.find("v2") != name.npos) continue;  // laid out like version 3
    std::vector<std::byte> mutated = bytes;
    for (size_t bit = 0; bit < 8 * std::min<size_t>(bytes.size(), kHeaderBytes); ++bit) {
      const auto mask = static_cast<std::byte>(1u << (bit % 8));
      mutated[bit / 8] ^= mask;
      ASSERT_EQ(broken_invariant(mutated), "") << name << " bit " << bit;
      mutated[bit / 8] ^= mask;
    }
  }
}

TEST(Mutation, ExtremeValuesAtEveryOffset) {
  constexpr uint64_t kExtremes[] = {0,
                                    1,
                                    0x7f,
                                    0xff,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    uint64_t{1} << 32,
                                    (uint64_t{1} << 42) + 1,
                                    uint64_t{1} << 61,
                                    INT64_MAX,
                                    uint64_t{1} << 63,
                                    UINT64_MAX - 7,
                                    UINT64_MAX};
  for (const auto& [name, bytes] : samples()) {
    if (name.find("v2") != name.npos) continue;
    for (size_t at = 0; at < std::min<size_t>(bytes.size(), kHeaderBytes); ++at)
      for (const uint64_t extreme : kExtremes) {
        std::vector<std::byte> mutated = bytes;
        std::memcpy(mutated.data() + at, &extreme, std::min<size_t>(8, mutated.size() - at));
        ASSERT_EQ(broken_invariant(mutated), "") << name << ": " << extreme << " at " << at;
      }
  }
}

TEST(Mutation, ManyRandomBytes) {
  std::mt19937_64 random(3);
  const auto files = samples();
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::byte> mutated = files[random() % files.size()].second;
    for (uint64_t n = random() % 8 + 1; n > 0 && !mutated.empty(); --n) {
      const size_t at = random() % std::min<size_t>(mutated.size(), 900);
      switch (random() % 3) {
        case 0: mutated[at] = static_cast<std::byte>(random()); break;
        case 1: mutated.erase(mutated.begin() + static_cast<std::ptrdiff_t>(at)); break;
        default: mutated.insert(mutated.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::byte>(random()));
      }
    }
    ASSERT_EQ(broken_invariant(mutated), "") << "round " << round;
  }
}

}  // namespace
}  // namespace lupo::gguf
