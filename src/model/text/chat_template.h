// Chat templates: Hugging Face's Jinja dialect, rendered by minijinja through bridge/.
//
// What transformers' apply_chat_template does with Jinja2 is the measure (tests/goldens/templates). Two cases that raise there
// render here: `for x in none` is an empty loop, and a lazy sequence has a length.
//
// The template is untrusted: rendering has fuel, an output limit and a depth limit; a template that loops, recurses or
// allocates without end gives an Error with line and column. Thread-safe; a ChatTemplate may be rendered from many threads.
// Errors, all {runtime, …}: template-syntax, template-raised (the template called raise_exception), template-failed,
// template-limit, bad-input (malformed JSON or message), unknown-template, template-file, no-chat-template.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf/gguf.h"

namespace lupo {

struct RenderRequest {
  std::string messages_json;   // array of {"role", "content", …}; content a string, a list of parts, or null
  std::string tools_json;      // array, or "" for none
  std::string documents_json;  // array, or "" for none
  std::string kwargs_json;     // object of further variables (enable_thinking, …), or ""
  bool add_generation_prompt = true;
  std::string bos_token, eos_token;  // their text, "" where the model has none
  int64_t now = 0;                   // seconds since 1970 for strftime_now (which tells local time), 0 = the clock
};

// The texts of a vocabulary's BOS and EOS tokens, "" where it has none; an id outside the vocabulary is {model, bad-value}.
struct SpecialTexts {
  std::string bos, eos;
};
Result<SpecialTexts> special_texts(const gguf::Metadata& metadata);

class ChatTemplate {
 public:
  // Compiles; a syntax error gives {runtime, template-syntax} with line and column.
  static Result<ChatTemplate> compile(std::string source, std::string name);
  // What a model would use: its own tokenizer.chat_template (with tools its tokenizer.chat_template.tool_use, where it has
  // one), or the named built-in that fits its special tokens. `reason()` says which and why. `choice`: "" = automatic, the
  // name of one of the model's own tokenizer.chat_template.NAME or of a built-in, or a file's path.
  static Result<ChatTemplate> choose(const gguf::Metadata& metadata, const std::string& choice, bool with_tools = false);
  static std::vector<std::string_view> builtin_names();  // "chatml", "llama2", "llama3", "gemma", …

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  Result<std::string> render(const RenderRequest& request) const;
  const std::string& name() const;    // "tokenizer.chat_template", "chatml", a path
  const std::string& reason() const;  // why this one, for printing
  const std::string& source() const;

 private:
  struct State;
  static Result<ChatTemplate> compile(std::string source, std::string name, std::string reason);
  static Result<ChatTemplate> choose_named(const gguf::Metadata& metadata, const std::string& choice);
  explicit ChatTemplate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lupo
