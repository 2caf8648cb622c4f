// A conversation with a model: the messages so far, the template that renders them, the session that holds their tokens.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/terminal.h"
#include "cli/run_report.h"

namespace lupo::cli {

class Conversation {
 public:
  // `chat_template` is empty for raw text; `speculator` is null for none. References must outlive it.
  Conversation(Engine& engine, const Tokenizer& tokenizer, std::optional<ChatTemplate> chat_template, SamplingOptions sampling,
               std::unique_ptr<Speculator> speculator)
      : engine_(engine),
        tokenizer_(tokenizer),
        session_(engine),
        template_(std::move(chat_template)),
        sampler_(std::move(sampling)),
        speculator_(std::move(speculator)) {}

  // The token ids of the history and `text` as the next user message (raw: of `text` alone).
  Result<std::vector<TokenId>> prompt_for(const std::string& text) const;
  // Asks and streams the answer; on success both messages join the history.
  Result<Answer> ask(const std::string& text, int64_t n_predict, const std::function<void(std::string_view)>& on_text,
                     const InterruptFlag& interrupt);

  void set_system(std::string text) { system_ = std::move(text); }
  void set_template(ChatTemplate chat_template) { template_ = std::move(chat_template); }
  void set_sampling(SamplingOptions options) { sampler_ = Sampler(std::move(options)); }
  void clear() { messages_ = nlohmann::ordered_json::array(); }

  const std::string& system() const { return system_; }
  const SamplingOptions& sampling() const { return sampler_.options(); }
  const ChatTemplate* chat_template() const { return template_ ? &*template_ : nullptr; }
  const Engine& engine() const { return engine_; }
  const Session& session() const { return session_; }
  const Circumstances& circumstances() const { return circumstances_; }  // of the last answer

 private:
  Result<std::string> render(const std::string& text) const;

  Engine& engine_;
  const Tokenizer& tokenizer_;
  Session session_;
  std::optional<ChatTemplate> template_;
  Sampler sampler_;
  std::unique_ptr<Speculator> speculator_;
  std::string system_;
  Circumstances circumstances_;
  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();  // {"role", "content"} without the system message
};

struct ChatOptions {
  int64_t n_predict = -1;  // a turn; −1: until the model ends
  bool quiet = false;      // no report after an answer
};

// Reads questions from the terminal until /exit or the end of input.
Result<void> chat_loop(Conversation& conversation, Reporter& reporter, const ChatOptions& options);

}  // namespace lupo::cli
