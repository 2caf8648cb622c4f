#include "model/text/tokenizer.h"
#include "model/text/unicode.h"

namespace lupo {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Whether these (fewer than four) bytes can become valid when more follow: only a whole sequence that is cut short can.
bool is_cut_short(std::string_view bytes) {
  if (bytes.size() >= utf8_length(bytes[0])) return false;
  // The lowest and highest continuation decide whether any is valid: E0 and F0 refuse low second bytes, ED and F4 high ones.
  for (const char filler : {'\x80', '\xBF'}) {
    std::string whole(bytes);
    whole.resize(utf8_length(bytes[0]), filler);
    if (first_code_point(whole).valid) return true;
  }
  return false;
}

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::string out;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const size_t valid = valid_utf8_prefix(rest);
    out += rest.substr(0, valid);
    rest.remove_prefix(valid);
    if (rest.empty() || is_cut_short(rest)) break;
    out += kReplacement;
    rest.remove_prefix(1);
  }
  pending_ = std::string(rest);
  return out;
}

std::string Utf8Stream::finish() {
  std::string out;
  for (size_t i = 0; i < pending_.size(); ++i) out += kReplacement;
  pending_.clear();
  return out;
}

}  // namespace lupo
