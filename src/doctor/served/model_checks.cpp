// The layers model and quantization, as far as a server's word goes: by name, template and label.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/printable.h"
#include "doctor/served/checks.h"
#include "doctor/served/words.h"

namespace lupo {
namespace {

constexpr double kQ4KMBits = 4.85;

// A word of the name, between what is neither letter nor digit.
bool has_word(const std::string& name, std::string_view word) {
  const auto inside = [&](size_t at) { return at < name.size() && std::isalnum(static_cast<unsigned char>(name[at])) != 0; };
  for (size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1))
    if ((at == 0 || !inside(at - 1)) && !inside(at + word.size())) return true;
  return false;
}

// "base", "pt" (Gemma) and Ollama's tag "text" mean: not trained to answer. Folders say nothing.
bool is_base_by_name(const Served& s) {
  std::string name = in_lower_case(s.model);
  if (s.kind != ServerKind::ollama) name = name.substr(name.rfind('/') == std::string::npos ? 0 : name.rfind('/') + 1);
  for (const std::string_view answers : {"instruct", "chat", "it"})
    if (has_word(name, answers)) return false;
  return has_word(name, "base") || has_word(name, "pt") ||
         (s.kind == ServerKind::ollama && name.find(":text") != std::string::npos);
}

void check_kind(const Served& s, std::vector<Finding>& findings) {
  if (is_base_by_name(s))
    findings.push_back({Layer::model, "base-model", Severity::warning,
                        "this looks like a base model: it continues text and was not trained to answer",
                        fmt::format("its name: {}", printable(s.model, 200)), 0, fix_in_their_terms(s, "base-model", "")});
}

void check_template(const Served& s, std::vector<Finding>& findings) {
  if (s.can_chat == false) {
    findings.push_back({Layer::model, "not-a-chat-model", Severity::problem,
                        "this model does not answer: it gives vectors of texts",
                        "the server lists no completion among its capabilities", 0, "ollama pull qwen3:4b"});
    return;
  }
  if (s.has_template == false)
    findings.push_back(
        {Layer::model, "template-missing", Severity::warning,
         "the model has no chat template of its own: it sees other text than it was trained on",
         s.kind == ServerKind::ollama ? "the template is the prompt and nothing else" : "the server uses its stand-in, ChatML", 0,
         fix_in_their_terms(s, "template-missing", "")});
  else if (s.keeps_system == false)
    findings.push_back({Layer::model, "template-drops-system", Severity::warning,
                        "the chat template leaves the system message out", "a system message did not come through", 0,
                        "put the instructions into the first user message", false});
  if (s.can_call_tools == false)
    findings.push_back({Layer::model, "no-tool-calls", Severity::info, "the template has no place for tools",
                        "the server's own word", 0, "", false});
}

struct LabelBits {
  std::string_view begins;
  double bits;
};
// Bits a weight of the mixes that these labels name; the first that fits counts.
constexpr std::array kBits = {LabelBits{"all f32", 32}, LabelBits{"f32", 32},  LabelBits{"bf16", 16}, LabelBits{"f16", 16},
                              LabelBits{"q8_0", 8.5},   LabelBits{"iq1", 1.8}, LabelBits{"iq2", 2.5}, LabelBits{"q2_k", 3.0},
                              LabelBits{"tq1", 1.7},    LabelBits{"tq2", 2.1}};

void check_label(const Served& s, std::vector<Finding>& findings) {
  const std::string label = in_lower_case(s.quantization);
  const auto* known = std::find_if(kBits.begin(), kBits.end(), [&](const LabelBits& l) { return label.starts_with(l.begins); });
  if (label.empty() || known == kBits.end()) return;
  const std::string evidence = fmt::format("{}, about {} bits a weight", printable(s.quantization, 40), known->bits);
  const std::string other = fix_in_their_terms(s, "wide-weights", "");
  if (known->bits > 8)
    findings.push_back(
        {Layer::quantization, "wide-weights", known->bits >= 16 ? Severity::warning : Severity::info,
         "the weights have more bits than speed wants; Q4_K_M reads fewer bytes a token at a small cost in quality", evidence,
         known->bits / kQ4KMBits - 1, other});
  if (known->bits < 3.5)
    findings.push_back({Layer::quantization, "few-bits", Severity::warning,
                        "so few bits a weight cost quality that can be noticed", evidence, 0, other});
}

}  // namespace

void check_served_model(const Served& s, bool file_was_read, std::vector<Finding>& findings) {
  if (!file_was_read) {
    check_kind(s, findings);
    check_label(s, findings);
  }
  check_template(s, findings);
}

std::string fix_in_their_terms(const Served& s, const std::string& code, const std::string& fix) {
  const std::string name = plain_or(s.model, "MODEL");
  const bool is_ollama = s.kind == ServerKind::ollama;
  if (code == "base-model")
    return is_ollama ? fmt::format("ollama pull {}  # or another tag with instruct in it", name.substr(0, name.find(':')))
                     : "llama-server -m MODEL-Instruct.gguf --jinja  # the instruct version of this model";
  if (code == "template-missing")
    return say(s, {.modelfile = "TEMPLATE \"\"\"...\"\"\"  # from the model's own page",
                   .variable = "",
                   .flags = "--jinja --chat-template-file FILE.jinja",
                   .otherwise = "give the server the chat template from the model's own page"});
  if (code == "wide-weights" || code == "few-bits")
    return is_ollama ? fmt::format("ollama pull {}:TAG  # a tag that ends in q4_K_M", name.substr(0, name.find(':')))
                     : "llama-server -m MODEL-Q4_K_M.gguf  # the Q4_K_M file of the same model";
  return fix;
}

}  // namespace lupo
