#include "model/gguf/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/printable.h"
#include "model/gguf/limits.h"

namespace lupo::gguf {
namespace {

constexpr std::string_view kDownloadAgain = "compare the file's size and SHA-256 with those at its source, and download it again";

constexpr std::string_view kTypeNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                           "bool", "string", "array", "u64", "i64", "f64"};

// Bytes of a scalar; for a string those of its length, the least that one takes.
uint64_t bytes_min(ValueType type) {
  constexpr uint8_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return kBytes[static_cast<size_t>(type)];
}

// What people hand over instead of a GGUF, by its first bytes.
std::string_view known_content(std::string_view start) {
  constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
      {"version https://git-lfs", "a Git LFS pointer: the model itself was not downloaded"},
      {"<!DOCTYPE", "a web page: the download link led to HTML"},
      {"<html", "a web page: the download link led to HTML"},
      {"PK", "a zip archive or a PyTorch checkpoint"},
      {"tjgg", "a GGJT file, the format before GGUF"},
      {"lmgg", "a GGML file, the format before GGUF"},
      {"fmgg", "a GGMF file, the format before GGUF"},
      {"FUGG", "a GGUF file with its bytes swapped (big-endian)"},
  };
  for (const auto& [magic, meaning] : kKnown)
    if (start.starts_with(magic)) return meaning;
  return start.size() > 8 && start[8] == '{' ? "perhaps a safetensors file" : "";
}

}  // namespace

std::string_view value_type_name(ValueType type) {
  const auto index = static_cast<size_t>(type);
  return index < std::size(kTypeNames) ? kTypeNames[index] : "?";
}

Reader::Reader(std::span<const std::byte> file, size_t file_bytes, const std::string& path, int shard)
    : file_(file), file_bytes_(file_bytes), path_(path), shard_(shard), in_(file.first(std::min(file.size(), kHeaderBytesMax))) {}

uint64_t Reader::remaining() const { return std::min(file_bytes_, kHeaderBytesMax) - in_.offset(); }

std::string Reader::subject() const {
  if (subject_kind_.empty()) return "";
  if (subject_name_.empty()) return fmt::format("{} {}: ", subject_kind_, subject_index_);
  return fmt::format("{} {} '{}': ", subject_kind_, subject_index_, printable(subject_name_, 128));
}

std::unexpected<Error> Reader::fault(std::string code, const std::string& what) const {
  return fail(Layer::model, std::move(code), fmt::format("{}: {}{}", path_, subject(), what), std::string(kDownloadAgain));
}

std::unexpected<Error> Reader::truncated(std::string_view field, uint64_t bytes_wanted) const {
  if (bytes_wanted <= remaining())
    return fault("gguf-partial", fmt::format("{} at offset {} needs {} bytes, which lie behind the first {} that are here", field,
                                             in_.offset(), bytes_wanted, file_.size()));
  if (file_bytes_ > kHeaderBytesMax)
    return fault("gguf-limit", fmt::format("{} at offset {} needs {} bytes and would pass the limit of {} bytes for a header",
                                           field, in_.offset(), bytes_wanted, kHeaderBytesMax));
  return fault("gguf-truncated", fmt::format("{} at offset {} needs {} bytes, but {} remain of the file's {}", field,
                                             in_.offset(), bytes_wanted, remaining(), file_bytes_));
}

template <class T>
Result<T> Reader::number(std::string_view field) {
  T value;
  if (!in_.read(value)) return truncated(field, sizeof(T));
  return value;
}

template <class Wide, class T>
Result<Value> Reader::scalar(ValueType type) {
  TRY_ASSIGN(const T value, number<T>("value"));
  return Value{type, static_cast<Wide>(value)};
}

