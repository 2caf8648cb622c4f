#include "model/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>

#include "base/printable.h"
#include "graph/attrs.h"

namespace lupo {
namespace {

using Words = std::initializer_list<std::string_view>;

constexpr std::string_view kTemplateKey = "tokenizer.chat_template", kRerankKey = "tokenizer.chat_template.rerank";
constexpr const char* kNameKeys[] = {"general.finetune", "general.basename", "general.name"};

bool holds(Words words, std::string_view word) { return std::ranges::find(words, word) != words.end(); }

// Whether one of the words stands in the text, between anything that is no letter or digit.
bool has_word(std::string_view text, Words words) {
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : '-';
    if (std::isalnum(c)) {
      word += static_cast<char>(std::tolower(c));
      continue;
    }
    if (holds(words, word)) return true;
    word.clear();
  }
  return false;
}

// What there is to read; each function gives the evidence, or nothing.
class Clues {
 public:
  Clues(const gguf::Metadata& metadata, std::string_view path)
      : metadata_(metadata),
        architecture_(metadata.string("general.architecture").value_or("")),
        template_(metadata.string(kTemplateKey).value_or("")),
        file_name_(path.substr(path.rfind('/') + 1)) {
    if (auto tags = metadata.strings("general.tags")) tags_ = std::move(*tags);
  }

  bool has_template() const { return !template_.empty(); }
  std::string_view file_name() const { return file_name_; }

  std::string named(Words words) const {
    for (const char* key : kNameKeys)
      if (const auto text = metadata_.string(key); text && has_word(*text, words))
        return fmt::format("{} is '{}'", key, printable(*text, 80));
    return has_word(file_name_, words) ? fmt::format("the file is named '{}'", printable(file_name_, 80)) : "";
  }
  std::string tagged(Words tags) const {
    for (std::string_view tag : tags_)
      if (holds(tags, tag)) return fmt::format("general.tags has '{}'", printable(tag, 40));
    return "";
  }
  std::string in_template(Words markers) const {
    for (std::string_view marker : markers)
      if (template_.find(marker) != template_.npos) return fmt::format("the chat template has '{}'", marker);
    return "";
  }
  std::string has_key(std::string_view key) const {
    return metadata_.find(key) == nullptr ? "" : fmt::format("the file has {}", key);
  }

  std::string pooled(bool as_ranking) const {
    const std::string key = fmt::format("{}.pooling_type", architecture_);
    const auto pooling = metadata_.integer(key, 0, static_cast<int64_t>(Pooling::rank));
    if (!pooling || (*pooling == static_cast<int64_t>(Pooling::rank)) != as_ranking) return "";
    return fmt::format("{} is {}", printable(key, 80), pooling_name(static_cast<Pooling>(*pooling)));
  }
  std::string both_ways() const {
    const std::string key = fmt::format("{}.attention.causal", architecture_);
    const auto causal = metadata_.boolean(key);
    return causal && !*causal ? fmt::format("{} is false: tokens see those after them", printable(key, 80)) : "";
  }
  std::string encodes() const {
    const bool is_encoder = architecture_.find("bert") != architecture_.npos || architecture_.find("embed") != architecture_.npos;
    return is_encoder ? fmt::format("the architecture is {}", printable(architecture_, 40)) : "";
  }

 private:
  const gguf::Metadata& metadata_;
  std::string_view architecture_, template_, file_name_;
  std::vector<std::string_view> tags_;
};

// The first evidence there is.
std::string first_of(std::initializer_list<std::string> all) {
  for (const std::string& one : all)
    if (!one.empty()) return one;
  return "";
}

}  // namespace

std::string_view kind_name(ModelKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {"embedding", "reranker", "base", "instruct", "chat", "thinking", "tools"};
  return kNames[static_cast<size_t>(kind)];
}

std::vector<KindFound> model_kinds(const gguf::Metadata& metadata, std::string_view path) {
  const Clues clues(metadata, path);
  std::vector<KindFound> kinds;
  const auto add = [&](ModelKind kind, std::string evidence) {
    if (!evidence.empty()) kinds.push_back({kind, std::move(evidence)});
  };
  add(ModelKind::reranker, first_of({clues.pooled(true), clues.has_key(kRerankKey), clues.named({"reranker", "rerank"}),
                                     clues.tagged({"text-ranking"})}));
  if (!kinds.empty()) return kinds;
  add(ModelKind::embedding,
      first_of({clues.pooled(false), clues.both_ways(), clues.encodes(), clues.named({"embedding", "embeddings", "embed"}),
                clues.tagged({"sentence-similarity", "feature-extraction", "sentence-transformers"})}));
  if (!kinds.empty()) return kinds;

  const std::string chats = first_of({clues.named({"chat", "assistant"}), clues.tagged({"conversational"})});
  const std::string instructed = clues.named({"instruct", "it", "sft", "dpo", "rlhf"});
  const std::string thinks = first_of({clues.in_template({"enable_thinking", "<think>", "<|think|>", "thinking", "<|channel|>"}),
                                       clues.named({"thinking", "reasoning", "reasoner", "r1"})});
  const std::string base = clues.named({"base", "pt", "pretrained"});
  // "Base" in a name counts unless another word says more; a template alone does not make a base model one that answers.
  const bool is_trained =
      !instructed.empty() || !clues.named({"chat", "assistant", "thinking", "reasoning", "reasoner", "r1"}).empty();
  if (!base.empty() && !is_trained) return {{ModelKind::base, base}};
  if (!is_trained && chats.empty() && !clues.has_template())
    return {{ModelKind::base, fmt::format("no chat template, and nothing says that it was trained to answer (file '{}')",
                                          printable(clues.file_name(), 80))}};
  if (!instructed.empty() || (chats.empty() && clues.has_template()))
    add(ModelKind::instruct, first_of({instructed, "the file has a chat template"}));
  add(ModelKind::chat, chats);
  if (kinds.empty()) add(ModelKind::instruct, thinks);  // "r1" and no more
  add(ModelKind::thinking, thinks);
  add(ModelKind::tools, clues.in_template({"tool_calls", "if tools", "tools is defined", "available_tools", "tools |"}));
  return kinds;
}

const KindFound* find_kind(std::span<const KindFound> kinds, ModelKind kind) {
  const auto found = std::ranges::find(kinds, kind, &KindFound::kind);
  return found == kinds.end() ? nullptr : &*found;
}

}  // namespace lupo
