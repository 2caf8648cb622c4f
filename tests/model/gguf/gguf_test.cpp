#include "model/gguf/gguf.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "fuzz/gguf_samples.h"
#include "model/gguf/raw_gguf.h"
#include "model/gguf/shards.h"
#include "test_folder.h"

namespace lupo::gguf {
namespace {

class EveryVersion : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Gguf, EveryVersion, ::testing::Values(2u, 3u));

TEST_P(EveryVersion, ValuesSurviveWritingAndReading) {
  const auto file = File::from_bytes(written(every_value_type(32, GetParam())), "values.gguf");
  ASSERT_TRUE(file.has_value()) << file.error().what;
  EXPECT_EQ(file->version(), GetParam());
  const Metadata& m = file->metadata();
  EXPECT_EQ(m.entries().size(), 21u);
  EXPECT_EQ(m.entries()[0].first, "general.architecture");
  EXPECT_EQ(m.integer("u8", 0, 255).value(), 200);
  EXPECT_EQ(m.integer("i8", -128, 127).value(), -100);
  EXPECT_EQ(m.integer("u16", 0, INT64_MAX).value(), 60000);
  EXPECT_EQ(m.integer("i16", INT64_MIN, 0).value(), -30000);
  EXPECT_EQ(m.integer("u32", 0, INT64_MAX).value(), 4000000000);
  EXPECT_EQ(m.integer("i32", INT64_MIN, 0).value(), -2000000000);
  EXPECT_EQ(m.integer("i64", INT64_MIN, 0).value(), INT64_MIN);
  EXPECT_EQ(m.number("u64").value(), 0x1p63);
  EXPECT_EQ(m.number("f32").value(), 0.5);
  EXPECT_EQ(m.number("f64").value(), 1e300);
  EXPECT_TRUE(m.boolean("bool").value());
  EXPECT_EQ(m.string("string").value(), "Grüße");
  EXPECT_EQ(m.string("empty").value(), "");
  EXPECT_EQ(m.integers("array.u8").value(), (std::vector<int64_t>{1, 2, 255}));
  EXPECT_EQ(m.integers("array.i32").value(), (std::vector<int64_t>{-1, 0, 1}));
  EXPECT_EQ(m.integers("array.bool").value(), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(m.floats("array.f32").value(), (std::vector<float>{0.25f, -1.0f}));
  EXPECT_EQ(m.floats("array.f64").value(), std::vector<float>{});
  EXPECT_EQ(m.strings("array.string").value(), (std::vector<std::string_view>{"a", "", "ccc"}));
}

TEST_P(EveryVersion, TensorsLieWhereTheHeaderSays) {
  std::vector<float> a(40), b(24);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i);
  for (size_t i = 0; i < b.size(); ++i) b[i] = -static_cast<float>(i);
  for (const uint32_t alignment : {8u, 32u, 64u, 4096u}) {
    Writer writer(alignment, GetParam());
    ASSERT_TRUE(writer.add_tensor("a", Type::f32, std::vector<int64_t>{10, 4}, std::as_bytes(std::span(a))));
    ASSERT_TRUE(writer.add_tensor("b", Type::f32, std::vector<int64_t>{2, 3, 4}, std::as_bytes(std::span(b))));
    const auto file = File::from_bytes(written(writer), "tensors.gguf");
    ASSERT_TRUE(file.has_value()) << file.error().what;
    EXPECT_EQ(file->alignment(), alignment);
    EXPECT_EQ(file->file_bytes(), writer.file_bytes());
    ASSERT_EQ(file->tensors().size(), 2u);
    const TensorInfo* found = file->find("b");
    ASSERT_EQ(found, &file->tensors()[1]);
    EXPECT_EQ(found->n_dims, 3);
    EXPECT_EQ(found->dim, (std::array<int64_t, 4>{2, 3, 4, 1}));
    EXPECT_EQ(found->bytes, 96);
    EXPECT_EQ(elements(*found), 24);
    EXPECT_EQ(std::memcmp(found->data, b.data(), 96), 0);
    EXPECT_EQ(std::memcmp(file->find("a")->data, a.data(), 160), 0);
    EXPECT_EQ(file->find("c"), nullptr);
  }
}

TEST(Metadata, AWrongReadNamesKeyAndValue) {
  Writer writer;
  writer.set("text", "abc");
  writer.set("big", UINT64_MAX);
  writer.set("nan", std::numeric_limits<float>::quiet_NaN());
  writer.set("minus", int32_t{-1});
  writer.set_array("types", std::span<const uint8_t>(std::vector<uint8_t>{1, 2}));
  const auto file = File::from_bytes(written(writer), "m.gguf");
  ASSERT_TRUE(file.has_value());
  const Metadata& m = file->metadata();
  const auto expect = [](const auto& result, std::string_view code, std::string_view key, std::string_view found) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, code);
    EXPECT_NE(result.error().what.find(key), std::string::npos) << result.error().what;
    EXPECT_NE(result.error().what.find(found), std::string::npos) << result.error().what;
  };
  expect(m.integer("absent", 0, 1), "missing-key", "'absent'", "missing");
  expect(m.integer("text", 0, 1), "wrong-type", "'text'", "'abc'");
  expect(m.integer("big", 0, INT64_MAX), "bad-value", "'big'", "18446744073709551615");
  expect(m.integer("minus", 0, 5), "bad-value", "'minus'", "-1");
  expect(m.integer("types", 0, 5), "wrong-type", "'types'", "array of 2 u8");
  expect(m.number("nan"), "bad-value", "'nan'", "nan");
  expect(m.number("text"), "wrong-type", "'text'", "string");
  expect(m.boolean("minus"), "wrong-type", "'minus'", "i32");
  expect(m.string("minus"), "wrong-type", "'minus'", "i32 -1");
  expect(m.floats("types"), "wrong-type", "'types'", "u8");
  expect(m.strings("types"), "wrong-type", "'types'", "u8");
  expect(m.integers("text"), "wrong-type", "'text'", "string");
  expect(m.strings("absent"), "missing-key", "'absent'", "missing");
}

