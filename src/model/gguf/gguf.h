// Reading GGUF: a file (or all shards of a split one) mapped read-only, its header checked before anything is used.
//
// Zero-copy: keys, strings, arrays and tensor data are views into the mapping and live as long as the File. Opening costs
// the header alone. Every count, length, offset, product of dimensions and alignment is checked against the bytes that are
// there before it is used or allocated for; a fault gives an Error {model, gguf-…} that names file, key or tensor, the value
// and the limit. Reading is thread-safe. Source: the GGUF specification, versions 2 and 3, little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "quant/type.h"

namespace lupo::gguf {

enum class ValueType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
std::string_view value_type_name(ValueType type);  // "u32", "string"

// A one-dimensional array; nested arrays are refused when the file is opened.
struct ArrayView {
  ValueType element;
  uint64_t count;
  std::span<const std::byte> bytes;  // all items as they lie in the file (unaligned); strings with their length prefixes
};

// All unsigned and signed integer types widen to 64 bits, f32 to double; `type` keeps what the file said.
struct Value {
  ValueType type;
  std::variant<uint64_t, int64_t, double, bool, std::string_view, ArrayView> data;
};

class Metadata {
 public:
  const Value* find(std::string_view key) const;                                            // null when absent
  std::span<const std::pair<std::string_view, Value>> entries() const { return entries_; }  // in file order

  // Typed reads. A missing key gives {model, missing-key}; a wrong type {model, wrong-type}; a value outside
  // [min, max] {model, bad-value}; each names the key, what was found and what is wanted.
  Result<int64_t> integer(std::string_view key, int64_t min, int64_t max) const;
  Result<double> number(std::string_view key) const;  // any integer or float type; not finite is bad-value
  Result<bool> boolean(std::string_view key) const;
  Result<std::string_view> string(std::string_view key) const;
  Result<std::vector<int64_t>> integers(std::string_view key) const;  // array of any integer or bool type
  Result<std::vector<float>> floats(std::string_view key) const;      // array of f32 or f64
  Result<std::vector<std::string_view>> strings(std::string_view key) const;

 private:
  friend class Reader;
  std::vector<std::pair<std::string_view, Value>> entries_;
  std::vector<uint32_t> by_key_;  // indices of entries_, sorted by key
};

struct TensorInfo {
  std::string_view name;
  Type type;
  int n_dims;                  // 1…4
  std::array<int64_t, 4> dim;  // dim[0] is contiguous; 1 beyond n_dims
  int64_t bytes;               // of its data
  const std::byte* data;       // in the mapping; null where the header alone is here
  int shard;
};

// Number of values; the product was checked when the file was opened.
inline int64_t elements(const TensorInfo& tensor) { return tensor.dim[0] * tensor.dim[1] * tensor.dim[2] * tensor.dim[3]; }

// The beginning of a file, or of one shard, of which the rest is elsewhere.
struct Head {
  std::string path;  // for messages
  std::vector<std::byte> bytes;
  int64_t file_bytes = 0;  // of the whole
};

// Bytes of the header of a file that begins with `bytes`. Error {model, gguf-partial}: it goes on behind them; any other error
// stays, however much more of the file there is.
Result<size_t> header_bytes(std::span<const std::byte> bytes, int64_t file_bytes, const std::string& path);

class File {
 public:
  // Opens `path`; when its name ends in -00001-of-0000N.gguf, all N shards beside it (any shard's name may be given).
  // Tensors must lie inside the file one behind the other, padded to the alignment: no overlap, no bytes without an owner.
  static Result<File> open(const std::string& path);
  // The same from bytes in memory (one file, no shards); `name` stands for the path in messages. For tests and fuzzing.
  static Result<File> from_bytes(std::vector<std::byte> bytes, const std::string& name);
  // From the header alone, of a file or of all its shards in their order: all there is to know of it but the tensors' data.
  static Result<File> from_heads(std::vector<Head> heads);
  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  const std::string& path() const;
  uint32_t version() const;
  uint32_t alignment() const;
  const Metadata& metadata() const;             // of the first shard
  std::span<const TensorInfo> tensors() const;  // of all shards
  const TensorInfo* find(std::string_view name) const;
  int64_t file_bytes() const;  // sum over shards
  int n_shards() const;
  bool has_data() const;  // of the tensors
  // An error once a page of the mapping could not be read because the file was truncated under us; see base/mapped_file.h.
  Result<void> check_intact() const;

 private:
  struct State;
  explicit File(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lupo::gguf
