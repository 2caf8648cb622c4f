// Parses and checks the header of one GGUF file or shard. Internal to model/gguf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/gguf/byte_reader.h"
#include "model/gguf/gguf.h"

namespace lupo::gguf {

struct Header {
  uint32_t version = 0;
  uint32_t alignment = 0;
  Metadata metadata;
  std::vector<TensorInfo> tensors;  // in file order
  size_t bytes = 0;                 // from the magic to the last tensor's offset
};

class Reader {
 public:
  // `file` may be the beginning alone of a file of `file_bytes`: then the tensors have no data, and where the header goes on
  // behind it the error is {model, gguf-partial}. `path` is for messages, `shard` goes into the tensors.
  Reader(std::span<const std::byte> file, size_t file_bytes, const std::string& path, int shard);
  Result<Header> read();

 private:
  Result<void> read_magic_and_version();
  Result<void> read_counts();
  Result<void> read_entry(uint64_t index);
  Result<Value> read_value(ValueType type);
  Result<Value> read_array();
  Result<void> check_items(ValueType element, uint64_t count);
  Result<void> index_keys();
  Result<void> read_alignment();
  Result<void> read_tensor(uint64_t index);
  Result<void> read_shape(TensorInfo& tensor);
  Result<void> read_type(TensorInfo& tensor);
  Result<void> place_tensors();

  template <class T>
  Result<T> number(std::string_view field);
  template <class Wide, class T>
  Result<Value> scalar(ValueType type);
  Result<std::string_view> string(std::string_view field, uint64_t bytes_max);
  Result<ValueType> value_type(std::string_view field);

  uint64_t remaining() const;   // bytes that the header may still have, here or not
  std::string subject() const;  // "key 3 'general.name'", "tensor 17 'output.weight'", "" before the first of them
  std::unexpected<Error> fault(std::string code, const std::string& what) const;
  std::unexpected<Error> truncated(std::string_view field, uint64_t bytes_wanted) const;

  const std::span<const std::byte> file_;  // as far as it is here
  const size_t file_bytes_;
  const std::string& path_;
  const int shard_;
  ByteReader in_;
  Header header_;
  uint64_t n_keys_ = 0, n_tensors_ = 0;
  std::vector<uint64_t> offsets_;  // [n_tensors_] of each tensor in the data section

  // What is being read, for messages.
  std::string_view subject_kind_, subject_name_;
  uint64_t subject_index_ = 0;
};

}  // namespace lupo::gguf