TEST(Writer, ReplacesAKeyAndCopiesValues) {
  const auto source = File::from_bytes(written(every_value_type(64, 3)), "source.gguf");
  ASSERT_TRUE(source.has_value());
  Writer writer;
  for (const auto& [key, value] : source->metadata().entries()) writer.set(key, value);
  writer.set("string", "new");
  const auto copy = File::from_bytes(written(writer), "copy.gguf");
  ASSERT_TRUE(copy.has_value()) << copy.error().what;
  EXPECT_EQ(copy->alignment(), 32u);  // general.alignment is the writer's own
  EXPECT_EQ(copy->metadata().entries().size(), source->metadata().entries().size() - 1);
  EXPECT_EQ(copy->metadata().string("string").value(), "new");
  EXPECT_EQ(copy->metadata().integer("i64", INT64_MIN, 0).value(), INT64_MIN);
  EXPECT_EQ(copy->metadata().strings("array.string").value().size(), 3u);
}

TEST(Writer, RefusesWhatDoesNotFit) {
  Writer writer;
  const std::vector<std::byte> bytes(128);
  const auto code = [&](std::string_view name, Type type, std::vector<int64_t> dim) {
    const auto added = writer.add_tensor(name, type, dim, bytes);
    return added ? "added" : added.error().code;
  };
  EXPECT_EQ(code("w", Type::f32, {32}), "added");
  EXPECT_EQ(code("w", Type::f32, {32}), "gguf-write");
  EXPECT_EQ(code("", Type::f32, {32}), "gguf-write");
  EXPECT_EQ(code(std::string(128, 'x'), Type::f32, {32}), "gguf-write");
  EXPECT_EQ(code("a", Type::f32, {33}), "gguf-write");
  EXPECT_EQ(code("b", Type::q4_0, {33}), "gguf-write");
  EXPECT_EQ(code("c", Type::f32, {}), "gguf-write");
  EXPECT_EQ(code("d", Type::f32, {32, 0}), "gguf-write");
  EXPECT_EQ(code("e", Type::f32, {int64_t{1} << 62, 4}), "gguf-write");
}

TEST(Writer, AProducerStreamsAndMustKeepItsWord) {
  const TestFolder folder;
  const std::vector<float> row(1000, 1.5f);  // [1000], written 50 times
  const auto rows = [&](int n) -> Producer {
    return [&row, n](const Sink& sink) -> Result<void> {
      for (int i = 0; i < n; ++i) TRY(sink(std::as_bytes(std::span(row))));
      return {};
    };
  };
  const auto write = [&](Producer producer) {
    Writer writer;
    writer.add_tensor("w", Type::f32, std::vector<int64_t>{1000, 50}, std::move(producer)).value();
    return writer.write(folder.path("out.gguf"));
  };
  EXPECT_EQ(write(rows(49)).error().code, "gguf-write");
  EXPECT_EQ(write(rows(51)).error().code, "gguf-write");
  EXPECT_EQ(write([](const Sink&) -> Result<void> { return fail(Layer::runtime, "stop", "", ""); }).error().code, "stop");
  EXPECT_FALSE(File::open(folder.path("out.gguf")).has_value());  // nothing half-written
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  ASSERT_TRUE(write(rows(50)).has_value());
  const auto file = File::open(folder.path("out.gguf"));
  ASSERT_TRUE(file.has_value()) << file.error().what;
  float last;
  std::memcpy(&last, file->tensors()[0].data + file->tensors()[0].bytes - 4, 4);
  EXPECT_EQ(last, 1.5f);
}

TEST(File, TruncatedWhileOpenIsNoticed) {
  const TestFolder folder;
  const std::string path = folder.path("model.gguf");
  ASSERT_TRUE(tiny_model(32, 3).write(path).has_value());
  const auto file = File::open(path);
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->check_intact().has_value());
  ASSERT_EQ(truncate(path.c_str(), 100), 0);
  EXPECT_EQ(file->tensors().back().data[0], std::byte{0});
  const auto intact = file->check_intact();
  ASSERT_FALSE(intact.has_value());
  EXPECT_EQ(intact.error().code, "file-truncated");
}

