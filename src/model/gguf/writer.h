// Writing GGUF: keys are collected in memory, tensor data is streamed from its source when the file is written.
//
// Little-endian, version 3 (or 2, whose layout is the same); one file, no shards. Not thread-safe.
// Errors: {model, gguf-write} for a caller's mistake in a name, shape or length; those of base/atomic_file.h for the disk.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf/gguf.h"

namespace lupo::gguf {

// Takes the next bytes of the data being written.
using Sink = std::function<Result<void>(std::span<const std::byte>)>;
// Hands all bytes of one tensor to the sink, in order, in pieces of any size. Called once for each write().
using Producer = std::function<Result<void>(const Sink&)>;

template <class T>
concept Scalar = std::same_as<T, uint8_t> || std::same_as<T, int8_t> || std::same_as<T, uint16_t> || std::same_as<T, int16_t> ||
                 std::same_as<T, uint32_t> || std::same_as<T, int32_t> || std::same_as<T, float> || std::same_as<T, bool> ||
                 std::same_as<T, uint64_t> || std::same_as<T, int64_t> || std::same_as<T, double>;

class Writer {
 public:
  explicit Writer(uint32_t alignment = 32, uint32_t version = 3);

  // Sets a key; one that was set before keeps its place and gets the new value. The type written is that of the argument.
  // general.alignment is the constructor's alone: setting it is ignored, so that all keys of another file can be copied.
  template <Scalar T>
  void set(std::string_view key, T value) {
    std::string bytes;
    append(bytes, value);
    store(key, type_of<T>(), std::move(bytes));
  }
  void set(std::string_view key, std::string_view text);
  void set(std::string_view key, const char* text) { set(key, std::string_view(text)); }
  template <Scalar T>
  void set_array(std::string_view key, std::span<const T> items) {
    std::string bytes = array_header(type_of<T>(), items.size());
    for (const T item : items) append(bytes, item);
    store(key, ValueType::array, std::move(bytes));
  }
  void set_array(std::string_view key, std::span<const std::string_view> items);
  void set(std::string_view key, const Value& value);  // as it was read from another file

  // dim[0] is contiguous; data are whole blocks of `type`. The span must live until write() returns.
  Result<void> add_tensor(std::string_view name, Type type, std::span<const int64_t> dim, std::span<const std::byte> data);
  Result<void> add_tensor(std::string_view name, Type type, std::span<const int64_t> dim, Producer data);

  std::string header() const;  // what stands before the tensors' data
  int64_t file_bytes() const;
  // Through a temporary file: `path` has the whole content or is untouched.
  Result<void> write(const std::string& path) const;
  Result<std::vector<std::byte>> to_bytes() const;

 private:
  struct Entry {
    std::string key;
    ValueType type;
    std::string bytes;  // the value as it stands in the file
  };
  struct Item {
    std::string name;
    Type type;
    std::vector<int64_t> dim;
    int64_t bytes;
    int64_t offset;  // in the data section
    Producer data;
  };

  template <Scalar T>
  static constexpr ValueType type_of() {
    if constexpr (std::same_as<T, bool>)
      return ValueType::boolean;
    else if constexpr (std::same_as<T, float>)
      return ValueType::f32;
    else if constexpr (std::same_as<T, double>)
      return ValueType::f64;
    else if constexpr (sizeof(T) == 1)
      return std::signed_integral<T> ? ValueType::i8 : ValueType::u8;
    else if constexpr (sizeof(T) == 2)
      return std::signed_integral<T> ? ValueType::i16 : ValueType::u16;
    else if constexpr (sizeof(T) == 4)
      return std::signed_integral<T> ? ValueType::i32 : ValueType::u32;
    else
      return std::signed_integral<T> ? ValueType::i64 : ValueType::u64;
  }
  template <Scalar T>
  static void append(std::string& bytes, T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  static void append_string(std::string& bytes, std::string_view text);
  static std::string array_header(ValueType element, uint64_t count);
  void store(std::string_view key, ValueType type, std::string bytes);
  Result<void> stream(const Sink& sink) const;

  uint32_t alignment_, version_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> entry_of_key_;
  std::vector<Item> items_;
  std::map<std::string, size_t, std::less<>> item_of_name_;
  int64_t data_bytes_ = 0;  // padded
};

}  // namespace lupo::gguf
