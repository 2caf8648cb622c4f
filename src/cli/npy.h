// NumPy's .npy files, version 1.0, float32 in C order: what `logits` writes. Source: numpy.lib.format, "NPY format".
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/atomic_file.h"

namespace lupo::cli {

// Streams rows of one two-dimensional array; the file appears under its name only by finish().
class NpyWriter {
 public:
  static Result<NpyWriter> create(const std::string& path, int64_t n_rows, int64_t n_columns);
  Result<void> write(std::span<const float> values);
  Result<void> finish() { return file_.commit(); }

 private:
  explicit NpyWriter(AtomicFile file) : file_(std::move(file)) {}
  AtomicFile file_;
};

}  // namespace lupo::cli
