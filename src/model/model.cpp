#include "model/model.h"

namespace lupo {

Result<Model> Model::open(const std::string& path) {
  TRY_ASSIGN(gguf::File file, gguf::File::open(path));
  return from_file(std::move(file));
}

Result<Model> Model::from_file(gguf::File file) {
  Model model;
  model.file_ = std::make_unique<gguf::File>(std::move(file));
  TRY_ASSIGN(const std::string_view architecture, model.metadata().string("general.architecture"));
  TRY_ASSIGN(model.arch_, find_arch(architecture));
  const HparamReader reader(model.metadata(), std::string(architecture));
  TRY_ASSIGN(model.hparams_, read_common_hparams(reader, model.arch_->traits));
  if (model.arch_->read != nullptr) TRY(model.arch_->read(reader, model.hparams_));
  for (const gguf::TensorInfo& tensor : model.file_->tensors())
    model.weights_.emplace(tensor.name, WeightInfo{tensor.type, {tensor.dim}});
  GraphRequest request{.n_ctx = 1, .n_batch = 1};
  if (!model.hparams_.causal) request.pooling = model.default_pooling();
  TRY_ASSIGN(Graph graph, model.graph(request));
  model.facts_ = facts_of(graph);
  model.notes_ = std::move(graph.notes);
  return model;
}

Result<const Tokenizer*> Model::tokenizer() const {
  if (tokenizer_ == nullptr) {
    TRY_ASSIGN(tokenizer_, Tokenizer::create(metadata()));
  }
  return tokenizer_.get();
}

Pooling Model::default_pooling() const {
  const bool has_head = weights_.contains("cls.weight") || weights_.contains("cls.output.weight");
  if (hparams_.pooling && (*hparams_.pooling != Pooling::rank || has_head)) return *hparams_.pooling;
  return hparams_.causal ? Pooling::last : Pooling::mean;
}

Result<Graph> Model::graph(const GraphRequest& request) const {
  Builder builder(weights_, request);
  return builder.finish(arch_->build(builder, hparams_));
}

const std::byte* Model::weight(const Graph& graph, TensorId id) const {
  const Tensor& tensor = graph[id];
  const gguf::TensorInfo& found = *file_->find(tensor.name);
  // A part of a vector begins at an element, one of a matrix at a row.
  const int64_t row = found.dim[1] == 1 ? type_info(tensor.type).block_bytes : row_bytes(tensor.type, tensor.shape.dim[0]);
  return found.data + tensor.first_row * row;
}

}  // namespace lupo
