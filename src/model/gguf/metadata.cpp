// Typed access to metadata: the single place where the type of a value or of an array's items is checked.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/printable.h"
#include "model/gguf/gguf.h"

namespace lupo::gguf {
namespace {

std::string describe(const Value& value) {
  if (const auto* array = std::get_if<ArrayView>(&value.data))
    return fmt::format("an array of {} {}", array->count, value_type_name(array->element));
  const std::string_view type = value_type_name(value.type);
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return fmt::format("{} '{}'", type, printable(*text, 64));
  if (const auto* number = std::get_if<uint64_t>(&value.data)) return fmt::format("{} {}", type, *number);
  if (const auto* number = std::get_if<int64_t>(&value.data)) return fmt::format("{} {}", type, *number);
  if (const auto* number = std::get_if<double>(&value.data)) return fmt::format("{} {}", type, *number);
  return fmt::format("{} {}", type, std::get<bool>(value.data));
}

std::unexpected<Error> missing(std::string_view key, std::string_view wanted) {
  return fail(Layer::model, "missing-key", fmt::format("metadata key '{}' is missing; {} is wanted", printable(key, 128), wanted),
              "get the model from another source, or convert it again");
}

std::unexpected<Error> wrong_type(std::string_view key, const Value& value, std::string_view wanted) {
  return fail(Layer::model, "wrong-type",
              fmt::format("metadata key '{}' is {}; {} is wanted", printable(key, 128), describe(value), wanted),
              "get the model from another source, or convert it again");
}

std::unexpected<Error> bad_value(std::string_view key, const Value& value, std::string_view wanted) {
  return fail(Layer::model, "bad-value",
              fmt::format("metadata key '{}' is {}; {} is wanted", printable(key, 128), describe(value), wanted),
              "get the model from another source, or convert it again");
}

template <class T>
T item(const ArrayView& array, uint64_t index) {
  T value;
  std::memcpy(&value, array.bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <class T, class Out>
std::vector<Out> widen(const ArrayView& array) {
  std::vector<Out> out(array.count);
  for (uint64_t i = 0; i < array.count; ++i) out[i] = static_cast<Out>(item<T>(array, i));
  return out;
}

// The array behind a key, or why there is none.
Result<const ArrayView*> find_array(const Metadata& metadata, std::string_view key, std::string_view wanted) {
  const Value* value = metadata.find(key);
  if (!value) return missing(key, wanted);
  const auto* array = std::get_if<ArrayView>(&value->data);
  if (!array) return wrong_type(key, *value, wanted);
  return array;
}

}  // namespace

const Value* Metadata::find(std::string_view key) const {
  const auto found = std::ranges::lower_bound(by_key_, key, {}, [&](uint32_t i) { return entries_[i].first; });
  return found != by_key_.end() && entries_[*found].first == key ? &entries_[*found].second : nullptr;
}

Result<int64_t> Metadata::integer(std::string_view key, int64_t min, int64_t max) const {
  const Value* value = find(key);
  if (!value) return missing(key, "an integer");
  const auto wanted = [&] { return fmt::format("an integer from {} to {}", min, max); };
  if (const auto* number = std::get_if<uint64_t>(&value->data)) {
    if (*number > static_cast<uint64_t>(INT64_MAX) || static_cast<int64_t>(*number) < min || static_cast<int64_t>(*number) > max)
      return bad_value(key, *value, wanted());
    return static_cast<int64_t>(*number);
  }
  const auto* number = std::get_if<int64_t>(&value->data);
  if (!number) return wrong_type(key, *value, wanted());
  if (*number < min || *number > max) return bad_value(key, *value, wanted());
  return *number;
}

Result<double> Metadata::number(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return missing(key, "a number");
  if (const auto* number = std::get_if<uint64_t>(&value->data)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<int64_t>(&value->data)) return static_cast<double>(*number);
  const auto* number = std::get_if<double>(&value->data);
  if (!number) return wrong_type(key, *value, "a number");
  if (!std::isfinite(*number)) return bad_value(key, *value, "a finite number");
  return *number;
}

Result<bool> Metadata::boolean(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return missing(key, "a bool");
  if (const auto* flag = std::get_if<bool>(&value->data)) return *flag;
  return wrong_type(key, *value, "a bool");
}

Result<std::string_view> Metadata::string(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return missing(key, "a string");
  if (const auto* text = std::get_if<std::string_view>(&value->data)) return *text;
  return wrong_type(key, *value, "a string");
}

Result<std::vector<int64_t>> Metadata::integers(std::string_view key) const {
  TRY_ASSIGN(const ArrayView* array, find_array(*this, key, "an array of integers"));
  switch (array->element) {
    case ValueType::boolean:
    case ValueType::u8: return widen<uint8_t, int64_t>(*array);
    case ValueType::i8: return widen<int8_t, int64_t>(*array);
    case ValueType::u16: return widen<uint16_t, int64_t>(*array);
    case ValueType::i16: return widen<int16_t, int64_t>(*array);
    case ValueType::u32: return widen<uint32_t, int64_t>(*array);
    case ValueType::i32: return widen<int32_t, int64_t>(*array);
    case ValueType::i64: return widen<int64_t, int64_t>(*array);
    case ValueType::u64:
      for (uint64_t i = 0; i < array->count; ++i)
        if (item<uint64_t>(*array, i) > static_cast<uint64_t>(INT64_MAX))
          return bad_value(key, *find(key),
                           fmt::format("an item {} of at most 2^63 - 1 (it is {})", i, item<uint64_t>(*array, i)));
      return widen<uint64_t, int64_t>(*array);
    default: return wrong_type(key, *find(key), "an array of integers");
  }
}

Result<std::vector<float>> Metadata::floats(std::string_view key) const {
  TRY_ASSIGN(const ArrayView* array, find_array(*this, key, "an array of f32"));
  if (array->element == ValueType::f32) return widen<float, float>(*array);
  if (array->element == ValueType::f64) return widen<double, float>(*array);
  return wrong_type(key, *find(key), "an array of f32");
}

Result<std::vector<std::string_view>> Metadata::strings(std::string_view key) const {
  TRY_ASSIGN(const ArrayView* array, find_array(*this, key, "an array of strings"));
  if (array->element != ValueType::string) return wrong_type(key, *find(key), "an array of strings");
  std::vector<std::string_view> out;
  out.reserve(array->count);
  const char* at = reinterpret_cast<const char*>(array->bytes.data());
  const char* const end = at + array->bytes.size();
  while (out.size() < array->count) {
    // The lengths were checked when the file was opened; checked again, as a file cut since then reads as zeros.
    uint64_t length = 0;
    if (static_cast<size_t>(end - at) < sizeof(length)) break;
    std::memcpy(&length, at, sizeof(length));
    at += sizeof(length);
    if (length > static_cast<size_t>(end - at)) break;
    out.emplace_back(at, length);
    at += length;
  }
  if (out.size() != array->count || at != end)
    return bad_value(key, *find(key), "an array that did not change since the file was opened");
  return out;
}

}  // namespace lupo::gguf
