// Files that lie. Each must give one error that names the file, the field and the value.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <fstream>

#include "model/gguf/limits.h"
#include "model/gguf/raw_gguf.h"
#include "test_folder.h"

namespace lupo::gguf {
namespace {

using enum ValueType;

// Expects an error of this code whose text holds all of `words`.
void expect_refused(const Result<File>& file, std::string_view code, std::initializer_list<std::string_view> words) {
  ASSERT_FALSE(file.has_value()) << "accepted; wanted " << code;
  EXPECT_EQ(file.error().layer, Layer::model);
  EXPECT_EQ(file.error().code, code) << file.error().what;
  EXPECT_FALSE(file.error().fix.empty());
  for (const std::string_view word : words)
    EXPECT_NE(file.error().what.find(word), std::string::npos) << file.error().what << "\nlacks: " << word;
}

RawGguf one_tensor(const std::vector<uint64_t>& dim, uint32_t type = 0, uint64_t offset = 0) {
  return RawGguf(1, 0).tensor("w", dim, type, offset).pad().zeros(256);
}

TEST(Hostile, MagicAndVersion) {
  expect_refused(File::from_bytes({}, "test.gguf"), "gguf-magic", {"test.gguf"});
  RawGguf wrong(0, 0);
  wrong.bytes[0] = 'X';
  expect_refused(wrong.open(), "gguf-magic", {"XGUF"});
  wrong.bytes = "version https://git-lfs.github.com/spec/v1\noid sha256:0";
  expect_refused(wrong.open(), "gguf-magic", {"Git LFS pointer"});
  wrong.bytes = "<!DOCTYPE html><html>";
  expect_refused(wrong.open(), "gguf-magic", {"web page"});
  wrong.bytes = "GGUF";
  expect_refused(wrong.open(), "gguf-truncated", {"version", "offset 4"});
  expect_refused(RawGguf(0, 0, 0).open(), "gguf-version", {"version 0"});
  expect_refused(RawGguf(0, 0, 1).open(), "gguf-version", {"version 1", "2 and 3"});
  expect_refused(RawGguf(0, 0, 4).open(), "gguf-version", {"version 4"});
  expect_refused(RawGguf(0, 0, UINT32_MAX).open(), "gguf-version", {"4294967295"});
  expect_refused(RawGguf(0, 0, __builtin_bswap32(3)).open(), "gguf-endian", {"big-endian", "version 3"});
}

TEST(Hostile, Counts) {
  for (const uint64_t count : {uint64_t{1} << 63, UINT64_MAX, uint64_t{1} << 32, kKeysMax + 1, uint64_t{1000}}) {
    expect_refused(RawGguf(0, count).zeros(64).open(), "gguf-count", {"key count", std::to_string(count)});
    expect_refused(RawGguf(count, 0).zeros(64).open(), "gguf-count", {"tensor count", std::to_string(count)});
  }
  expect_refused(RawGguf(0, 2).key("a", u8).put<uint8_t>(1).zeros(14).open(), "gguf-key", {"key 1", "empty"});
}

TEST(Hostile, KeysAndStrings) {
  for (const uint64_t length : {UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 63, uint64_t{65536}})
    expect_refused(RawGguf(0, 1).put(length).zeros(64).open(), "gguf-string",
                   {"key 0", "offset 24", std::to_string(length), "65535"});
  expect_refused(RawGguf(0, 1).put<uint64_t>(1000).zeros(64).open(), "gguf-truncated", {"key 0", "1000 bytes", "64 remain"});
  for (const uint64_t length : {UINT64_MAX, kStringBytesMax + 1})
    expect_refused(RawGguf(0, 1).key("k", string).put(length).zeros(64).open(), "gguf-string", {"'k'", std::to_string(length)});
  expect_refused(RawGguf(0, 1).key("k", string).put<uint64_t>(100).open(), "gguf-truncated", {"'k'", "100 bytes", "0 remain"});
  expect_refused(RawGguf(0, 1).key("k", static_cast<ValueType>(13)).zeros(8).open(), "gguf-value-type", {"'k'", "13", "f64"});
  expect_refused(RawGguf(0, 1).key("k", boolean).put<uint8_t>(2).open(), "gguf-bool", {"'k'", "2"});
  expect_refused(RawGguf(0, 2).key("k", u32).put(1).key("k", u32).put(2).open(), "gguf-duplicate", {"'k'", "0 and 1"});
  const RawGguf escape = RawGguf(0, 1).key("\x1b[31m", static_cast<ValueType>(99)).zeros(8);
  expect_refused(escape.open(), "gguf-value-type", {"\\x1b[31m"});
}

TEST(Hostile, Arrays) {
  const auto with = [](ValueType element, uint64_t count) {
    return RawGguf(0, 1).key("k", array).put(static_cast<uint32_t>(element)).put(count).zeros(64).open();
  };
  for (const ValueType element : {u8, u64, string, f32, boolean})
    for (const uint64_t count : {uint64_t{1} << 63, uint64_t{1} << 61, UINT64_MAX, kArrayItemsMax + 1, uint64_t{65}})
      expect_refused(with(element, count), "gguf-array", {"'k'", std::to_string(count)});
  expect_refused(with(array, 1), "gguf-array", {"'k'", "arrays"});
  expect_refused(with(static_cast<ValueType>(77), 1), "gguf-value-type", {"'k'", "77"});
  expect_refused(RawGguf(0, 1).key("k", array).put<uint32_t>(7).put<uint64_t>(2).put<uint8_t>(1).put<uint8_t>(9).open(),
                 "gguf-bool", {"'k'", "9"});
  const RawGguf item = RawGguf(0, 1).key("k", array).put<uint32_t>(8).put<uint64_t>(2).text("a").put(UINT64_MAX).zeros(8);
  expect_refused(item.open(), "gguf-string", {"'k'", "18446744073709551615"});
}

TEST(Hostile, Alignment) {
  for (const uint32_t value : {0u, 1u, 4u, 24u, 8192u, 0x80000000u, UINT32_MAX})
    expect_refused(RawGguf(0, 1).key("general.alignment", u32).put(value).open(), "gguf-alignment",
                   {"general.alignment", std::to_string(value)});
  expect_refused(RawGguf(0, 1).key("general.alignment", f32).put(32.0f).open(), "gguf-alignment", {"general.alignment", "f32"});
  expect_refused(RawGguf(0, 1).key("general.alignment", string).text("32").open(), "gguf-alignment", {"string"});
}

TEST(Hostile, Dimensions) {
  expect_refused(one_tensor({}).open(), "gguf-dims", {"tensor 0 'w'", "0 dimensions"});
  expect_refused(one_tensor({1, 1, 1, 1, 1}).open(), "gguf-dims", {"'w'", "5 dimensions"});
  expect_refused(RawGguf(1, 0).text("w").put(UINT32_MAX).zeros(64).open(), "gguf-dims", {"4294967295 dimensions"});
  expect_refused(one_tensor({0}).open(), "gguf-dims", {"'w'", "dimension 0", "at least 1"});
  expect_refused(one_tensor({32, 0}).open(), "gguf-dims", {"dimension 1"});
  for (const auto& dim : std::vector<std::vector<uint64_t>>{{uint64_t{1} << 63},
                                                            {UINT64_MAX},
                                                            {uint64_t{1} << 32, uint64_t{1} << 32},
                                                            {uint64_t{1} << 32, uint64_t{1} << 31},
                                                            {uint64_t{1} << 42, (uint64_t{1} << 42) + 1},
                                                            {3, UINT64_MAX / 3 + 1},
                                                            {1 << 16, 1 << 16, 1 << 16, 1 << 16}})
    expect_refused(one_tensor(dim).open(), "gguf-dims", {"'w'", "2^63 - 1"});
  expect_refused(one_tensor({(uint64_t{1} << 62)}).open(), "gguf-dims", {"'w'", "bytes"});  // fits as a count, not as F32 bytes
  expect_refused(one_tensor({33}, 2).open(), "gguf-dims", {"'w'", "33", "Q4_0", "32"});
  expect_refused(one_tensor({32, 8}, 12).open(), "gguf-dims", {"Q4_K", "256"});
  expect_refused(one_tensor({uint64_t{1} << 40}).open(), "gguf-bounds", {"'w'", "4398046511104"});
}

TEST(Hostile, Types) {
  for (const uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 200u, 0x80000000u, UINT32_MAX})
    expect_refused(one_tensor({256}, id).open(), "gguf-type", {"'w'", fmt::format("type {} ", id), "Q4_K"});
}

TEST(Hostile, TensorNames) {
  expect_refused(RawGguf(1, 0).tensor("", {8}, 0, 0).pad().zeros(64).open(), "gguf-tensor-name", {"tensor 0", "empty"});
  expect_refused(RawGguf(1, 0).tensor(std::string(128, 'x'), {8}, 0, 0).pad().zeros(64).open(), "gguf-string", {"128", "127"});
  EXPECT_TRUE(RawGguf(1, 0).tensor(std::string(127, 'x'), {8}, 0, 0).pad().zeros(64).open().has_value());
  expect_refused(RawGguf(2, 0).tensor("w", {8}, 0, 0).tensor("w", {8}, 0, 32).pad().zeros(64).open(), "gguf-duplicate", {"'w'"});
}

TEST(Hostile, Offsets) {
  expect_refused(one_tensor({8}, 0, 16).open(), "gguf-offset", {"'w'", "16", "alignment 32"});
  for (const uint64_t offset : {uint64_t{256}, uint64_t{1} << 63, UINT64_MAX - 31})
    expect_refused(one_tensor({8}, 0, offset).open(), "gguf-bounds", {"'w'", std::to_string(offset)});
  expect_refused(one_tensor({8}, 0, 32).open(), "gguf-offset", {"'w'", "32", "0 was expected"});
  expect_refused(RawGguf(2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).pad().zeros(96).open(), "gguf-overlap",
                 {"'b'", "'a'", "64"});
  expect_refused(RawGguf(2, 0).tensor("a", {8}, 0, 0).tensor("b", {8}, 0, 0).pad().zeros(96).open(), "gguf-overlap",
                 {"'a'", "'b'"});
  expect_refused(RawGguf(1, 0).tensor("w", {8}, 0, 0).open(), "gguf-bounds", {"'w'", "truncated"});
  // The order of the infos is free as long as the data are dense.
  EXPECT_TRUE(RawGguf(2, 0).tensor("a", {8}, 0, 32).tensor("b", {8}, 0, 0).pad().zeros(64).open().has_value());
}

TEST(Hostile, FilesThatAreNone) {
  const TestFolder folder;
  std::ofstream(folder.path("empty.gguf")).close();
  expect_refused(File::open(folder.path("empty.gguf")), "file-empty", {"0 bytes"});
  expect_refused(File::open(folder.path("absent.gguf")), "file-missing", {"absent.gguf"});
  expect_refused(File::open(folder.path()), "file-kind", {"a directory"});
  ASSERT_EQ(mkfifo(folder.path("fifo.gguf").c_str(), 0600), 0);
  expect_refused(File::open(folder.path("fifo.gguf")), "file-kind", {"named pipe"});
}

// Peak memory and processor time (a busy machine must not fail the test) of opening a file in a process of its own.
struct Cost {
  double seconds;
  double peak_mib;
};

Cost cost_of_opening(const std::string& path, bool accepted) {
  const pid_t child = fork();
  if (child == 0) _exit(File::open(path).has_value() == accepted ? 0 : 1);
  int status = 1;
  rusage usage = {};
  EXPECT_EQ(wait4(child, &status, 0, &usage), child);
  EXPECT_EQ(status, 0) << path << (accepted ? " was refused" : " was accepted");
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), static_cast<double>(usage.ru_maxrss) / 1024};
}

