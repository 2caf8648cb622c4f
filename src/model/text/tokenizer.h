// Text to token ids and back, from a GGUF's tokenizer.ggml.* metadata.
//
// Four kinds: byte-level BPE ("gpt2"), SentencePiece BPE ("llama"), WordPiece ("bert"), Unigram ("t5"). A Tokenizer keeps
// views into the GGUF mapping, which must outlive it; its own tables are small (no copy of the vocabulary's strings).
// encode and decode are const and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf/gguf.h"

namespace lupo {

using TokenId = int32_t;
class WordCache;

enum class TokenKind : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct SpecialTokens {  // −1 where the model has none
  TokenId bos = -1, eos = -1, eot = -1, eom = -1, unk = -1, sep = -1, pad = -1, cls = -1, mask = -1, nl = -1;
  TokenId fim_pre = -1, fim_suf = -1, fim_mid = -1;
};

struct EncodeOptions {
  bool add_special = true;    // BOS / EOS (CLS / SEP) as the metadata says
  bool parse_special = true;  // the text of control tokens becomes their id; user-defined tokens are always matched
};

class Tokenizer {
 public:
  struct Vocabulary;  // private to this folder: vocabulary.h

  // Errors: {model, …} naming the key; an unknown tokenizer.ggml.model or .pre lists what is supported.
  static Result<std::unique_ptr<Tokenizer>> create(const gguf::Metadata& metadata);
  virtual ~Tokenizer() = default;

  std::string_view model() const { return model_; }  // "gpt2", "llama", "bert", "t5"
  std::string_view pre() const { return pre_; }      // name of the pre-tokenizer, "" where the kind has none
  // What was odd in the file and how it was taken: one sentence each, for doctor and inspect.
  std::span<const std::string> notes() const { return notes_; }
  int32_t n_vocab() const { return n_vocab_; }
  const SpecialTokens& special() const { return special_; }
  bool adds_bos() const { return add_bos_; }
  bool adds_eos() const { return add_eos_; }
  TokenId first_added() const {
    return add_bos_ ? special_.bos : -1;
  }  // what encode puts before and after a text, −1 for nothing
  TokenId last_added() const { return add_eos_ ? last_ : -1; }
  TokenKind kind(TokenId id) const;                      // 0 ≤ id < n_vocab
  bool ends_generation(TokenId id) const;                // eos, eot, eom and their kin (<|im_end|>, <end_of_turn>, …)
  std::string_view text(TokenId id) const;               // as written in the vocabulary ("Ġthe", "▁the", "<0x0A>")
  TokenId find(std::string_view vocabulary_text) const;  // −1 when absent

  // Never fails: any bytes (less than 1 GiB) are text. Invalid UTF-8 is encoded by the bytes that it has (or as unknown where
  // there is no byte token).
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;

  // The bytes a token stands for; may be a part of a UTF-8 sequence. Control tokens give "" unless `special`.
  std::string piece(TokenId id, bool special = false) const;
  // All pieces joined; removes the space prefix that encode added at the start where the kind has one. Ids outside the vocabulary
  // are a caller's bug (check first).
  std::string decode(std::span<const TokenId> ids, bool special = false) const;

 protected:
  // Encodes a part of a text, without special tokens, appending to ids. `first`: the fragment begins the text or follows a
  // special token (SentencePiece's space prefix). `words`: of the text, kept from fragment to fragment.
  virtual void encode_fragment(std::string_view fragment, bool first, WordCache& words, std::vector<TokenId>& ids) const = 0;

  // The bytes that a normal token's text stands for; by default the text with U+2581 as spaces.
  virtual std::string plain(std::string_view vocabulary_text) const;

  explicit Tokenizer(std::shared_ptr<const Vocabulary> vocabulary) : vocabulary_(std::move(vocabulary)) {}

  std::string model_, pre_;
  std::vector<std::string> notes_;
  int32_t n_vocab_ = 0;
  SpecialTokens special_;
  TokenId last_ = -1;  // added at the end of a text: eos, or sep where the kind is "bert"
  bool add_bos_ = false, add_eos_ = false, add_space_prefix_ = false;
  std::shared_ptr<const Vocabulary> vocabulary_;
};

// Turns a stream of pieces into valid UTF-8: holds back the bytes of an unfinished sequence until the rest arrives, replaces
// what can never be valid by U+FFFD. One per stream.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);  // what is complete so far
  std::string finish();                      // the rest

 private:
  std::string pending_;  // < 4 bytes
};

// Of bos_token or eos_token, as a chat template's variable; "" where the model has none (id < 0).
std::string special_text(const Tokenizer& tokenizer, TokenId id);

}  // namespace lupo
