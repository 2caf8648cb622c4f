#include "model/gguf/file_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "model/gguf/shards.h"

namespace lupo::gguf {
namespace {

constexpr size_t kNameBytesMax = 255;  // the longest name of a file on Linux

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return lower(c); });
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return upper(c); });
  return out;
}

template <size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, text) != list.end();
}

// Takes `prefix` off the front of text, if it is there.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// A decimal number without sign or exponent at the front of text ("0.5", "7").
std::optional<double> take_number(std::string_view& text) {
  const size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + length, value, std::chars_format::fixed);
  if (length == 0 || !is_digit(text[0]) || error != std::errc() || end != text.data() + length || length > 12)
    return std::nullopt;
  text.remove_prefix(length);
  return value;
}

// Q4_0, IQ3_XXS, Q4_K_M, Q4_0_4_8, KQ2, F16, BF16, FP16, MXFP4, MXFP4_MOE, NVFP4, TQ1_0; alone or after "UD-" or "i1-".
bool is_encoding(std::string_view text) {
  const std::string copy = lower(text);
  std::string_view rest = copy;
  if (!take(rest, "ud-")) take(rest, "i1-");
  constexpr std::array<std::string_view, 12> kWhole = {"f16",   "f32",       "f64",   "fp16", "fp32", "bf16",
                                                       "mxfp4", "mxfp4_moe", "nvfp4", "kq2",  "kq4",  "kq8"};
  if (one_of(rest, kWhole)) return true;
  if (!take(rest, "iq") && !take(rest, "tq")) {
    if (!take(rest, "q")) return false;
  }
  if (rest.empty() || rest[0] < '1' || rest[0] > '8') return false;
  rest.remove_prefix(1);
  constexpr std::array<std::string_view, 14> kParts = {"k", "0",  "1",  "4",   "8",   "s",  "m",
                                                       "l", "xs", "xl", "xxs", "xxl", "nl", "moe"};
  while (!rest.empty()) {
    if (!take(rest, "_")) return false;
    const std::string_view part = rest.substr(0, rest.find('_'));
    if (!one_of(part, kParts)) return false;
    rest.remove_prefix(part.size());
  }
  return true;
}

// Cuts the encoding and the separator before it off the end of stem; the longest that fits.
std::string take_encoding(std::string_view& stem) {
  for (size_t i = 0; i < stem.size(); ++i) {
    const bool starts = i == 0 || stem[i - 1] == '-' || stem[i - 1] == '.' || stem[i - 1] == '_';
    if (!starts || !is_encoding(stem.substr(i))) continue;
    const std::string encoding = upper(stem.substr(i));
    stem = stem.substr(0, i == 0 ? 0 : i - 1);
    return encoding;
  }
  return "";
}

struct Size {
  double count = 0;        // parameters
  int n_experts = 0;       // of "8x7B"
  bool active = false;     // "A3B"
  bool effective = false;  // "E4B": what it feels like, not what is stored
};

std::optional<Size> parse_size(std::string_view piece) {
  Size size;
  if (piece.size() > 1 && is_digit(piece[1])) {
    size.active = piece[0] == 'A' || piece[0] == 'a';
    size.effective = piece[0] == 'E' || piece[0] == 'e';
    if (size.active || size.effective) piece.remove_prefix(1);
  }
  std::optional<double> number = take_number(piece);
  if (!number) return std::nullopt;
  if (take(piece, "x") || take(piece, "X")) {
    size.n_experts = *number >= 1 && *number <= 65536 ? static_cast<int>(*number) : 0;
    number = take_number(piece);
    if (!number || size.n_experts == 0) return std::nullopt;
  }
  if (piece.size() != 1) return std::nullopt;
  // A lower-case k is a context length ("mini-4k-instruct"), not a model of some thousand parameters.
  constexpr std::string_view kUnits = "KMBTQ";
  const size_t unit = piece[0] == 'k' ? std::string_view::npos : kUnits.find(upper(piece[0]));
  if (unit == std::string_view::npos) return std::nullopt;
  size.count = *number * std::pow(1000.0, static_cast<double>(unit + 1));
  return size.count >= 1 && size.count * std::max(1, size.n_experts) < 9e18 ? std::optional(size) : std::nullopt;
}

