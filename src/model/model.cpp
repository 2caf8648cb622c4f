#include "model/model.h"

#include "graph/ops/op.h"

namespace lupo {
namespace {

ModelFacts facts_of(const Graph& graph) {
  ModelFacts facts;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (tensor.life != Life::weight) continue;
    facts.params_total += tensor.shape.elements(1, 1);
    if (tensor.shape.dim[1] == 1)
      facts.bytes_per_token += graph.bytes_max(static_cast<TensorId>(i));  // vectors: norms, biases, factors
  }
  facts.params_active = facts.params_total;
  for (const Node& node : graph.nodes) {
    const auto* moe = std::get_if<MoeAttrs>(&node.attrs);
    if (moe == nullptr) continue;
    for (size_t i : kMoeMatrices) {
      if (node.in[i] == kNone) continue;
      const Shape& experts = graph[node.in[i]].shape;
      facts.params_active -= experts.dim[0] * experts.dim[1] * (moe->n_expert - moe->n_used);
    }
  }
  for (const Node& node : graph.nodes)
    facts.bytes_per_token += static_cast<int64_t>(op_info(node.op()).cost(graph, node, 1, 1, 0).weight_bytes);
  return facts;
}

}  // namespace

Result<Model> Model::open(const std::string& path) {
  Model model;
  TRY_ASSIGN(gguf::File file, gguf::File::open(path));
  model.file_ = std::make_unique<gguf::File>(std::move(file));
  TRY_ASSIGN(const std::string_view architecture, model.metadata().string("general.architecture"));
  TRY_ASSIGN(model.arch_, find_arch(architecture));
  const HparamReader reader(model.metadata(), std::string(architecture));
  TRY_ASSIGN(model.hparams_, read_common_hparams(reader, model.arch_->hybrid));
  if (model.arch_->read != nullptr) TRY(model.arch_->read(reader, model.hparams_));
  for (const gguf::TensorInfo& tensor : model.file_->tensors())
    model.weights_.emplace(tensor.name, WeightInfo{tensor.type, {tensor.dim}});
  TRY_ASSIGN(Graph graph, model.graph({.n_ctx = 1, .n_batch = 1, .k_type = Type::f32, .v_type = Type::f32}));
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

Result<Graph> Model::graph(const GraphRequest& request) const {
  Builder builder(weights_, request);
  return builder.finish(arch_->build(builder, hparams_));
}

const std::byte* Model::weight(const Graph& graph, TensorId id) const {
  const Tensor& tensor = graph[id];
  // A part of a vector begins at an element, one of a matrix at a row.
  const int64_t row = tensor.shape.dim[1] == 1 ? type_info(tensor.type).block_bytes : row_bytes(tensor.type, tensor.shape.dim[0]);
  return file_->find(tensor.name)->data + tensor.first_row * row;
}

}  // namespace lupo
