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
#include "model/facts.h"
#include "model/gguf/gguf.h"
#include "model/text/tokenizer.h"

namespace lupo {

class Model {
 public:
  static Result<Model> open(const std::string& path);
  static Result<Model> from_file(gguf::File file);

  const gguf::File& file() const { return *file_; }
  const gguf::Metadata& metadata() const { return file_->metadata(); }
  const Hparams& hparams() const { return hparams_; }
  const Arch& arch() const { return *arch_; }
  const ModelFacts& facts() const { return facts_; }                // with a cache in F16
  const std::vector<std::string>& notes() const { return notes_; }  // Graph::notes
  // Of embeddings where nobody says otherwise: the file's own (but not rank without a classification head), else mean, of a
  // decoder the last token.
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
  std::vector<std::string> notes_;
  mutable std::unique_ptr<Tokenizer> tokenizer_;
};

}  // namespace lupo
