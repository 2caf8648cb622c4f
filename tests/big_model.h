// Files of real models' size without their weights: a true header, and behind it nothing but a hole, which takes no disk. What
// plans, places and predicts reads no more than that.
#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/gguf/writer.h"
#include "model/model.h"
#include "test_folder.h"

namespace lupo {

class BigModel {
 public:
  BigModel(std::string name, std::string architecture) : name_(std::move(name)), prefix_(architecture + ".") {
    writer_.set("general.architecture", architecture);
  }

  template <class Value>
  BigModel& key(const std::string& key, Value value) {
    writer_.set(prefix_ + key, value);
    return *this;
  }
  // Of general.*, without the architecture's prefix.
  BigModel& general(const std::string& key, const char* value) {
    writer_.set("general." + key, value);
    return *this;
  }
  BigModel& tensor(const std::string& name, Type type, std::vector<int64_t> dim) {
    const auto added = writer_.add_tensor(name, type, dim, [](const gguf::Sink&) -> Result<void> { return {}; });
    if (!added) throw std::runtime_error(added.error().what);
    return *this;
  }
  // For blocks.
  BigModel& in(int64_t layer) {
    block_ = "blk." + std::to_string(layer) + ".";
    return *this;
  }
  BigModel& matrix(const std::string& name, Type type, std::vector<int64_t> dim) { return tensor(block_ + name, type, dim); }
  BigModel& vector(const std::string& name, int64_t width) { return tensor(block_ + name, Type::f32, {width}); }
  BigModel& top() {
    block_.clear();
    return *this;
  }

  void write(const std::string& path) const {
    std::ofstream(path, std::ios::binary) << writer_.header();
    std::filesystem::resize_file(path, static_cast<uintmax_t>(writer_.file_bytes()));
  }
  Model open() const {
    const TestFolder folder;  // the mapping outlives the file
    const std::string path = folder.path(name_ + ".gguf");
    write(path);
    auto model = Model::open(path);
    if (!model) throw std::runtime_error(model.error().what);
    return std::move(*model);
  }

 private:
  std::string name_, prefix_, block_;
  gguf::Writer writer_;
};

// Keys that all have.
inline BigModel& sizes(BigModel& model, uint32_t n_layer, uint32_t n_embd, uint32_t n_head, uint32_t n_kv_head, uint32_t head_dim,
                       uint32_t n_ff, uint32_t n_vocab, uint32_t n_ctx) {
  return model.key("block_count", n_layer)
      .key("embedding_length", n_embd)
      .key("attention.head_count", n_head)
      .key("attention.head_count_kv", n_kv_head)
      .key("attention.key_length", head_dim)
      .key("attention.value_length", head_dim)
      .key("feed_forward_length", n_ff)
      .key("vocab_size", n_vocab)
      .key("context_length", n_ctx)
      .key("rope.freq_base", 1e6f)
      .key("attention.layer_norm_rms_epsilon", 1e-6f);
}

}  // namespace lupo
