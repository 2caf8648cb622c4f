#include "model/checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.h"
#include "model/gguf/file_name.h"
#include "model/kinds.h"

namespace lupo {
namespace {

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

std::vector<Finding> check_model(const gguf::File& file, std::span<const std::string> tokenizer_notes) {
  const gguf::Metadata& metadata = file.metadata();
  const std::vector<KindFound> kinds = model_kinds(metadata, file.path());
  std::vector<Finding> findings;
  if (const KindFound* base = find_kind(kinds, ModelKind::base))
    findings.push_back(
        {Layer::model, "base-model", Severity::warning,
         "this looks like a base model: it continues text and was not trained to answer", base->evidence, 0,
         fmt::format("lupo run {} --raw -p 'Once upon a time'  # or get the instruct version", shell_word(file.path()))});
  else if (metadata.find("tokenizer.chat_template") == nullptr && kinds.front().kind > ModelKind::base)
    findings.push_back(
        {Layer::runtime, "template-missing", Severity::warning,
         "an instruct model without its chat template: a built-in one stands in, which may not be what it was trained with",
         kinds.front().evidence, 0,
         fmt::format("lupo run {} --chat-template FILE  # from the model's own page", shell_word(file.path()))});
  check_tokenizer(file, tokenizer_notes, findings);
  for (Finding& finding : gguf::check_file_name(gguf::parse_file_name(file.path()), file)) findings.push_back(std::move(finding));
  return findings;
}

}  // namespace lupo
