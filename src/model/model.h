// A model: a GGUF file, its checked hyper-parameters, its architecture and its tokenizer, ready to build graphs from.
//
// Opening reads the header and dry-runs the architecture, so that missing, surplus and misshapen tensors are reported before
// anything is allocated. Owns the mapping; graphs and programs made from a Model must not outlive it. const use is thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "graph/builder.h"
#include "model/arch/arch.h"
#include "model/arch/hparams.h"
#include "model/gguf/gguf.h"
#include "model/text/tokenizer.h"

namespace lupo {

// What a model costs, from its graph.
struct ModelFacts {
  int64_t params_total = 0;     // values of all weights
  int64_t params_active = 0;    // of those that take part in a token: all, less the experts not chosen
  int64_t bytes_per_token = 0;  // weight bytes read for one decoded token: one embedding row, a tied head once
};

class Model {
 public:
  static Result<Model> open(const std::string& path);

  const gguf::File& file() const { return *file_; }
  const gguf::Metadata& metadata() const { return file_->metadata(); }
  const Hparams& hparams() const { return hparams_; }
  const Arch& arch() const { return *arch_; }
  const ModelFacts& facts() const { return facts_; }
  // Of embeddings where nobody says otherwise: the file's own, else mean, of a decoder the last token.
  Pooling default_pooling() const;
  // Made at the first call ({model, …} when the vocabulary is broken or its kind unknown); the logits verb needs none.
  Result<const Tokenizer*> tokenizer() const;

  Result<Graph> graph(const GraphRequest& request) const;
  // First byte of a weight of a graph of this model.
  const std::byte* weight(const Graph& graph, TensorId id) const;

 private:
  std::unique_ptr<gguf::File> file_;
  WeightTable weights_;
  const Arch* arch_ = nullptr;
  Hparams hparams_;
  ModelFacts facts_;
  mutable std::unique_ptr<Tokenizer> tokenizer_;
};

}  // namespace lupo
