// Pre-tokenizers: how byte-level BPE cuts a text into words before it merges, by the name in tokenizer.ggml.pre.
// The table is pre_tokenizers.inc: one row a pre-tokenizer. Private to this folder.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lupo {

enum PreTokenizerFlags : unsigned {
  kIgnoreMerges = 1,  // a word that is a token is that token, whatever the merges say
  kAddBos = 2,        // where the metadata does not say
  kRawUtf8 = 4,       // tokens hold plain UTF-8 with U+2581 for a space, not GPT-2's stand-ins for bytes; patterns see spaces
};

struct PreTokenizerRow {
  std::string_view names;                  // separated by spaces
  std::vector<std::string_view> patterns;  // each cuts what the one before left: matches and the gaps between them are pieces
  unsigned flags = 0;                      // PreTokenizerFlags
};

std::span<const PreTokenizerRow> pre_tokenizer_rows();
// Null when no row has this name.
const PreTokenizerRow* find_pre_tokenizer(std::string_view name);

// The compiled patterns of a row. Immutable, thread-safe.
class PreTokenizer {
 public:
  static Result<PreTokenizer> compile(const PreTokenizerRow& row);
  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  // Ends of the pieces of `text` (valid UTF-8, less than 4 GiB) in order; the last is text.size(). No piece is empty.
  std::vector<uint32_t> split(std::string_view text) const;

 private:
  struct Step;
  explicit PreTokenizer(std::vector<Step> steps);
  std::vector<Step> steps_;
};

}  // namespace lupo
