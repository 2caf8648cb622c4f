// Hostile hyper-parameters: every key of every golden, and the keys that goldens of other architectures have, with values that
// make no sense. A model either opens, plans and runs, or says which key or which tensors are at fault.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "arch_golden.h"
#include "model/gguf/writer.h"

namespace lupo {
namespace {

struct Variant {
  std::string what;
  std::function<void(gguf::Writer&, std::string_view key)> apply;
};

template <class T>
Variant scalar(const char* what, T value) {
  return {what, [value](gguf::Writer& writer, std::string_view key) { writer.set(key, value); }};
}

template <class T>
Variant array(std::string what, size_t count, T value) {
  return {std::move(what), [items = std::vector<T>(count, value)](gguf::Writer& writer, std::string_view key) {
            writer.set_array(key, std::span<const T>(items));
          }};
}

constexpr size_t kForAllKeys = 7;
constexpr int kPairs = 40;

const std::vector<Variant>& variants() {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  static const std::vector<Variant> list = {
      scalar<uint32_t>("0", 0),
      scalar<uint64_t>("2^63", uint64_t{1} << 63),
      scalar<float>("-1.0", -1),
      scalar<float>("1e30", 1e30f),
      scalar<float>("nan", kNan),
      scalar<std::string_view>("a string", "yarn"),
      array<uint32_t>("an empty array", 0, 0),
      // Up to here for all keys, from here on for those that the file has.
      scalar<uint32_t>("1", 1),
      scalar<uint32_t>("7", 7),
      scalar<int32_t>("-1", -1),
      scalar<uint32_t>("2^31", uint32_t{1} << 31),
      scalar<int64_t>("-2^63", INT64_MIN),
      scalar<float>("0.0", 0),
      scalar<float>("1e-30", 1e-30f),
      scalar<double>("1e300", 1e300),
      scalar<float>("inf", kInfinity),
      scalar<float>("-inf", -kInfinity),
      scalar<bool>("true", true),
      array<float>("floats", 4, kNan),
  };
  return list;
}

// Arrays as long as the layers are many, and longer.
std::vector<Variant> layer_variants(size_t n_layer) {
  return {array<uint32_t>("zeros", n_layer, 0), array<uint32_t>("ones", n_layer, 1),
          array<int64_t>("negative items", n_layer, -1), array<uint64_t>("items of 2^63", n_layer, uint64_t{1} << 63),
          array<uint32_t>("one item too few", n_layer - 1, 1), array<uint32_t>("one item too many", n_layer + 1, 1),
          array<uint32_t>("5000 items", 5000, 1)};
}

// Values that are good of themselves: what they contradict is another key, or the tensors.
const std::vector<Variant>& plausible_variants() {
  static const std::vector<Variant> list = {
      scalar<uint32_t>("1", 1),     scalar<uint32_t>("2", 2),       scalar<uint32_t>("3", 3),   scalar<uint32_t>("8", 8),
      scalar<uint32_t>("64", 64),   scalar<uint32_t>("4096", 4096), scalar<float>("0.5", 0.5f), scalar<bool>("false", false),
      scalar<bool>("true", true),   scalar<uint32_t>("0", 0),       scalar<float>("2.0", 2),    scalar<float>("1e-6", 1e-6f),
      array<uint32_t>("zeros", 2, 0), array<uint32_t>("ones", 2, 1), array<float>("twos", 4, 2),
  };
  return list;
}

gguf::Writer copy_without(const gguf::File& file, std::string_view left_out) {
  gguf::Writer writer;
  for (const auto& [key, value] : file.metadata().entries())
    if (key != left_out) writer.set(key, value);
  for (const gguf::TensorInfo& tensor : file.tensors())
    EXPECT_TRUE(writer.add_tensor(tensor.name, tensor.type, std::span(tensor.dim).first(static_cast<size_t>(tensor.n_dims)),
                                  {tensor.data, static_cast<size_t>(tensor.bytes)}));
  return writer;
}

struct Known {
  std::set<std::string> suffixes;               // of the architectures' keys in all goldens
  std::map<std::string, std::string> first_of;  // architecture: its first golden
};

const Known& known() {
  static const Known known = [] {
    Known all;
    for (const std::string& name : golden_names("architecture")) {
      const auto file = gguf::File::open(kGoldens / (name + ".gguf"));
      if (!file) continue;
      const std::string architecture(*file->metadata().string("general.architecture"));
      all.first_of.emplace(architecture, name);
      for (const auto& [key, value] : file->metadata().entries())
        if (key.starts_with(architecture + ".")) all.suffixes.insert(std::string(key.substr(architecture.size() + 1)));
    }
    return all;
  }();
  return known;
}

// Keys reach a graph through the hyper-parameters alone.
bool has_the_graphs_of(const Model& base, const Model& model) {
  constexpr const char* kKey = "general.architecture";
  return model.hparams() == base.hparams() && *model.metadata().string(kKey) == *base.metadata().string(kKey);
}

// Empty when the file is met as it should be, with an error that names one of the keys or a tensor; what is wrong otherwise.
// `base` has the same tensors and is known to run: most keys that are not a model's own leave its graphs as they were, and what
// was seen of those once need not be seen again.
std::string fault_of(const gguf::Writer& writer, std::initializer_list<std::string_view> keys, const Model* base = nullptr) {
  auto bytes = writer.to_bytes();
  if (!bytes) return bytes.error().what;
  auto file = gguf::File::from_bytes(std::move(*bytes), "hostile");
  if (!file) return {};  // the reader's own tests
  const auto model = Model::from_file(std::move(*file));
  if (!model) {
    const Error& error = model.error();
    const bool is_named = error.what.find("tensor '") != std::string::npos ||
        std::ranges::any_of(keys, [&](std::string_view key) { return error.what.find(key) != std::string::npos; });
    return is_named ? "" : fmt::format("the error names neither key nor tensor: {}", error.what);
  }
  if (base != nullptr && has_the_graphs_of(*base, *model)) return {};
  RuntimeOptions options{.backend = "ref", .n_ctx = 8, .n_batch = 8, .n_threads = 1};
  if (!model->hparams().causal) options.pooling = model->default_pooling();
  const auto planned = preview(*model, Machine{}, {.pooling = options.pooling, .n_threads = 1});
  if (!planned) return fmt::format("no plan: {}", planned.error().what);
  const auto engine = Engine::load(*model, Machine{}, options);
  if (!engine) return fmt::format("no engine: {}", engine.error().what);
  const std::array<int32_t, 3> ids{0, 0, 0};
  const StepSequence sequence{0, 3, 0};
  const int32_t last = 2;
  const Result<void> ran = (*engine)->run({ids, {&sequence, 1}, {&last, 1}});
  return ran || ran.error().code == "non-finite" ? "" : ran.error().what;
}

class ArchHostile : public testing::TestWithParam<std::string> {
 protected:
  // The golden as it is, which runs.
  static std::optional<Model> good_model(const gguf::Writer& whole) {
    EXPECT_EQ(fault_of(whole, {}), "");
    auto model = Model::open(kGoldens / (GetParam() + ".gguf"));
    EXPECT_TRUE(model) << model.error().what;
    return model ? std::optional(std::move(*model)) : std::nullopt;
  }
};

TEST_P(ArchHostile, bad_keys_are_named_or_harmless) {
  const auto file = gguf::File::open(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(file) << file.error().what;
  const std::string architecture(*file->metadata().string("general.architecture")), prefix = architecture + ".";
  // Of one golden of each architecture all keys, its own and others'; of the rest what that one lacks.
  const std::string& first_name = known().first_of.at(architecture);
  const bool tries_all = first_name == GetParam();
  const auto first = gguf::File::open(kGoldens / (first_name + ".gguf"));
  ASSERT_TRUE(first) << first.error().what;
  std::set<std::string> keys;
  for (const auto& [key, value] : file->metadata().entries())
    if (tries_all || first->metadata().find(key) == nullptr) keys.insert(std::string(key));
  if (tries_all)
    for (const std::string& suffix : known().suffixes) keys.insert(prefix + suffix);
  const int64_t n_layer = *file->metadata().integer(prefix + "block_count", 1, 1024);
  const gguf::Writer whole = copy_without(*file, "");
  const auto good = good_model(whole);
  ASSERT_TRUE(good);
  for (const std::string& key : keys) {
    const auto try_all = [&](std::span<const Variant> list) {
      for (const Variant& variant : list) {
        gguf::Writer writer = whole;
        variant.apply(writer, key);
        EXPECT_EQ(fault_of(writer, {key}, &*good), "") << key << " is " << variant.what;
      }
    };
    const bool is_own = file->metadata().find(key) != nullptr;
    if (is_own) {
      EXPECT_EQ(fault_of(copy_without(*file, key), {key}, &*good), "") << key << " is missing";
    }
    try_all(std::span(variants()).first(is_own ? variants().size() : kForAllKeys));
    if (is_own) try_all(layer_variants(static_cast<size_t>(n_layer)));
  }
}

// Two keys at once, each with a value that alone may be right.
TEST_P(ArchHostile, keys_that_contradict_each_other_are_named_or_harmless) {
  const auto file = gguf::File::open(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(file) << file.error().what;
  const std::string prefix = std::string(*file->metadata().string("general.architecture")) + ".";
  std::vector<std::string> keys;
  for (const auto& [key, value] : file->metadata().entries())
    if (key.starts_with(prefix)) keys.emplace_back(key);
  for (const std::string& suffix : known().suffixes) keys.push_back(prefix + suffix);
  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string>()(GetParam())));
  const auto pick = [&random](const auto& list) -> const auto& { return list[random() % list.size()]; };
  const gguf::Writer whole = copy_without(*file, "");
  const auto good = good_model(whole);
  ASSERT_TRUE(good);
  for (int i = 0; i < kPairs; ++i) {
    const std::string &first = pick(keys), &second = pick(keys);
    const Variant &one = pick(plausible_variants()), &other = pick(plausible_variants());
    gguf::Writer writer = whole;
    one.apply(writer, first);
    other.apply(writer, second);
    EXPECT_EQ(fault_of(writer, {first, second}, &*good), "")
        << first << " is " << one.what << ", " << second << " is " << other.what;
  }
}

// One tensor of another shape or type.
TEST_P(ArchHostile, bad_tensors_are_named_or_harmless) {
  const auto file = gguf::File::open(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(file) << file.error().what;
  const std::vector<std::byte> zeros(1 << 20);
  const auto with = [&](std::string_view name, Type type, std::vector<int64_t> dim) {
    gguf::Writer writer;
    for (const auto& [key, value] : file->metadata().entries()) writer.set(key, value);
    int64_t n_rows = 1;
    for (size_t i = 1; i < dim.size(); ++i) n_rows *= dim[i];
    const auto bytes = static_cast<size_t>(n_rows * row_bytes(type, dim[0]));
    for (const gguf::TensorInfo& tensor : file->tensors()) {
      const bool is_changed = tensor.name == name;
      const auto old_dim = std::span(tensor.dim).first(static_cast<size_t>(tensor.n_dims));
      const std::span<const std::byte> old_data{tensor.data, static_cast<size_t>(tensor.bytes)};
      EXPECT_TRUE(is_changed ? writer.add_tensor(name, type, dim, std::span(zeros).first(bytes))
                             : writer.add_tensor(tensor.name, tensor.type, old_dim, old_data));
    }
    return writer;
  };
  std::set<std::string> kinds;  // one block's tensors stand for all
  for (const gguf::TensorInfo& tensor : file->tensors()) {
    std::string kind(tensor.name);
    if (kind.starts_with("blk.")) kind.erase(0, kind.find('.', 4));
    if (!kinds.insert(kind).second) continue;
    std::vector<int64_t> dim(tensor.dim.begin(), tensor.dim.begin() + tensor.n_dims);
    const auto expect_good = [&](const char* what, Type type, const std::vector<int64_t>& changed) {
      EXPECT_EQ(fault_of(with(tensor.name, type, changed), {tensor.name}), "") << tensor.name << ": " << what;
    };
    for (const Type type : {Type::f16, Type::bf16, Type::i8, Type::i32, Type::f64}) expect_good("another type", type, dim);
    if (dim[0] % 32 == 0) expect_good("Q8_0", Type::q8_0, dim);
    std::vector<int64_t> changed(dim.rbegin(), dim.rend());
    expect_good("turned round", Type::f32, changed);
    changed = dim;
    changed.push_back(2);
    expect_good("a dimension more", Type::f32, changed);
    for (size_t i = 0; i < dim.size(); ++i)
      for (const int64_t size : {dim[i] + 1, dim[i] * 2, int64_t{1}}) {
        changed = dim;
        changed[i] = size;
        expect_good("another size", Type::f32, changed);
      }
    expect_good("all in one row", Type::f32, {std::accumulate(dim.begin(), dim.end(), int64_t{1}, std::multiplies())});
  }
}

// Which norm a model has its architecture tells, not which key of epsilon the file has: converters write both.
TEST_P(ArchHostile, the_other_key_of_epsilon_changes_nothing) {
  const auto file = gguf::File::open(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(file) << file.error().what;
  const std::string prefix = std::string(*file->metadata().string("general.architecture")) + ".attention.layer_norm_";
  const bool has_rms = file->metadata().find(prefix + "rms_epsilon") != nullptr;
  if (has_rms && file->metadata().find(prefix + "epsilon") != nullptr) return;
  gguf::Writer writer = copy_without(*file, "");
  writer.set(prefix + (has_rms ? "epsilon" : "rms_epsilon"), 0.5f);
  auto bytes = writer.to_bytes();
  ASSERT_TRUE(bytes) << bytes.error().what;
  auto both_file = gguf::File::from_bytes(std::move(*bytes), "both");
  ASSERT_TRUE(both_file) << both_file.error().what;
  const auto model = Model::open(kGoldens / (GetParam() + ".gguf")), both = Model::from_file(std::move(*both_file));
  ASSERT_TRUE(model && both);
  GraphRequest request{.n_ctx = 8, .n_batch = 8};
  if (!model->hparams().causal) request.pooling = model->default_pooling();
  const auto graph = model->graph(request), other = both->graph(request);
  ASSERT_TRUE(graph && other);
  ASSERT_EQ(graph->nodes.size(), other->nodes.size());
  for (size_t i = 0; i < graph->nodes.size(); ++i) {
    const auto *norm = std::get_if<NormAttrs>(&graph->nodes[i].attrs), *same = std::get_if<NormAttrs>(&other->nodes[i].attrs);
    if (norm == nullptr) continue;
    ASSERT_NE(same, nullptr);
    EXPECT_EQ(norm->eps, same->eps);
    EXPECT_EQ(norm->rms, same->rms);
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, ArchHostile, testing::ValuesIn(golden_names("architecture")), golden_test_name);

}  // namespace
}  // namespace lupo