void expect_cheap(const std::string& path, bool accepted) {
  const std::string name = std::filesystem::path(path).stem();
  const Cost cost = cost_of_opening(path, accepted);
#ifndef __SANITIZE_ADDRESS__  // which multiplies both
  EXPECT_LT(cost.seconds, 2.0) << name;
  EXPECT_LT(cost.peak_mib, 200.0) << name;
#endif
  ::testing::Test::RecordProperty(name + "_ms", static_cast<int>(1000 * cost.seconds));
  ::testing::Test::RecordProperty(name + "_mib", static_cast<int>(cost.peak_mib));
}

// The file is longer than `raw` by a hole.
void expect_cheap(const std::string& path, RawGguf raw, bool accepted, int64_t bytes = 0) {
  std::ofstream(path, std::ios::binary) << raw.bytes;
  raw.bytes = std::string();  // the child would inherit it
  if (bytes > 0) std::filesystem::resize_file(path, static_cast<uintmax_t>(bytes));
  expect_cheap(path, accepted);
}

TEST(Hostile, ManyKeysTensorsAndItemsAreCheap) {
  const TestFolder folder;
  const auto with_keys = [](uint64_t n, const std::string& prefix) {
    RawGguf raw(0, n);
    for (uint64_t i = 0; i < n; ++i) raw.key(fmt::format("{}{}", prefix, i * 7919 % n), u8).put<uint8_t>(1);
    return raw;
  };
  const auto with_tensors = [](uint64_t n) {
    RawGguf raw(n, 0);
    for (uint64_t i = 0; i < n; ++i) raw.tensor(fmt::format("blk.{}", i), {8}, 0, 32 * i);
    return raw.pad().zeros(32 * n);
  };
  expect_cheap(folder.path("keys_200k"), with_keys(200'000, "k"), false);
  expect_cheap(folder.path("tensors_100k"), with_tensors(100'000), false);
  expect_cheap(folder.path("keys_most"), with_keys(kKeysMax, std::string(400, 'p')), true);
  expect_cheap(folder.path("tensors_most"), with_tensors(kTensorsMax), true);
  RawGguf items(0, 1);
  items.key("k", array).put<uint32_t>(8).put(kArrayItemsMax).zeros(8 * kArrayItemsMax);
  expect_cheap(folder.path("items_most"), std::move(items), true);
}

// A sparse file costs its maker nothing: 64 Ki arrays of four million strings each would be 2 TiB to walk through.
TEST(Hostile, ASparseFileCannotMakeTheHeaderEndless) {
  const TestFolder folder;
  RawGguf raw(0, kKeysMax);
  raw.key("k", array).put<uint32_t>(8).put(kArrayItemsMax);
  expect_cheap(folder.path("sparse_items"), std::move(raw), false, int64_t{1} << 40);
  RawGguf strings(0, 4);
  strings.key("k", string).put(kStringBytesMax);
  expect_cheap(folder.path("sparse_string"), std::move(strings), false, int64_t{1} << 40);
  // Four arrays of empty strings, each a hole of 32 MiB, and then more keys: the header passes its limit.
  const std::string chain = folder.path("header_too_long");
  std::ofstream out(chain, std::ios::binary);
  out << RawGguf(0, kKeysMax).bytes;
  for (int i = 0; i < 4; ++i) {
    RawGguf entry(0, 0);
    entry.bytes.clear();
    out << entry.key(fmt::format("k{}", i), array).put<uint32_t>(8).put(kArrayItemsMax).bytes;
    out.seekp(static_cast<std::streamoff>(8 * kArrayItemsMax), std::ios::cur);
  }
  out.close();
  std::filesystem::resize_file(chain, uintmax_t{1} << 40);
  expect_cheap(chain, false);
}

}  // namespace
}  // namespace lupo::gguf
