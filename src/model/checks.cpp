#include "model/checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/printable.h"
#include "model/gguf/file_name.h"

namespace lupo {
namespace {

constexpr std::array<std::string_view, 9> kChatWords{"instruct",  "chat", "it",  "assistant", "thinking",
                                                     "reasoning", "sft",  "dpo", "rlhf"};
constexpr std::array<std::string_view, 3> kBaseWords{"base", "pt", "pretrained"};

template <size_t N>
bool is_one_of(const std::string& word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Byte-level BPE alone cuts the text before it merges.
void check_tokenizer(const gguf::File& file, std::span<const std::string> notes, std::vector<Finding>& findings) {
  const gguf::Metadata& metadata = file.metadata();
  if (metadata.string("tokenizer.ggml.model").value_or("") == "gpt2" && metadata.find("tokenizer.ggml.pre") == nullptr)
    findings.push_back({Layer::model, "pre-tokenizer-missing", Severity::warning,
                        "the file does not say how text is cut into words: the model may see other tokens than it was trained on",
                        "tokenizer.ggml.pre is missing, \"default\" is used", 0,
                        "get the file from another source, or convert it again with a converter that writes tokenizer.ggml.pre"});
  if (!notes.empty())
    findings.push_back({Layer::model, "tokenizer-notes", Severity::info, "the vocabulary has oddities that were worked around",
                        fmt::format("{}", fmt::join(notes, "; ")), 0, "", false});
}

}  // namespace

Training training_of(std::string_view name) {
  std::string word;
  Training training = Training::unknown;
  for (size_t i = 0; i <= name.size(); ++i) {
    const unsigned char c = i < name.size() ? static_cast<unsigned char>(name[i]) : '-';
    if (std::isalnum(c)) {
      word += static_cast<char>(std::tolower(c));
      continue;
    }
    if (is_one_of(word, kChatWords)) return Training::chat;
    if (is_one_of(word, kBaseWords)) training = Training::base;
    word.clear();
  }
  return training;
}

std::vector<Finding> check_model(const gguf::File& file, std::span<const std::string> tokenizer_notes) {
  const gguf::Metadata& metadata = file.metadata();
  std::string names;
  for (const char* key : {"general.name", "general.basename", "general.finetune"})
    if (const auto text = metadata.string(key)) names += std::string(*text) + " ";
  const std::string file_name = file.path().substr(file.path().rfind('/') + 1);
  const Training training = training_of(names + file_name);
  const bool has_template = metadata.find("tokenizer.chat_template") != nullptr;
  const std::string evidence = fmt::format("named '{}', file {}; {}", printable(names, 80), printable(file_name, 80),
                                           has_template ? "with a chat template" : "without a chat template");

  std::vector<Finding> findings;
  if (training == Training::base || (training == Training::unknown && !has_template))
    findings.push_back(
        {Layer::model, "base-model", Severity::warning,
         "this looks like a base model: it continues text and was not trained to answer", evidence, 0,
         fmt::format("lupo run {} --raw -p 'Once upon a time'  # or get the instruct version", printable(file.path(), 400))});
  else if (!has_template)
    findings.push_back(
        {Layer::runtime, "template-missing", Severity::warning,
         "an instruct model without its chat template: a built-in one stands in, which may not be what it was trained with",
         evidence, 0, fmt::format("lupo run {} --chat-template FILE  # from the model's own page", printable(file.path(), 400))});
  check_tokenizer(file, tokenizer_notes, findings);
  for (Finding& finding : gguf::check_file_name(gguf::parse_file_name(file.path()), file)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace lupo
