// What must hold for any bytes given to the GGUF reader: a File whose every view lies inside the bytes, or an error that names
// the file and a fix. Shared by the fuzz target and the replay test.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "model/gguf/file_name.h"
#include "model/gguf/gguf.h"
#include "model/gguf/writer.h"

namespace lupo::gguf {

inline bool inside(const void* begin, size_t length, uintptr_t low, uintptr_t high) {
  const auto at = reinterpret_cast<uintptr_t>(begin);
  return at >= low && at <= high && length <= high - at;
}

// Reads everything once. "" when all is well, else what is broken. `low`, `high`: the addresses of the file's bytes.
inline std::string broken_view(const File& file, uintptr_t low, uintptr_t high) {
  const Metadata& metadata = file.metadata();
  for (const auto& [key, value] : metadata.entries()) {
    if (!inside(key.data(), key.size(), low, high)) return "key outside the file";
    if (metadata.find(key) != &value) return fmt::format("find({}) gives another value", key);
    for (const bool ok :
         {metadata.integer(key, INT64_MIN, INT64_MAX).has_value(), metadata.number(key).has_value(),
          metadata.boolean(key).has_value(), metadata.integers(key).has_value(), metadata.floats(key).has_value()})
      if (ok && std::holds_alternative<std::string_view>(value.data)) return "a string was read as a number";
    if (const auto text = metadata.string(key); text && !inside(text->data(), text->size(), low, high))
      return "string outside the file";
    if (const auto texts = metadata.strings(key))
      for (const std::string_view text : *texts)
        if (!inside(text.data(), text.size(), low, high)) return "array item outside the file";
  }
  const std::byte* end = nullptr;
  for (const TensorInfo& tensor : file.tensors()) {
    if (!inside(tensor.data, static_cast<size_t>(tensor.bytes), low, high)) return "tensor outside the file";
    if (tensor.bytes != row_bytes(tensor.type, tensor.dim[0]) * tensor.dim[1] * tensor.dim[2] * tensor.dim[3])
      return "bytes of a tensor";
    if (file.find(tensor.name) != &tensor) return "find() gives another tensor";
    end = std::max(end, tensor.data + tensor.bytes);
  }
  check_file_name(parse_file_name("Fuzz-8x7B-A1B-v0.1-Q4_K_M.gguf"), file);
  return "";
}

// Of an accepted file the header alone says the same, and less than the header is not enough.
inline std::string broken_head(std::span<const std::byte> input, const File& file) {
  const auto size = static_cast<int64_t>(input.size());
  const auto head = header_bytes(input, size, "fuzz.gguf");
  if (!head || *head > input.size()) return "no bytes of a header";
  const auto less = header_bytes(input.first(*head - 1), size, "fuzz.gguf");
  if (less || less.error().code != "gguf-partial") return "a header that lacks a byte is taken as whole";
  const auto begin = input.begin(), end = input.begin() + static_cast<std::ptrdiff_t>(*head);
  const auto alone = File::from_heads({Head{"fuzz.gguf", {begin, end}, size}});
  if (!alone) return "the header alone is refused: " + alone.error().what;
  if (alone->file_bytes() != file.file_bytes() || alone->has_data() != (*head == input.size()))
    return "the size of a header's file";
  const auto same = [&](const TensorInfo& a, const TensorInfo& b) {
    return a.name == b.name && a.type == b.type && a.dim == b.dim && a.bytes == b.bytes && (alone->has_data() || !a.data);
  };
  if (!std::ranges::equal(alone->tensors(), file.tensors(), same)) return "a header's tensors";
  return alone->metadata().entries().size() == file.metadata().entries().size() ? "" : "a header's keys";
}

// Opens, reads everything, and writes the keys again: what was accepted must survive.
inline std::string broken_invariant(std::span<const std::byte> input) {
  std::vector<std::byte> bytes(std::max<size_t>(input.size(), 1));
  std::copy(input.begin(), input.end(), bytes.begin());
  bytes.resize(input.size());
  const auto low = reinterpret_cast<uintptr_t>(bytes.data());  // moving a vector keeps its storage
  const uintptr_t high = low + bytes.size();
  const auto file = File::from_bytes(std::move(bytes), "fuzz.gguf");
  if (!file) {
    const Error& error = file.error();
    if (error.layer != Layer::model || error.code.empty() || error.fix.empty() || !error.what.starts_with("fuzz.gguf: "))
      return "error: " + error.what;
    return "";
  }
  if (std::string broken = broken_view(*file, low, high); !broken.empty()) return broken;
  if (std::string broken = broken_head(input, *file); !broken.empty()) return broken;

  Writer writer(file->alignment());
  for (const auto& [key, value] : file->metadata().entries()) writer.set(key, value);
  for (const TensorInfo& tensor : file->tensors())
    if (!writer.add_tensor(tensor.name, tensor.type, std::span(tensor.dim).first(static_cast<size_t>(tensor.n_dims)),
                           std::span(tensor.data, static_cast<size_t>(tensor.bytes))))
      return "an accepted tensor cannot be written";
  auto written = writer.to_bytes();
  if (!written) return written.error().what;
  const auto again = File::from_bytes(std::move(*written), "written.gguf");
  if (!again) return "what was written is refused: " + again.error().what;
  const size_t n_keys = file->metadata().entries().size() - (file->metadata().find("general.alignment") ? 1 : 0);
  const size_t n_again = again->metadata().entries().size() - (again->metadata().find("general.alignment") ? 1 : 0);
  return n_keys == n_again && again->tensors().size() == file->tensors().size() ? "" : "writing lost keys or tensors";
}

}  // namespace lupo::gguf
