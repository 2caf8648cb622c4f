#include "model/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "model/text/pre_tokenizer.h"
#include "model/text/special.h"
#include "model/text/tokenizer_kinds.h"
#include "model/text/unicode.h"
#include "model/text/vocabulary.h"
#include "model/text/words.h"

namespace lupo {
namespace {

struct KindRow {
  std::string_view model;
  Roles defaults;
  bool add_space_prefix;
};

// What a file of each kind means when it does not say.
const KindRow kKinds[] = {
    {"gpt2", {}, false},
    {"gemma4", {}, false},  // byte-level BPE in all but its bytes
    {"llama", {{.bos = 1, .eos = 2, .unk = 0}, true, false}, true},
    {"bert", {{.bos = 101, .unk = 100, .sep = 102, .pad = 0, .mask = 103}, true, true}, false},
    {"t5", {{.eos = 1, .unk = 2, .pad = 0}, false, true}, false},
};

std::string supported_names(bool pre_tokenizers) {
  std::string names;
  if (pre_tokenizers) {
    for (const PreTokenizerRow& row : pre_tokenizer_rows()) names.append(names.empty() ? "" : " ").append(row.names);
  } else {
    for (const KindRow& row : kKinds) names.append(names.empty() ? "" : " ").append(row.model);
  }
  return names;
}

Result<const KindRow*> find_kind(const gguf::Metadata& metadata) {
  TRY_ASSIGN(const std::string_view model, metadata.string("tokenizer.ggml.model"));
  for (const KindRow& row : kKinds) {
    if (row.model == model) return &row;
  }
  return fail(Layer::model, "unknown-tokenizer",
              fmt::format("tokenizer.ggml.model is \"{}\"; supported are {}", printable(model, 60), supported_names(false)),
              "choose a model with one of these, or a newer lupo");
}

struct Pre {
  std::string name;
  const PreTokenizerRow* row;
};

Result<Pre> find_pre(const gguf::Metadata& metadata, std::string_view model, std::vector<std::string>& notes) {
  if (model == "gemma4") return Pre{"gemma4", find_pre_tokenizer("gemma4")};
  if (!metadata.find("tokenizer.ggml.pre")) {
    notes.push_back(
        "tokenizer.ggml.pre is missing, so \"default\" is used: the model may see other words than it was trained on");
    return Pre{"default", find_pre_tokenizer("default")};
  }
  TRY_ASSIGN(const std::string_view name, metadata.string("tokenizer.ggml.pre"));
  if (const PreTokenizerRow* row = find_pre_tokenizer(name)) return Pre{std::string(name), row};
  return fail(Layer::model, "unknown-pre-tokenizer",
              fmt::format("tokenizer.ggml.pre is \"{}\"; supported are {}", printable(name, 60), supported_names(true)),
              "choose a model with one of these, or a newer lupo");
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::create(const gguf::Metadata& metadata) {
  std::vector<std::string> notes;
  TRY_ASSIGN(const KindRow* kind, find_kind(metadata));
  const bool is_bpe = kind->model == "gpt2" || kind->model == "gemma4";
  Pre pre{};
  if (is_bpe) {
    TRY_ASSIGN(pre, find_pre(metadata, kind->model, notes));
  }
  TRY_ASSIGN(const std::shared_ptr<Vocabulary> vocabulary, Vocabulary::load(metadata, notes));
  Roles defaults = kind->defaults;
  if (is_bpe) defaults.add_bos = (pre.row->flags & kAddBos) != 0;
  TRY_ASSIGN(Roles roles, resolve_roles(metadata, defaults, *vocabulary, notes));
  if (kind->model == "bert" && roles.tokens.cls >= 0) roles.tokens.bos = roles.tokens.cls;
  if (pre.name == "gemma4") roles.add_bos = true;  // the first files said false by mistake; the model does not work without
  bool add_space_prefix = kind->add_space_prefix;
  if (metadata.find("tokenizer.ggml.add_space_prefix") && !is_bpe) {
    TRY_ASSIGN(add_space_prefix, metadata.boolean("tokenizer.ggml.add_space_prefix"));
  }

  std::unique_ptr<Tokenizer> tokenizer;
  if (is_bpe) {
    TRY_ASSIGN(tokenizer, make_bpe(metadata, vocabulary, *pre.row, notes));
  } else if (kind->model == "llama") {
    tokenizer = make_sentencepiece(vocabulary, add_space_prefix, roles.tokens.unk);
  } else if (kind->model == "bert") {
    TRY_ASSIGN(tokenizer, make_wordpiece(metadata, vocabulary, roles.tokens.unk));
  } else {
    TRY_ASSIGN(tokenizer, make_unigram(metadata, vocabulary, add_space_prefix, roles.tokens.unk));
  }
  tokenizer->model_ = kind->model;
  tokenizer->pre_ = pre.name;
  tokenizer->notes_ = std::move(notes);
  tokenizer->n_vocab_ = vocabulary->size();
  tokenizer->special_ = roles.tokens;
  tokenizer->last_ = kind->model == "bert" ? roles.tokens.sep : roles.tokens.eos;
  tokenizer->add_bos_ = roles.add_bos && roles.tokens.bos >= 0;
  tokenizer->add_eos_ = roles.add_eos && tokenizer->last_ >= 0;
  tokenizer->add_space_prefix_ = add_space_prefix;
  return tokenizer;
}

TokenKind Tokenizer::kind(TokenId id) const { return vocabulary_->kind[static_cast<size_t>(id)]; }
bool Tokenizer::ends_generation(TokenId id) const { return std::ranges::binary_search(vocabulary_->ends, id); }
std::string_view Tokenizer::text(TokenId id) const { return vocabulary_->text(id); }
TokenId Tokenizer::find(std::string_view vocabulary_text) const { return vocabulary_->find(vocabulary_text); }

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3 + 8);
  if (options.add_special && add_bos_) ids.push_back(special_.bos);
  const SpecialMatcher& matcher = options.parse_special ? vocabulary_->special : vocabulary_->user_defined;
  WordCache words(text);
  bool first = true;
  for (size_t at = 0; at < text.size();) {
    const SpecialMatcher::Match match = matcher.next(*vocabulary_, text, at);
    const size_t end = match.id < 0 ? text.size() : match.begin;
    if (end > at) {
      encode_fragment(text.substr(at, end - at), first, words, ids);
      first = false;
    }
    if (match.id < 0) break;
    ids.push_back(match.id);
    first = true;
    at = match.end;
  }
  if (options.add_special && add_eos_) ids.push_back(last_);
  return ids;
}

std::string Tokenizer::piece(TokenId id, bool special) const {
  const std::string_view vocabulary_text = text(id);
  switch (kind(id)) {
    case TokenKind::normal: return plain(vocabulary_text);
    case TokenKind::unknown:
    case TokenKind::control: return special ? std::string(vocabulary_text) : "";
    case TokenKind::user_defined: return std::string(vocabulary_text);
    case TokenKind::byte: {
      const int value = byte_token_value(vocabulary_text);
      return value < 0 ? "" : std::string(1, static_cast<char>(value));
    }
    case TokenKind::unused: break;
  }
  return "";
}

std::string Tokenizer::plain(std::string_view vocabulary_text) const { return unescape_spaces(vocabulary_text); }

std::string Tokenizer::decode(std::span<const TokenId> ids, bool special) const {
  std::string text;
  bool at_start = add_space_prefix_;
  for (const TokenId id : ids) {
    const std::string bytes = piece(id, special);
    const TokenKind what = kind(id);
    const bool is_text = what != TokenKind::control && what != TokenKind::unknown && what != TokenKind::user_defined;
    const bool has_prefix = at_start && is_text && bytes.starts_with(' ');
    text.append(bytes, has_prefix ? 1 : 0);
    if (is_text) at_start = false;
  }
  return text;
}

}  // namespace lupo