// "16E": the number of experts that Llama 4 writes behind the active size.
int parse_experts(std::string_view piece) {
  const std::optional<double> number = take_number(piece);
  return number && (piece == "E" || piece == "e") && *number >= 1 && *number <= 65536 ? static_cast<int>(*number) : 0;
}

// "v0.1" anywhere; a date of four digits ("2507" for July 2025) or a capital V only behind a size, since "DeepSeek-V3" and
// "Hermes-2" are families.
bool is_version(std::string_view piece, bool behind_size) {
  const bool date = piece.size() == 4 && std::ranges::all_of(piece, is_digit);
  if (date) return behind_size;
  if (!take(piece, "v") && !(behind_size && take(piece, "V"))) return false;
  return !piece.empty() && is_digit(piece[0]) && piece.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Words that begin the fine-tune of a name without size ("Phi-3.5-MoE-instruct"), and context lengths ("mini-4k").
bool is_fine_tune_word(std::string_view piece) {
  if (piece.ends_with('k') && piece.find_first_not_of("0123456789") == piece.size() - 1 && piece.size() > 1) return true;
  constexpr std::array<std::string_view, 9> kWords = {"instruct", "chat",      "it",       "base", "thinking",
                                                      "vision",   "embedding", "reranker", "pt"};
  return one_of(lower(piece), kWords);
}

void append(std::string& text, std::string_view piece) { text.append(text.empty() ? "" : "-").append(piece); }

// Sorts the pieces between the dashes into family, size, fine-tune and version.
void sort_pieces(std::string_view stem, FileName& name) {
  enum { family, after_size, fine_tune } where = family;
  while (!stem.empty()) {
    const std::string_view piece = stem.substr(0, stem.find('-'));
    stem.remove_prefix(std::min(piece.size() + 1, stem.size()));
    if (piece.empty()) continue;
    const std::optional<Size> size = parse_size(piece);
    const int n_experts = where == after_size ? parse_experts(piece) : 0;
    if (size && !size->active && where == family && !name.family.empty()) {
      append(name.size_label, piece);
      name.n_experts = size->n_experts;
      name.params_total = size->effective ? 0 : static_cast<int64_t>(size->count * std::max(1, size->n_experts));
      where = after_size;
    } else if (size && size->active && where != fine_tune && !name.family.empty()) {
      append(name.size_label, piece);
      name.params_active = static_cast<int64_t>(size->count);
      where = after_size;
    } else if (n_experts > 0) {
      append(name.size_label, piece);
      name.n_experts = n_experts;
      name.params_active = std::exchange(name.params_total, 0);
    } else if (name.version.empty() && !name.family.empty() && is_version(piece, where != family)) {
      name.version = piece;
      where = fine_tune;
    } else if (where == family && !(is_fine_tune_word(piece) && !name.family.empty())) {
      append(name.family, piece);
    } else {
      append(name.fine_tune, piece);
      where = fine_tune;
    }
  }
}

}  // namespace

FileName parse_file_name(std::string_view path) {
  FileName name;
  if (const auto shard = parse_shard_name(path)) {
    name.shard = shard->number;
    name.n_shards = shard->count;
    path = shard->stem;
  }
  std::string_view stem = path.substr(path.rfind('/') + 1);  // npos + 1 = 0
  stem = stem.substr(0, kNameBytesMax);
  if (lower(stem).ends_with(".gguf")) stem.remove_suffix(5);
  const std::string_view whole = stem;
  for (const std::string_view type : {"LoRA", "vocab", "mmproj"}) {
    const std::string tail = lower("-" + std::string(type)), head = lower(std::string(type) + "-");
    if (lower(stem).ends_with(tail))
      stem.remove_suffix(tail.size());
    else if (type == "mmproj" && lower(stem).starts_with(head))
      stem.remove_prefix(head.size());
    else
      continue;
    name.type = type;
    break;
  }
  name.encoding = take_encoding(stem);
  sort_pieces(stem, name);
  if (name.family.empty()) name.family = stem.empty() ? whole : stem;
  return name;
}

}  // namespace lupo::gguf
