// Which template a model uses: its own, a named one, or the one that its special tokens point to.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/printable.h"
#include "model/text/builtin_templates.h"
#include "model/text/chat_template.h"

namespace lupo {
namespace {

constexpr std::string_view kKey = "tokenizer.chat_template";
constexpr std::string_view kPrefix = "tokenizer.chat_template.";  // of named ones: tool_use, rag, …
constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr uintmax_t kFileBytesMax = 1 << 20;

std::string joined(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  return text;
}

std::vector<std::string_view> own_names(const gguf::Metadata& metadata) {
  std::vector<std::string_view> names;
  for (const auto& [key, value] : metadata.entries())
    if (key.starts_with(kPrefix) && value.type == gguf::ValueType::string) names.push_back(key.substr(kPrefix.size()));
  return names;
}

const BuiltinTemplate* find_builtin(std::string_view name) {
  const auto all = builtin_templates();
  const auto found = std::ranges::find(all, name, &BuiltinTemplate::name);
  return found == all.end() ? nullptr : &*found;
}

Result<std::string> read_file(const std::string& path) {
  std::error_code problem;
  if (!std::filesystem::is_regular_file(path, problem))
    return fail(Layer::runtime, "template-file", fmt::format("{} is not a regular file", printable(path)),
                "--chat-template FILE.jinja");
  const uintmax_t bytes = std::filesystem::file_size(path, problem);
  if (problem || bytes > kFileBytesMax)
    return fail(Layer::runtime, "template-file",
                fmt::format("{} has {} bytes, a template at most {}", printable(path), bytes, kFileBytesMax),
                "--chat-template FILE.jinja");
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<size_t>(bytes), '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(bytes)))
    return fail(Layer::runtime, "template-file", fmt::format("{} cannot be read", printable(path)), "check its permissions");
  return text;
}

Error unknown_name(const std::string& choice, std::span<const std::string_view> own) {
  std::vector<std::string_view> names(own.begin(), own.end());
  for (const BuiltinTemplate& builtin : builtin_templates()) names.push_back(builtin.name);
  const std::string near = did_you_mean(choice, names);
  const std::string hint = near.empty() ? "" : fmt::format(" (did you mean {}?)", near);
  return {Layer::runtime, "unknown-template",
          fmt::format("'{}' is neither a template's name nor a file{}; known: {}", printable(choice, 200), hint, joined(names)),
          fmt::format("--chat-template {}", near.empty() ? "chatml" : near)};
}

// The markers that stand in the vocabulary.
Result<std::set<std::string_view>> markers_in(const gguf::Metadata& metadata) {
  std::set<std::string_view> found;
  if (metadata.find(kTokens) == nullptr) return found;
  TRY_ASSIGN(const std::vector<std::string_view> tokens, metadata.strings(kTokens));
  const auto markers = template_markers();
  for (const std::string_view token : tokens)
    if (std::ranges::find(markers, token) != markers.end()) found.insert(token);
  return found;
}

std::string_view tekken_form(std::string_view name, const gguf::Metadata& metadata) {
  const auto pre = metadata.string("tokenizer.ggml.pre");
  if (!pre || *pre != "tekken") return name;
  if (name == "mistral") return "mistral-tekken";
  return name == "mistral-v7" ? "mistral-v7-tekken" : name;
}

Result<std::string> token_text(const gguf::Metadata& metadata, std::string_view key, std::span<const std::string_view> tokens) {
  if (metadata.find(key) == nullptr || tokens.empty()) return std::string();
  TRY_ASSIGN(const int64_t id, metadata.integer(key, 0, static_cast<int64_t>(tokens.size()) - 1));
  return std::string(tokens[static_cast<size_t>(id)]);
}

}  // namespace

Result<SpecialTexts> special_texts(const gguf::Metadata& metadata) {
  std::vector<std::string_view> tokens;
  if (metadata.find(kTokens) != nullptr) {
    TRY_ASSIGN(tokens, metadata.strings(kTokens));
  }
  SpecialTexts texts;
  TRY_ASSIGN(texts.bos, token_text(metadata, "tokenizer.ggml.bos_token_id", tokens));
  TRY_ASSIGN(texts.eos, token_text(metadata, "tokenizer.ggml.eos_token_id", tokens));
  return texts;
}

std::vector<std::string_view> ChatTemplate::builtin_names() {
  std::vector<std::string_view> names;
  for (const BuiltinTemplate& builtin : builtin_templates()) names.push_back(builtin.name);
  return names;
}

Result<ChatTemplate> ChatTemplate::choose_named(const gguf::Metadata& metadata, const std::string& choice) {
  const std::vector<std::string_view> own = own_names(metadata);
  if (std::ranges::find(own, choice) != own.end()) {
    const std::string key = std::string(kPrefix) + choice;
    TRY_ASSIGN(const std::string_view source, metadata.string(key));
    return compile(std::string(source), key, fmt::format("asked for: the model's own template {}", choice));
  }
  if (const BuiltinTemplate* builtin = find_builtin(choice))
    return compile(builtin_source(*builtin), choice, "asked for by name");
  std::error_code problem;
  if (!std::filesystem::exists(choice, problem)) return std::unexpected(unknown_name(choice, own));
  TRY_ASSIGN(std::string source, read_file(choice));
  return compile(std::move(source), choice, "asked for by file");
}

Result<ChatTemplate> ChatTemplate::choose(const gguf::Metadata& metadata, const std::string& choice, bool with_tools) {
  if (!choice.empty()) return choose_named(metadata, choice);
  const std::string for_tools = std::string(kPrefix) + "tool_use";
  if (with_tools && metadata.find(for_tools) != nullptr) {
    TRY_ASSIGN(const std::string_view source, metadata.string(for_tools));
    return compile(std::string(source), for_tools, "the model's own template for tools");
  }
  if (metadata.find(kKey) != nullptr) {
    TRY_ASSIGN(const std::string_view source, metadata.string(kKey));
    return compile(std::string(source), std::string(kKey), "the model's own template");
  }
  TRY_ASSIGN(const auto markers, markers_in(metadata));
  const TemplateGuess guess = guess_template([&](std::string_view token) { return markers.contains(token); });
  const BuiltinTemplate* builtin = find_builtin(tekken_form(guess.name, metadata));
  if (builtin == nullptr)
    return fail(Layer::runtime, "no-chat-template",
                "the model has no tokenizer.chat_template, and no special token of its vocabulary tells its prompt format",
                fmt::format("--raw for plain text (a base model), or --chat-template NAME: {}", joined(builtin_names())));
  return compile(builtin_source(*builtin), std::string(builtin->name),
                 fmt::format("the model has no template of its own; its vocabulary has {}", guess.marker));
}

}  // namespace lupo
