#include "doctor/served/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace lupo {
namespace {

constexpr size_t kNameBytesMax = 300;

std::string file_of(const Served& served) {
  const std::string& path = served.path.empty() && served.flags() ? served.flags()->model : served.path;
  return plain_or(path, "MODEL.gguf");
}

}  // namespace

std::string plain_or(std::string_view text, std::string_view placeholder) {
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("._:/@+-").find(c) != std::string_view::npos;
  };
  const bool plain =
      !text.empty() && text.size() <= kNameBytesMax && text.front() != '-' && std::all_of(text.begin(), text.end(), is_plain);
  return std::string(plain ? text : placeholder);
}

std::string with_modelfile_line(const Served& served, std::string_view line) {
  const std::string name = plain_or(served.model, "MODEL");
  // "library/qwen3:4b" becomes "qwen3-tuned".
  std::string stem = name.substr(name.rfind('/') == std::string::npos ? 0 : name.rfind('/') + 1);
  stem = stem.substr(0, stem.find(':'));
  return fmt::format("printf 'FROM {}\\n{}\\n' > Modelfile && ollama create {}-tuned -f Modelfile", name, line, stem);
}

std::string with_flags(const Served& served, std::string_view flags) {
  return fmt::format("llama-server -m {} {}  # with your other flags", file_of(served), flags);
}

std::string say(const Served& served, const Words& words) {
  if (served.kind == ServerKind::openai) return std::string(words.otherwise);
  if (served.kind == ServerKind::llama_server) return with_flags(served, words.flags);
  std::string text;
  if (!words.modelfile.empty()) text = with_modelfile_line(served, words.modelfile);
  if (!words.variable.empty())
    text += fmt::format("{}{} ollama serve", text.empty() ? "" : "  # or for every model: ", words.variable);
  return text;
}

}  // namespace lupo
