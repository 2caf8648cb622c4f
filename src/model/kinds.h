// What a model was made for, as far as its file tells. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf/gguf.h"

namespace lupo {

enum class ModelKind : uint8_t {
  embedding,  // gives vectors of texts
  reranker,   // says how well a document answers a query
  base,       // continues text, was not trained to answer
  instruct,
  chat,
  thinking,  // can think before it answers
  tools,     // can call functions
};
std::string_view kind_name(ModelKind kind);

struct KindFound {
  ModelKind kind;
  std::string evidence;  // one printable line
};

// At least one of embedding, reranker, base, instruct and chat, in the order of the enum; thinking and tools beside the last two.
// Looks at the architecture, pooling_type, the chat templates, general.finetune, basename, name and tags, and the file's name.
std::vector<KindFound> model_kinds(const gguf::Metadata& metadata, std::string_view path);

const KindFound* find_kind(std::span<const KindFound> kinds, ModelKind kind);  // null when it is none of them

}  // namespace lupo
