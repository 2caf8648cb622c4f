#include "cli/conversation.h"

#include "base/printable.h"
#include "doctor/habits.h"

namespace lupo::cli {

Result<std::string> Conversation::render(const std::string& text) const {
  auto messages = nlohmann::ordered_json::array();
  if (!system_.empty()) messages.push_back({{"role", "system"}, {"content", valid_utf8(system_)}});
  for (const auto& message : messages_) messages.push_back(message);
  messages.push_back({{"role", "user"}, {"content", valid_utf8(text)}});
  RenderRequest request;
  request.messages_json = messages.dump();
  request.bos_token = special_text(tokenizer_, tokenizer_.special().bos);
  request.eos_token = special_text(tokenizer_, tokenizer_.special().eos);
  return template_->render(request);
}

Result<std::vector<TokenId>> Conversation::prompt_for(const std::string& text) const {
  if (!template_) return tokenizer_.encode(text);
  TRY_ASSIGN(const std::string rendered, render(text));
  return encode_rendered(tokenizer_, rendered);
}

Result<Answer> Conversation::ask(const std::string& text, int64_t n_predict, const std::function<void(std::string_view)>& on_text,
                                 const InterruptFlag& interrupt) {
  GenerateRequest request;
  TRY_ASSIGN(request.prompt, prompt_for(text));
  request.n_predict = n_predict;
  request.on_text = on_text;
  request.speculator = speculator_.get();
  request.cancelled = [&] { return interrupt.raised(); };
  AnswerRecord record{
      .model = {}, .n_ctx = engine_.n_ctx(), .n_prompt = std::ssize(request.prompt), .n_held = std::ssize(session_.tokens())};
  const Watch watch(real_env());
  Result<Answer> generated = generate(session_, tokenizer_, sampler_, request);
  circumstances_ = watch.seen();
  if (!generated) {
    if (generated.error().code == "prompt-too-long") note_answer(real_env(), engine_.model(), record);
    return generated;
  }
  Answer& answer = *generated;
  record.n_reused = answer.prefill.n_reused;
  record.n_generated = std::ssize(answer.tokens);
  record.is_cut = answer.stop == StopReason::context_full;
  if (answer.speculation && answer.speculation->n_proposed > 0) {
    record.proposer = answer.speculation->by;
    record.speculation_gain = answer.speculation->gain();
  }
  note_answer(real_env(), engine_.model(), record);
  messages_.push_back({{"role", "user"}, {"content", valid_utf8(text)}});
  messages_.push_back({{"role", "assistant"}, {"content", answer.text}});
  return generated;
}

}  // namespace lupo::cli