Result<std::string_view> Reader::string(std::string_view field, uint64_t bytes_max) {
  const uint64_t at = in_.offset();
  TRY_ASSIGN(const uint64_t length, number<uint64_t>(field));
  if (length > bytes_max)
    return fault("gguf-string", fmt::format("{} at offset {} is {} bytes long; the limit is {}", field, at, length, bytes_max));
  std::span<const std::byte> bytes;
  if (!in_.take(length, bytes)) return truncated(field, length);
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<ValueType> Reader::value_type(std::string_view field) {
  const uint64_t at = in_.offset();
  TRY_ASSIGN(const uint32_t type, number<uint32_t>(field));
  if (type >= std::size(kTypeNames))
    return fault("gguf-value-type", fmt::format("{} at offset {} is {}; known are 0 to {} ({})", field, at, type,
                                                std::size(kTypeNames) - 1, fmt::join(kTypeNames, ", ")));
  return static_cast<ValueType>(type);
}

Result<Header> Reader::read() {
  TRY(read_magic_and_version());
  TRY(read_counts());
  header_.metadata.entries_.reserve(n_keys_);
  for (uint64_t i = 0; i < n_keys_; ++i) TRY(read_entry(i));
  subject_kind_ = {};
  TRY(index_keys());
  TRY(read_alignment());
  header_.tensors.reserve(n_tensors_);
  offsets_.reserve(n_tensors_);
  for (uint64_t i = 0; i < n_tensors_; ++i) TRY(read_tensor(i));
  subject_kind_ = {};
  header_.bytes = in_.offset();
  TRY(place_tensors());
  return std::move(header_);
}

Result<void> Reader::read_magic_and_version() {
  const std::string_view start(reinterpret_cast<const char*>(file_.data()), std::min<size_t>(file_.size(), 64));
  if (file_.size() < 4 && remaining() >= 4 && std::string_view("GGUF").starts_with(start)) return truncated("magic", 4);
  if (!start.starts_with("GGUF")) {
    const std::string_view meaning = known_content(start);
    return fault("gguf-magic", fmt::format("starts with '{}' instead of 'GGUF'{}{}", printable(start.substr(0, 16)),
                                           meaning.empty() ? "" : ": this is ", meaning));
  }
  TRY(number<uint32_t>("magic"));
  TRY_ASSIGN(header_.version, number<uint32_t>("version"));
  const uint32_t swapped = __builtin_bswap32(header_.version);
  if (swapped >= 1 && swapped <= kVersionMax)
    return fault(
        "gguf-endian",
        fmt::format("is a big-endian GGUF (version {} with its bytes swapped, at offset 4); lupo reads little-endian", swapped));
  if (header_.version < kVersionMin || header_.version > kVersionMax)
    return fault("gguf-version", fmt::format("is GGUF version {} (at offset 4); lupo reads versions {} and {}", header_.version,
                                             kVersionMin, kVersionMax));
  return {};
}

Result<void> Reader::read_counts() {
  TRY_ASSIGN(n_tensors_, number<uint64_t>("tensor count"));
  TRY_ASSIGN(n_keys_, number<uint64_t>("key count"));
  if (n_tensors_ > kTensorsMax)
    return fault("gguf-count", fmt::format("tensor count (at offset 8) is {}; the limit is {}", n_tensors_, kTensorsMax));
  if (n_keys_ > kKeysMax)
    return fault("gguf-count", fmt::format("key count (at offset 16) is {}; the limit is {}", n_keys_, kKeysMax));
  constexpr uint64_t kEntryBytesMin = 8 + 1 + 4 + 1, kTensorBytesMin = 8 + 1 + 4 + 8 + 4 + 8;
  if (n_keys_ > remaining() / kEntryBytesMin)
    return fault("gguf-count", fmt::format("key count (at offset 16) is {}, but the {} bytes that follow hold at most {}",
                                           n_keys_, remaining(), remaining() / kEntryBytesMin));
  if (n_tensors_ > remaining() / kTensorBytesMin)
    return fault("gguf-count", fmt::format("tensor count (at offset 8) is {}, but the {} bytes that follow hold at most {}",
                                           n_tensors_, remaining(), remaining() / kTensorBytesMin));
  return {};
}

Result<void> Reader::read_entry(uint64_t index) {
  subject_kind_ = "key", subject_index_ = index, subject_name_ = {};
  const uint64_t at = in_.offset();
  TRY_ASSIGN(const std::string_view key, string("name", kKeyBytesMax));
  if (key.empty()) return fault("gguf-key", fmt::format("name at offset {} is empty", at));
  subject_name_ = key;
  TRY_ASSIGN(const ValueType type, value_type("value type"));
  TRY_ASSIGN(Value value, read_value(type));
  header_.metadata.entries_.emplace_back(key, value);
  return {};
}

Result<Value> Reader::read_value(ValueType type) {
  switch (type) {
    case ValueType::u8: return scalar<uint64_t, uint8_t>(type);
    case ValueType::u16: return scalar<uint64_t, uint16_t>(type);
    case ValueType::u32: return scalar<uint64_t, uint32_t>(type);
    case ValueType::u64: return scalar<uint64_t, uint64_t>(type);
    case ValueType::i8: return scalar<int64_t, int8_t>(type);
    case ValueType::i16: return scalar<int64_t, int16_t>(type);
    case ValueType::i32: return scalar<int64_t, int32_t>(type);
    case ValueType::i64: return scalar<int64_t, int64_t>(type);
    case ValueType::f32: return scalar<double, float>(type);
    case ValueType::f64: return scalar<double, double>(type);
    case ValueType::boolean: {
      const uint64_t at = in_.offset();
      TRY_ASSIGN(const uint8_t byte, number<uint8_t>("value"));
      if (byte > 1) return fault("gguf-bool", fmt::format("bool at offset {} is {}; only 0 and 1 are allowed", at, byte));
      return Value{type, byte == 1};
    }
    case ValueType::string: {
      TRY_ASSIGN(const std::string_view text, string("value", kStringBytesMax));
      return Value{type, text};
    }
    case ValueType::array: break;
  }
  return read_array();
}

Result<Value> Reader::read_array() {
  const uint64_t at = in_.offset();
  TRY_ASSIGN(const ValueType element, value_type("array element type"));
  if (element == ValueType::array)
    return fault("gguf-array", fmt::format("array at offset {} holds arrays; lupo reads arrays of scalars and strings", at));
  TRY_ASSIGN(const uint64_t count, number<uint64_t>("array count"));
  if (count > kArrayItemsMax)
    return fault("gguf-array", fmt::format("array at offset {} has {} items; the limit is {}", at, count, kArrayItemsMax));
  if (count > remaining() / bytes_min(element))
    return fault("gguf-array",
                 fmt::format("array at offset {} has {} items of type {}, but the {} bytes that follow hold at most {}", at,
                             count, value_type_name(element), remaining(), remaining() / bytes_min(element)));
  const uint64_t begin = in_.offset();
  TRY(check_items(element, count));
  return Value{ValueType::array, ArrayView{element, count, file_.subspan(begin, in_.offset() - begin)}};
}

Result<void> Reader::check_items(ValueType element, uint64_t count) {
  if (element == ValueType::string) {
    for (uint64_t i = 0; i < count; ++i) TRY(string("array item", kStringBytesMax));
    return {};
  }
  const uint64_t at = in_.offset();
  std::span<const std::byte> items;
  if (!in_.take(count * bytes_min(element), items)) return truncated("array", count * bytes_min(element));
  if (element != ValueType::boolean) return {};
  const auto wrong = std::ranges::find_if(items, [](std::byte item) { return static_cast<uint8_t>(item) > 1; });
  if (wrong == items.end()) return {};
  return fault("gguf-bool", fmt::format("bool at offset {} is {}; only 0 and 1 are allowed",
                                        at + static_cast<uint64_t>(wrong - items.begin()), static_cast<int>(*wrong)));
}

Result<void> Reader::index_keys() {
  auto& [entries, by_key] = header_.metadata;
  by_key.resize(entries.size());
  std::iota(by_key.begin(), by_key.end(), 0u);
  std::ranges::sort(by_key, {}, [&](uint32_t i) { return entries[i].first; });
  const auto twice = std::ranges::adjacent_find(by_key, {}, [&](uint32_t i) { return entries[i].first; });
  if (twice == by_key.end()) return {};
  return fault("gguf-duplicate",
               fmt::format("key '{}' appears twice, as number {} and {}", printable(entries[twice[0]].first, 128),
                           std::min(twice[0], twice[1]), std::max(twice[0], twice[1])));
}

Result<void> Reader::read_alignment() {
  header_.alignment = kAlignmentDefault;
  constexpr std::string_view kKey = "general.alignment";
  if (!header_.metadata.find(kKey)) return {};
  auto alignment = header_.metadata.integer(kKey, kAlignmentMin, kAlignmentMax);
  if (!alignment) return fault("gguf-alignment", alignment.error().what);
  if (!std::has_single_bit(static_cast<uint64_t>(*alignment)))
    return fault("gguf-alignment", fmt::format("{} is {}; it must be a power of two from {} to {}", kKey, *alignment,
                                               kAlignmentMin, kAlignmentMax));
  header_.alignment = static_cast<uint32_t>(*alignment);
  return {};
}

Result<void> Reader::read_tensor(uint64_t index) {
  subject_kind_ = "tensor", subject_index_ = index, subject_name_ = {};
  const uint64_t at = in_.offset();
  TensorInfo tensor = {};
  tensor.shard = shard_;
  TRY_ASSIGN(tensor.name, string("name", kTensorNameBytesMax));
  if (tensor.name.empty()) return fault("gguf-tensor-name", fmt::format("name at offset {} is empty", at));
  subject_name_ = tensor.name;
  TRY(read_shape(tensor));
  TRY(read_type(tensor));
  const uint64_t offset_at = in_.offset();
  TRY_ASSIGN(const uint64_t offset, number<uint64_t>("data offset"));
  if (offset % header_.alignment != 0)
    return fault("gguf-offset", fmt::format("data offset {} (at offset {}) is no multiple of the alignment {}", offset, offset_at,
                                            header_.alignment));
  header_.tensors.push_back(tensor);
  offsets_.push_back(offset);
  return {};
}

Result<void> Reader::read_shape(TensorInfo& tensor) {
  const uint64_t at = in_.offset();
  TRY_ASSIGN(const uint32_t n_dims, number<uint32_t>("dimension count"));
  if (n_dims < 1 || n_dims > kDimsMax)
    return fault("gguf-dims", fmt::format("has {} dimensions (at offset {}); 1 to {} are possible", n_dims, at, kDimsMax));
  tensor.n_dims = static_cast<int>(n_dims);
  tensor.dim.fill(1);
  int64_t elements = 1;
  for (uint32_t i = 0; i < n_dims; ++i) {
    const uint64_t dim_at = in_.offset();
    TRY_ASSIGN(const uint64_t dim, number<uint64_t>("dimension"));
    if (dim == 0 || __builtin_mul_overflow(elements, dim, &elements))
      return fault("gguf-dims",
                   fmt::format("dimension {} (at offset {}) is {}: {}", i, dim_at, dim,
                               dim == 0 ? "it must be at least 1" : "the product of the dimensions exceeds 2^63 - 1"));
    tensor.dim[i] = static_cast<int64_t>(dim);
  }
  return {};
}

Result<void> Reader::read_type(TensorInfo& tensor) {
  const uint64_t at = in_.offset();
  TRY_ASSIGN(const uint32_t id, number<uint32_t>("type"));
  const TypeInfo* type = find_type(static_cast<int64_t>(id));
  if (!type) {
    std::vector<std::string_view> names;
    for (const TypeInfo& known : all_types()) names.push_back(known.name);
    return fault("gguf-type", fmt::format("type {} (at offset {}) is unknown or was removed from GGUF; known are {}", id, at,
                                          fmt::join(names, ", ")));
  }
  tensor.type = type->id;
  if (tensor.dim[0] % type->block_elements != 0)
    return fault("gguf-dims", fmt::format("dimension 0 is {}, no multiple of {}'s block of {} values", tensor.dim[0], type->name,
                                          type->block_elements));
  int64_t bytes = tensor.dim[0] / type->block_elements;
  for (const int64_t factor : {int64_t{type->block_bytes}, tensor.dim[1], tensor.dim[2], tensor.dim[3]})
    if (__builtin_mul_overflow(bytes, factor, &bytes))
      return fault("gguf-dims",
                   fmt::format("[{}] of type {} is more than 2^63 - 1 bytes", fmt::join(tensor.dim, ", "), type->name));
  tensor.bytes = bytes;
  return {};
}

// Every tensor lies inside the data section, each begins where the one before it ends (padded): no overlap, no unowned bytes.
Result<void> Reader::place_tensors() {
  if (n_tensors_ == 0) return {};
  const uint64_t alignment = header_.alignment;
  const uint64_t data_at = (in_.offset() + alignment - 1) / alignment * alignment;
  const uint64_t data_bytes = data_at < file_bytes_ ? file_bytes_ - data_at : 0;

  std::vector<uint32_t> order(n_tensors_);
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, {}, [&](uint32_t i) { return std::pair(offsets_[i], i); });
  uint64_t end = 0;  // of the tensors so far
  std::string_view previous;
  for (const uint32_t i : order) {
    TensorInfo& tensor = header_.tensors[i];
    const uint64_t offset = offsets_[i], bytes = static_cast<uint64_t>(tensor.bytes);
    subject_kind_ = "tensor", subject_index_ = i, subject_name_ = tensor.name;
    uint64_t tensor_end;
    if (__builtin_add_overflow(offset, bytes, &tensor_end) || tensor_end > data_bytes)
      return fault("gguf-bounds",
                   fmt::format("its {} bytes at data offset {} end behind the data section, which begins at {} and has {} "
                               "bytes in a file of {}: the file is truncated or the offset wrong",
                               bytes, offset, data_at, data_bytes, file_bytes_));
    if (offset < end)
      return fault("gguf-overlap", fmt::format("data offset {} lies inside tensor '{}', which ends at {}", offset,
                                               printable(previous, 128), end));
    const uint64_t expected = (end + alignment - 1) / alignment * alignment;
    if (offset != expected)
      return fault("gguf-offset",
                   fmt::format("data offset is {}, but the data before it ends at {}: {} was expected", offset, end, expected));
    tensor.data = file_.size() < file_bytes_ ? nullptr : file_.data() + data_at + offset;
    end = tensor_end;
    previous = tensor.name;
  }
  return {};
}

}  // namespace lupo::gguf
