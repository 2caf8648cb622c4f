#include "cli/npy.h"

#include <fmt/format.h>

namespace lupo::cli {

Result<NpyWriter> NpyWriter::create(const std::string& path, int64_t n_rows, int64_t n_columns) {
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", n_rows, n_columns);
  // Magic, version and length take 10 bytes; with the padding and the newline the data begin at a multiple of 64.
  header.append(63 - (10 + header.size()) % 64, ' ').push_back('\n');
  std::string start("\x93NUMPY\x01\x00", 8);
  start.push_back(static_cast<char>(header.size() & 0xff));
  start.push_back(static_cast<char>(header.size() >> 8));
  start += header;
  const int64_t bytes = static_cast<int64_t>(start.size()) + n_rows * n_columns * static_cast<int64_t>(sizeof(float));
  TRY_ASSIGN(AtomicFile file, AtomicFile::create(path, bytes));
  TRY(file.write(std::as_bytes(std::span(start))));
  return NpyWriter(std::move(file));
}

Result<void> NpyWriter::write(std::span<const float> values) { return file_.write(std::as_bytes(values)); }

}  // namespace lupo::cli
