#include "model/gguf/writer.h"

#include <fmt/format.h>

#include <bit>
#include <cassert>

#include "base/atomic_file.h"
#include "base/printable.h"
#include "model/gguf/limits.h"

namespace lupo::gguf {
namespace {

constexpr std::string_view kAlignmentKey = "general.alignment";

int64_t padded(int64_t bytes, uint32_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }

std::unexpected<Error> mistake(std::string_view name, const std::string& what) {
  return fail(Layer::model, "gguf-write", fmt::format("tensor '{}': {}", printable(name, 128), what),
              "please report this with the command line");
}

// Bytes of a tensor, or why there can be none.
Result<int64_t> tensor_bytes(std::string_view name, Type type, std::span<const int64_t> dim) {
  if (dim.empty() || dim.size() > kDimsMax)
    return mistake(name, fmt::format("has {} dimensions; 1 to {} are possible", dim.size(), kDimsMax));
  const TypeInfo& info = type_info(type);
  if (dim[0] % info.block_elements != 0)
    return mistake(
        name, fmt::format("dimension 0 is {}, no multiple of {}'s block of {} values", dim[0], info.name, info.block_elements));
  int64_t bytes = info.block_bytes;
  for (size_t i = 0; i < dim.size(); ++i)
    if (dim[i] < 1 || __builtin_mul_overflow(bytes, i == 0 ? dim[0] / info.block_elements : dim[i], &bytes))
      return mistake(name, fmt::format("dimension {} is {}", i, dim[i]));
  return bytes;
}

}  // namespace

Writer::Writer(uint32_t alignment, uint32_t version) : alignment_(alignment), version_(version) {
  assert(std::has_single_bit(alignment) && alignment >= kAlignmentMin && alignment <= kAlignmentMax);
  if (alignment == kAlignmentDefault) return;
  std::string bytes;
  append(bytes, alignment);
  entries_.push_back({std::string(kAlignmentKey), ValueType::u32, std::move(bytes)});
}

void Writer::append_string(std::string& bytes, std::string_view text) {
  append(bytes, uint64_t{text.size()});
  bytes += text;
}

std::string Writer::array_header(ValueType element, uint64_t count) {
  std::string bytes;
  append(bytes, static_cast<uint32_t>(element));
  append(bytes, count);
  return bytes;
}

void Writer::store(std::string_view key, ValueType type, std::string bytes) {
  if (key == kAlignmentKey) return;
  const auto [at, is_new] = entry_of_key_.try_emplace(std::string(key), entries_.size());
  if (is_new)
    entries_.push_back({std::string(key), type, std::move(bytes)});
  else
    entries_[at->second] = {std::string(key), type, std::move(bytes)};
}

void Writer::set(std::string_view key, std::string_view text) {
  std::string bytes;
  append_string(bytes, text);
  store(key, ValueType::string, std::move(bytes));
}

void Writer::set_array(std::string_view key, std::span<const std::string_view> items) {
  std::string bytes = array_header(ValueType::string, items.size());
  for (const std::string_view item : items) append_string(bytes, item);
  store(key, ValueType::array, std::move(bytes));
}

void Writer::set(std::string_view key, const Value& value) {
  const auto integer = [&]() -> uint64_t {  // the low bytes are the same for both signs
    if (const auto* number = std::get_if<int64_t>(&value.data)) return static_cast<uint64_t>(*number);
    return std::get<uint64_t>(value.data);
  };
  switch (value.type) {
    case ValueType::u8: return set(key, static_cast<uint8_t>(integer()));
    case ValueType::i8: return set(key, static_cast<int8_t>(integer()));
    case ValueType::u16: return set(key, static_cast<uint16_t>(integer()));
    case ValueType::i16: return set(key, static_cast<int16_t>(integer()));
    case ValueType::u32: return set(key, static_cast<uint32_t>(integer()));
    case ValueType::i32: return set(key, static_cast<int32_t>(integer()));
    case ValueType::u64: return set(key, static_cast<uint64_t>(integer()));
    case ValueType::i64: return set(key, static_cast<int64_t>(integer()));
    case ValueType::f32: return set(key, static_cast<float>(std::get<double>(value.data)));
    case ValueType::f64: return set(key, std::get<double>(value.data));
    case ValueType::boolean: return set(key, std::get<bool>(value.data));
    case ValueType::string: return set(key, std::get<std::string_view>(value.data));
    case ValueType::array: break;
  }
  const auto& array = std::get<ArrayView>(value.data);
  std::string bytes = array_header(array.element, array.count);
  bytes.append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
  store(key, ValueType::array, std::move(bytes));
}

Result<void> Writer::add_tensor(std::string_view name, Type type, std::span<const int64_t> dim, std::span<const std::byte> data) {
  TRY_ASSIGN(const int64_t bytes, tensor_bytes(name, type, dim));
  if (bytes != static_cast<int64_t>(data.size()))
    return mistake(name, fmt::format("[{}] of type {} is {} bytes, {} are given", fmt::join(dim, ", "), type_info(type).name,
                                     bytes, data.size()));
  return add_tensor(name, type, dim, [data](const Sink& sink) { return sink(data); });
}

Result<void> Writer::add_tensor(std::string_view name, Type type, std::span<const int64_t> dim, Producer data) {
  TRY_ASSIGN(const int64_t bytes, tensor_bytes(name, type, dim));
  if (name.empty() || name.size() > kTensorNameBytesMax)
    return mistake(name, fmt::format("its name has {} bytes; 1 to {} are possible", name.size(), kTensorNameBytesMax));
  if (!item_of_name_.try_emplace(std::string(name), items_.size()).second) return mistake(name, "was added before");
  int64_t end;
  if (__builtin_add_overflow(data_bytes_, bytes, &end) || end > INT64_MAX - alignment_)
    return mistake(name, "the file would pass 2^63 bytes");
  items_.push_back({std::string(name), type, {dim.begin(), dim.end()}, bytes, data_bytes_, std::move(data)});
  data_bytes_ = padded(end, alignment_);
  return {};
}

std::string Writer::header() const {
  std::string bytes = "GGUF";
  append(bytes, version_);
  append(bytes, uint64_t{items_.size()});
  append(bytes, uint64_t{entries_.size()});
  for (const Entry& entry : entries_) {
    append_string(bytes, entry.key);
    append(bytes, static_cast<uint32_t>(entry.type));
    bytes += entry.bytes;
  }
  for (const Item& item : items_) {
    append_string(bytes, item.name);
    append(bytes, static_cast<uint32_t>(item.dim.size()));
    for (const int64_t dim : item.dim) append(bytes, static_cast<uint64_t>(dim));
    append(bytes, static_cast<uint32_t>(item.type));
    append(bytes, static_cast<uint64_t>(item.offset));
  }
  bytes.resize(static_cast<size_t>(padded(static_cast<int64_t>(bytes.size()), alignment_)));
  return bytes;
}

int64_t Writer::file_bytes() const { return static_cast<int64_t>(header().size()) + data_bytes_; }

Result<void> Writer::stream(const Sink& sink) const {
  const std::string start = header();
  TRY(sink(std::as_bytes(std::span(start))));
  const std::vector<std::byte> zeros(alignment_);  // [alignment_]
  for (const Item& item : items_) {
    int64_t bytes = 0;
    TRY(item.data([&](std::span<const std::byte> piece) -> Result<void> {
      bytes += static_cast<int64_t>(piece.size());
      if (bytes > item.bytes) return mistake(item.name, fmt::format("more than its {} bytes were produced", item.bytes));
      return sink(piece);
    }));
    if (bytes != item.bytes) return mistake(item.name, fmt::format("{} bytes were produced instead of {}", bytes, item.bytes));
    TRY(sink(std::span(zeros).first(static_cast<size_t>(padded(bytes, alignment_) - bytes))));
  }
  return {};
}

Result<void> Writer::write(const std::string& path) const {
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path, file_bytes()));
  TRY(stream([&](std::span<const std::byte> piece) { return file.write(piece); }));
  return file.commit();
}

Result<std::vector<std::byte>> Writer::to_bytes() const {
  std::vector<std::byte> bytes;
  TRY(stream([&](std::span<const std::byte> piece) -> Result<void> {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return {};
  }));
  return bytes;
}

}  // namespace lupo::gguf