class Split : public ::testing::Test {
 protected:
  // Part `index` of `count`, holding the tensor "t<index>" filled with index.
  void write_part(int index, int count, int split_no, int split_count, int n_tensors, const std::string& tensor = "") {
    Writer writer;
    writer.set("general.architecture", "llama");
    writer.set("split.no", static_cast<uint16_t>(split_no));
    writer.set("split.count", static_cast<uint16_t>(split_count));
    writer.set("split.tensors.count", static_cast<int32_t>(n_tensors));
    const std::vector<float> data(8, static_cast<float>(index));
    writer
        .add_tensor(tensor.empty() ? fmt::format("t{}", index) : tensor, Type::f32, std::vector<int64_t>{8},
                    std::as_bytes(std::span(data)))
        .value();
    ASSERT_TRUE(writer.write(part(index, count)).has_value());
  }
  std::string part(int index, int count) const { return shard_path(folder.path("m"), index + 1, count); }
  std::string failure(const std::string& path) {
    const auto file = File::open(path);
    if (file) return "opened";
    EXPECT_EQ(file.error().code, "gguf-split") << file.error().what;
    return file.error().what;
  }
  TestFolder folder;
};

TEST_F(Split, AnyPartOpensAll) {
  for (int i = 0; i < 3; ++i) write_part(i, 3, i, 3, 3);
  for (int given = 0; given < 3; ++given) {
    const auto file = File::open(part(given, 3));
    ASSERT_TRUE(file.has_value()) << file.error().what;
    EXPECT_EQ(file->n_shards(), 3);
    ASSERT_EQ(file->tensors().size(), 3u);
    EXPECT_EQ(file->file_bytes(), static_cast<int64_t>(3 * std::filesystem::file_size(part(0, 3))));
    for (int i = 0; i < 3; ++i) {
      const TensorInfo* tensor = file->find(fmt::format("t{}", i));
      ASSERT_NE(tensor, nullptr);
      EXPECT_EQ(tensor->shard, i);
      float value;
      std::memcpy(&value, tensor->data, sizeof(value));
      EXPECT_EQ(value, static_cast<float>(i));
    }
  }
}

TEST_F(Split, MissingPartsAreNamed) {
  write_part(0, 3, 0, 3, 3);
  const std::string what = failure(part(0, 3));
  EXPECT_NE(what.find("m-00002-of-00003.gguf"), std::string::npos) << what;
  EXPECT_NE(what.find("m-00003-of-00003.gguf"), std::string::npos) << what;
}

TEST_F(Split, PartsThatContradictAreRefused) {
  const auto fresh = [&] {
    for (int i = 0; i < 2; ++i) write_part(i, 2, i, 2, 2);
  };
  fresh();
  write_part(1, 2, 0, 2, 2);
  EXPECT_NE(failure(part(0, 2)).find("'split.no' is 0"), std::string::npos);
  fresh();
  write_part(1, 2, 1, 5, 2);
  EXPECT_NE(failure(part(0, 2)).find("'split.count' is 5"), std::string::npos);
  fresh();
  write_part(0, 2, 0, 2, 7);
  EXPECT_NE(failure(part(0, 2)).find("'split.tensors.count' is 7"), std::string::npos);
  fresh();
  write_part(1, 2, 1, 2, 2, "t0");
  const auto twice = File::open(part(0, 2));
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code, "gguf-duplicate");
  fresh();
  ASSERT_TRUE(tiny_model(32, 3).write(part(1, 2)).has_value());
  EXPECT_NE(failure(part(0, 2)).find("'split.count' is missing"), std::string::npos);
  // A part under another name cannot find the others.
  std::filesystem::rename(part(0, 2), folder.path("renamed.gguf"));
  EXPECT_NE(failure(folder.path("renamed.gguf")).find("model-00001-of-00003.gguf"), std::string::npos);
  ASSERT_TRUE(tiny_model(32, 3).write(shard_path(folder.path("huge"), 1, 99999)).has_value());
  EXPECT_NE(failure(shard_path(folder.path("huge"), 1, 99999)).find("99999 parts"), std::string::npos);
}

TEST_F(Split, OneOfOne) {
  write_part(0, 1, 0, 1, 1);
  EXPECT_EQ(failure(part(0, 1)), "opened");
}

TEST(ShardName, OnlyTheExactPattern) {
  const auto name = parse_shard_name("/a/b-00002-of-00010.gguf");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->stem, "/a/b");
  EXPECT_EQ(name->number, 2);
  EXPECT_EQ(name->count, 10);
  for (const char* other :
       {"b.gguf", "b-00000-of-00002.gguf", "b-00003-of-00002.gguf", "b-0001-of-00002.gguf", "b-00001-of-00002.bin",
        "b-0001a-of-00002.gguf", "b--0001-of-00002.gguf", "b_00001-of-00002.gguf", "", "-00001-of-00002"})
    EXPECT_FALSE(parse_shard_name(other).has_value()) << other;
}

}  // namespace
}  // namespace lupo::gguf
