#include "model/text/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <string>

#include "model/text/unicode.h"

namespace lupo {
namespace {

// PCRE2's own \s has U+180E, which is not White_Space, so the set is written out (Unicode, PropList.txt).
constexpr std::string_view kSpaceSet =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

std::string with_space_sets(std::string_view pattern) {
  std::string out;
  bool in_set = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      if (escaped == 's' || escaped == 'S') {
        const std::string_view open = in_set ? "" : escaped == 's' ? "[" : "[^";
        out.append(open).append(kSpaceSet).append(in_set ? "" : "]");
      } else {
        out += {c, escaped};
      }
      continue;
    }
    if (c == '[') in_set = true;
    if (c == ']') in_set = false;
    out += c;
  }
  return out;
}

// Characters of Unicode 15 and 15.1, which PCRE2 10.42 (Unicode 14) has no properties for, each range with a character of
// the same general category, script where it matters, and length in UTF-8.
struct LaterRange {
  char32_t first, last, stand_in;
};
constexpr LaterRange kLater[] = {
#include "model/text/unicode_later.inc"
};

// `text` with a stand-in for each later character; empty when there is none.
std::string with_stand_ins(std::string_view text) {
  std::string out;
  size_t copied = 0;
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<uint8_t>(text[at]);
    if (lead < 0xE0) {  // none of them is below U+0800
      at += utf8_length(text[at]);
      continue;
    }
    const CodePoint code_point = first_code_point(text.substr(at));
    const auto* range = std::ranges::lower_bound(kLater, code_point.value, {}, &LaterRange::last);
    if (range != std::end(kLater) && code_point.value >= range->first) {
      out.append(text, copied, at - copied);
      append_utf8(out, range->stand_in);
      copied = at + code_point.bytes;
    }
    at += code_point.bytes;
  }
  return copied == 0 ? out : out.append(text, copied);
}

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};

// What one thread needs to match: made for each split, since patterns are shared.
class Matcher {
 public:
  Matcher() : data_(pcre2_match_data_create(1, nullptr)), context_(pcre2_match_context_create(nullptr)) {
    if (!data_ || !context_) throw std::bad_alloc();
    pcre2_set_match_limit(context_, UINT32_MAX);
  }
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;
  ~Matcher() {
    pcre2_match_data_free(data_);
    pcre2_match_context_free(context_);
    if (stack_) pcre2_jit_stack_free(stack_);
  }

  struct Span {
    size_t begin, end;
  };
  // The first match at or after `from`; {size, size} when there is none, or none can be found with the stack there is.
  Span find(const pcre2_code* code, bool is_jit, std::string_view text, size_t from) {
    int found = match(code, is_jit, text, from);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !stack_) {
      stack_ = pcre2_jit_stack_create(kStackBytesMin, kStackBytesMax, nullptr);
      pcre2_jit_stack_assign(context_, nullptr, stack_);
      found = match(code, is_jit, text, from);
    }
    if (found < 0) return {text.size(), text.size()};
    const size_t* offsets = pcre2_get_ovector_pointer(data_);
    return {offsets[0], offsets[1]};
  }

 private:
  static constexpr size_t kStackBytesMin = 64 << 10, kStackBytesMax = 64 << 20;  // a few bytes for each letter of a word

  int match(const pcre2_code* code, bool is_jit, std::string_view text, size_t from) {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    if (is_jit) return pcre2_jit_match(code, subject, text.size(), from, 0, data_, context_);
    return pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, data_, context_);
  }

  pcre2_match_data* data_;
  pcre2_match_context* context_;
  pcre2_jit_stack* stack_ = nullptr;
};

}  // namespace

struct PreTokenizer::Step {
  std::unique_ptr<pcre2_code, CodeDeleter> code;
  bool is_jit = false;
  bool by_digits = false;  // matches of the code are runs of digits, to be cut into threes from the right

  // Appends the ends of the pieces of `piece`, which begins at `base`.
  void cut(std::string_view piece, size_t base, Matcher& matcher, std::vector<uint32_t>& ends) const {
    const auto add = [&](size_t end) { ends.push_back(static_cast<uint32_t>(base + end)); };
    for (size_t at = 0; at < piece.size();) {
      const auto [begin, end] = matcher.find(code.get(), is_jit, piece, at);
      if (begin > at) add(begin);
      if (by_digits) {
        cut_digits(piece.substr(begin, end - begin), base + begin, ends);
      } else if (end > begin) {
        add(end);
      }
      at = end;
    }
  }

  static void cut_digits(std::string_view digits, size_t base, std::vector<uint32_t>& ends) {
    size_t left = 0;
    for (size_t at = 0; at < digits.size(); at += utf8_length(digits[at])) ++left;
    for (size_t at = 0; at < digits.size();) {
      at += utf8_length(digits[at]);
      if (--left % 3 == 0) ends.push_back(static_cast<uint32_t>(base + at));
    }
  }
};

PreTokenizer::PreTokenizer(std::vector<Step> steps) : steps_(std::move(steps)) {}
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

std::span<const PreTokenizerRow> pre_tokenizer_rows() {
  static const PreTokenizerRow rows[] = {
#include "model/text/pre_tokenizers.inc"
  };
  return rows;
}

const PreTokenizerRow* find_pre_tokenizer(std::string_view name) {
  for (const PreTokenizerRow& row : pre_tokenizer_rows()) {
    for (std::string_view names = row.names; !names.empty();) {
      const std::string_view one = names.substr(0, names.find(' '));
      if (one == name) return &row;
      names.remove_prefix(std::min(names.size(), one.size() + 1));
    }
  }
  return nullptr;
}

Result<PreTokenizer> PreTokenizer::compile(const PreTokenizerRow& row) {
  std::vector<Step> steps;
  for (const std::string_view pattern : row.patterns) {
    const bool by_digits = pattern == "@digits";
    const std::string source = with_space_sets(by_digits ? R"(\p{N}+)" : pattern);
    int problem = 0;
    size_t where = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), PCRE2_UTF | PCRE2_NO_UTF_CHECK,
                                     &problem, &where, nullptr);
    if (!code) {
      PCRE2_UCHAR text[120];
      pcre2_get_error_message(problem, text, sizeof text);
      return fail(Layer::model, "bad-pre-tokenizer",
                  fmt::format("the pattern of pre-tokenizer {} does not compile at byte {}: {}", row.names, where,
                              reinterpret_cast<const char*>(text)),
                  "please report this");
    }
    steps.push_back(
        {std::unique_ptr<pcre2_code, CodeDeleter>(code), pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0, by_digits});
  }
  return PreTokenizer(std::move(steps));
}

std::vector<uint32_t> PreTokenizer::split(std::string_view text) const {
  if (text.empty()) return {};
  const std::string translated = with_stand_ins(text);
  const std::string_view subject = translated.empty() ? text : translated;
  Matcher matcher;
  std::vector<uint32_t> ends{static_cast<uint32_t>(subject.size())}, finer;
  for (const Step& step : steps_) {
    finer.clear();
    size_t begin = 0;
    for (const uint32_t end : ends) {
      step.cut(subject.substr(begin, end - begin), begin, matcher, finer);
      begin = end;
    }
    ends.swap(finer);
  }
  return ends;
}

}  // namespace lupo
