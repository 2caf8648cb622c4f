#include "model/text/special.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/printable.h"
#include "model/text/vocabulary.h"

namespace lupo {
namespace {

using Vocabulary = Tokenizer::Vocabulary;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct RoleRow {
  std::string_view key;  // "" = by text alone
  TokenId SpecialTokens::*role;
  bool must_be_valid;                        // a wrong id is an Error, else a note
  std::vector<std::string_view> texts = {};  // tried in this order when the metadata names no id
};

const std::vector<RoleRow>& role_rows() {
  static const std::vector<RoleRow> rows = {
      {"tokenizer.ggml.bos_token_id", &SpecialTokens::bos, true},
      {"tokenizer.ggml.eos_token_id", &SpecialTokens::eos, true},
      {"tokenizer.ggml.unknown_token_id", &SpecialTokens::unk, true},
      {"tokenizer.ggml.eot_token_id",
       &SpecialTokens::eot,
       false,
       {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>", "[EOT]",
        "<｜end▁of▁sentence｜>", "<end_of_utterance>"}},
      {"tokenizer.ggml.eom_token_id", &SpecialTokens::eom, false, {"<|eom_id|>"}},
      {"tokenizer.ggml.seperator_token_id", &SpecialTokens::sep, false},  // spelt so in the format
      {"tokenizer.ggml.padding_token_id", &SpecialTokens::pad, false},
      {"tokenizer.ggml.cls_token_id", &SpecialTokens::cls, false},
      {"tokenizer.ggml.mask_token_id", &SpecialTokens::mask, false},
      {"tokenizer.ggml.prefix_token_id", &SpecialTokens::fim_pre, false},
      {"tokenizer.ggml.suffix_token_id", &SpecialTokens::fim_suf, false},
      {"tokenizer.ggml.middle_token_id", &SpecialTokens::fim_mid, false},
      {"tokenizer.ggml.fim_pre_token_id",
       &SpecialTokens::fim_pre,
       false,
       {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"}},
      {"tokenizer.ggml.fim_suf_token_id",
       &SpecialTokens::fim_suf,
       false,
       {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"}},
      {"tokenizer.ggml.fim_mid_token_id",
       &SpecialTokens::fim_mid,
       false,
       {"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"}},
  };
  return rows;
}

// Tokens that end a generation wherever they exist, and the further roles of fill-in-the-middle that do.
constexpr std::string_view kEnds[] = {"<|eot_id|>",
                                      "<|im_end|>",
                                      "<|end|>",
                                      "<|return|>",
                                      "<|call|>",
                                      "<|flush|>",
                                      "<|calls|>",
                                      "<end_of_turn>",
                                      "<|endoftext|>",
                                      "</s>",
                                      "<|eom_id|>",
                                      "<EOT>",
                                      "_<EOT>",
                                      "[EOT]",
                                      "[EOS]",
                                      "<|end_of_text|>",
                                      "<end_of_utterance>",
                                      "<eos>",
                                      "<turn|>",
                                      "<|tool_response>",
                                      "<｜end▁of▁sentence｜>",
                                      "[e~["};
struct FimEnd {
  std::string_view key;
  std::vector<std::string_view> texts;
};
const std::vector<FimEnd>& fim_ends() {
  static const std::vector<FimEnd> ends = {
      {"tokenizer.ggml.fim_pad_token_id", {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}},
      {"tokenizer.ggml.fim_rep_token_id", {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}},
      {"tokenizer.ggml.fim_sep_token_id", {"<|file_sep|>"}},
  };
  return ends;
}
// gpt-oss (harmony) marks the parts of an answer with these; they must be seen in the text, so they are not control tokens.
constexpr std::string_view kAlwaysShown[] = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};

// The id that the metadata gives, −1 for none or one that is noted and ignored.
Result<TokenId> read_id(const gguf::Metadata& metadata, std::string_view key, bool must_be_valid, int32_t n_vocab,
                        std::vector<std::string>& notes) {
  if (!metadata.find(key)) return -1;
  TRY_ASSIGN(const int64_t id, metadata.integer(key, INT64_MIN, INT64_MAX));
  if (id >= 0 && id < n_vocab) return static_cast<TokenId>(id);
  std::string what = fmt::format("{} is {}; the vocabulary has the ids 0 to {}", key, id, n_vocab - 1);
  if (must_be_valid) {
    return fail(Layer::model, "bad-token-id", std::move(what),
                "lupo inspect FILE  # then get the model from another source, or convert it again");
  }
  notes.push_back(what + "; ignored");
  return -1;
}

// The first of `texts` in the vocabulary, made a control token: by its text it is one, whatever its kind says.
TokenId find_control(Vocabulary& vocabulary, const std::vector<std::string_view>& texts) {
  for (const std::string_view text : texts) {
    const TokenId id = vocabulary.find(text);
    if (id < 0) continue;
    vocabulary.kind[static_cast<size_t>(id)] = TokenKind::control;
    return id;
  }
  return -1;
}

Result<SpecialTokens> read_tokens(const gguf::Metadata& metadata, SpecialTokens tokens, Vocabulary& vocabulary,
                                  std::vector<std::string>& notes) {
  for (const RoleRow& row : role_rows()) {
    TokenId& role = tokens.*row.role;
    if (role >= vocabulary.size()) role = -1;  // a default of the kind that this vocabulary is too small for
    TRY_ASSIGN(const TokenId id, read_id(metadata, row.key, row.must_be_valid, vocabulary.size(), notes));
    if (id >= 0) role = id;
    if (role < 0) role = find_control(vocabulary, row.texts);
  }
  return tokens;
}

Result<void> collect_ends(const gguf::Metadata& metadata, const SpecialTokens& tokens, Vocabulary& vocabulary,
                          std::vector<std::string>& notes) {
  std::vector<TokenId>& ends = vocabulary.ends;
  for (const FimEnd& role : fim_ends()) {
    TRY_ASSIGN(TokenId id, read_id(metadata, role.key, false, vocabulary.size(), notes));
    ends.push_back(id >= 0 ? id : find_control(vocabulary, role.texts));
  }
  for (const std::string_view text : kEnds) ends.push_back(find_control(vocabulary, {text}));
  ends.insert(ends.end(), {tokens.eos, tokens.eot, tokens.eom});
  for (const std::string_view text : kAlwaysShown) {
    if (const TokenId id = vocabulary.find(text); id >= 0) vocabulary.kind[static_cast<size_t>(id)] = TokenKind::user_defined;
  }
  const auto has = [&](std::string_view text) { return vocabulary.find(text) >= 0; };
  const auto drop = [&](std::string_view text, TokenKind kind) {
    const TokenId id = vocabulary.find(text);
    std::erase(ends, id);
    if (id >= 0) vocabulary.kind[static_cast<size_t>(id)] = kind;
  };
  // Where an answer has several messages, <|end|> closes one message and not the answer (harmony, solar-open).
  const bool has_call = has("<|call|>") || has("<|calls|>");
  if (has("<|end|>") && has_call && (has("<|return|>") || has("<|flush|>"))) drop("<|end|>", TokenKind::user_defined);
  // In gemma 4's vocabulary </s> is the HTML tag.
  if (has("<|tool_response>")) drop("</s>", TokenKind::normal);
  std::ranges::sort(ends);
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::erase(ends, -1);
  return {};
}

// GGUF does not carry the tokenizer's lstrip and rstrip, so they are known by model.
void set_strips(const gguf::Metadata& metadata, Vocabulary& vocabulary) {
  const auto text_of = [&](std::string_view key) {
    const gguf::Value* value = metadata.find(key);
    const auto* text = value ? std::get_if<std::string_view>(&value->data) : nullptr;
    return std::string(text ? *text : "");
  };
  const std::string name = in_lower_case(text_of("general.name"));
  const std::string pre = text_of("tokenizer.ggml.pre"), architecture = text_of("general.architecture");
  const auto swallow_left = [&](std::string_view text) { vocabulary.special.swallow_space(vocabulary.find(text), true, false); };
  if (pre.starts_with("jina-v2-") || architecture == "nomic-bert-moe" || architecture == "jina-bert-v3") {
    swallow_left("<mask>");
  } else if (name.find("phi-3") != name.npos || name.find("phi3") != name.npos) {
    for (const TokenId id : vocabulary.special.ids()) {
      const std::string_view text = vocabulary.text(id);
      if (text == "<unk>" || text == "<s>" || text == "<|endoftext|>") continue;
      vocabulary.special.swallow_space(id, false, true);
      vocabulary.user_defined.swallow_space(id, false, true);
    }
  } else if (name.find("modern-bert") != name.npos) {
    swallow_left("[MASK]");
  }
}

}  // namespace

SpecialMatcher::SpecialMatcher(const Vocabulary& vocabulary, std::vector<TokenId> ids) : ids_(std::move(ids)) {
  std::erase_if(ids_, [&](TokenId id) { return vocabulary.text(id).empty(); });
  std::ranges::stable_sort(ids_, {}, [&](TokenId id) { return vocabulary.text(id); });
  for (const TokenId id : ids_) ++end_[static_cast<uint8_t>(vocabulary.text(id)[0])];
  std::partial_sum(end_.begin(), end_.end(), end_.begin());
}

void SpecialMatcher::swallow_space(TokenId id, bool left, bool right) {
  if (std::ranges::find(ids_, id) == ids_.end()) return;
  if (left) left_.push_back(id);
  if (right) right_.push_back(id);
}

// Narrows the sorted ids byte by byte to those that the text continues. `at` is where one may begin.
SpecialMatcher::Match SpecialMatcher::longest_at(const Vocabulary& vocabulary, std::string_view text, size_t at) const {
  Match match;
  const auto first = static_cast<uint8_t>(text[at]);
  auto low = ids_.begin() + begin_of(first), high = ids_.begin() + end_[first];
  for (size_t length = 1; low != high; ++length) {
    if (vocabulary.text(*low).size() == length) match = {at, at + length, *low};
    if (at + length == text.size()) break;
    const auto byte_of = [&](TokenId id) {
      const std::string_view token = vocabulary.text(id);
      return token.size() > length ? static_cast<int>(static_cast<uint8_t>(token[length])) : -1;
    };
    const int wanted = static_cast<uint8_t>(text[at + length]);
    low = std::partition_point(low, high, [&](TokenId id) { return byte_of(id) < wanted; });
    high = std::partition_point(low, high, [&](TokenId id) { return byte_of(id) == wanted; });
  }
  return match;
}

SpecialMatcher::Match SpecialMatcher::next(const Vocabulary& vocabulary, std::string_view text, size_t from) const {
  if (ids_.empty()) return {};
  for (size_t at = from; at < text.size(); ++at) {
    const auto first = static_cast<uint8_t>(text[at]);
    if (begin_of(first) == end_[first]) continue;
    Match match = longest_at(vocabulary, text, at);
    if (match.id < 0) continue;
    if (std::ranges::find(left_, match.id) != left_.end()) {
      while (match.begin > from && is_space(text[match.begin - 1])) --match.begin;
    }
    if (std::ranges::find(right_, match.id) != right_.end()) {
      while (match.end < text.size() && is_space(text[match.end])) ++match.end;
    }
    return match;
  }
  return {};
}

Result<Roles> resolve_roles(const gguf::Metadata& metadata, Roles roles, Vocabulary& vocabulary,
                            std::vector<std::string>& notes) {
  TRY_ASSIGN(roles.tokens, read_tokens(metadata, roles.tokens, vocabulary, notes));
  if (metadata.find("tokenizer.ggml.add_bos_token")) {
    TRY_ASSIGN(roles.add_bos, metadata.boolean("tokenizer.ggml.add_bos_token"));
  }
  if (metadata.find("tokenizer.ggml.add_eos_token")) {
    TRY_ASSIGN(roles.add_eos, metadata.boolean("tokenizer.ggml.add_eos_token"));
  }
  TRY(collect_ends(metadata, roles.tokens, vocabulary, notes));

  std::vector<TokenId> special, user_defined;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    const TokenKind kind = vocabulary.kind[static_cast<size_t>(id)];
    if (kind == TokenKind::user_defined) user_defined.push_back(id);
    if (kind == TokenKind::user_defined || kind == TokenKind::control || kind == TokenKind::unknown) special.push_back(id);
  }
  vocabulary.special = SpecialMatcher(vocabulary, std::move(special));
  vocabulary.user_defined = SpecialMatcher(vocabulary, std::move(user_defined));
  set_strips(metadata, vocabulary);
  return roles;
}

std::string special_text(const Tokenizer& tokenizer, TokenId id) {
  return id < 0 ? std::string() : std::string(tokenizer.text(id));
}

}  // namespace lupo
