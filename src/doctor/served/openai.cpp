// Anything that speaks OpenAI's protocol: /v1/models, and /v1/chat/completions as a stream that is timed here.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "doctor/served/answer.h"
#include "doctor/served/served.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

// Events of a stream (HTML Living Standard, server-sent events): lines "data: {…}", the last "data: [DONE]".
class Stream {
 public:
  void take(std::string_view part, double seconds) {
    rest_ += part;
    for (size_t end; (end = rest_.find('\n')) != std::string::npos; rest_.erase(0, end + 1)) line(rest_.substr(0, end), seconds);
  }

  Result<void> check() const {
    if (error_) return std::unexpected(*error_);
    if (n_events_ > 0) return {};
    return fail(Layer::runtime, "bad-answer", "/v1/chat/completions: the stream ended without a token",
                "see the server's log; another of its models is chosen with --model NAME");
  }
  double first_seconds() const { return first_; }
  int64_t n_prompt() const { return n_prompt_; }
  int64_t n_tokens() const { return n_tokens_ > 0 ? n_tokens_ : n_events_; }  // without a count an event is taken for a token
  double decode_tps() const {
    return last_ > first_ && n_tokens() > 1 ? static_cast<double>(n_tokens() - 1) / (last_ - first_) : 0;
  }

 private:
  void line(const std::string& text, double seconds) {
    if (error_ || !text.starts_with("data:") || text.find('{') == std::string::npos) return;
    const Result<Answer> event = Answer::of_text("/v1/chat/completions", text.substr(text.find('{')));
    if (!event) {
      error_ = event.error();
      return;
    }
    for (const Answer& choice : event->list({"choices"})) {
      size_t bytes = 0;
      for (const std::string_view key : {"content", "reasoning_content", "reasoning"})
        bytes += choice.text({"delta", key}).value_or("").size();
      if (bytes == 0) continue;
      if (n_events_++ == 0) first_ = seconds;
      last_ = seconds;
    }
    n_prompt_ = event->count({"usage", "prompt_tokens"}).value_or(n_prompt_);
    n_tokens_ = event->count({"usage", "completion_tokens"}).value_or(n_tokens_);
    if (const Result<void> checked = event->check(); !checked) error_ = checked.error();
  }

  std::string rest_;
  std::optional<Error> error_;
  int64_t n_events_ = 0, n_prompt_ = 0, n_tokens_ = 0;
  double first_ = 0, last_ = 0;
};

Result<Stream> chat(HttpClient& client, const std::string& request) {
  Stream stream;
  TRY_ASSIGN(const HttpAnswer http, client.post("/v1/chat/completions", request, kMeasureLimits,
                                                [&](std::string_view part, double seconds) { stream.take(part, seconds); }));
  if (!http.ok()) return std::unexpected(Answer::of("/v1/chat/completions", http).error());
  TRY(stream.check());
  return stream;
}

}  // namespace

Result<void> describe_openai(HttpClient& client, const std::string& model, Served& served) {
  TRY_ASSIGN(const HttpAnswer http, client.get("/v1/models"));
  TRY_ASSIGN(const Answer models, Answer::of("/v1/models", http));
  served.model = model;
  for (const Answer& one : models.list({"data"})) {
    const std::string id = one.text({"id"}).value_or("");
    if (!served.model.empty() && id != served.model) continue;
    served.model = id;
    served.n_ctx = one.count({"max_model_len"});  // vLLM
    // What stands behind may be llama-server (llama-swap and other proxies), or take its file for a name (llama-cpp-python).
    served.n_ctx_train = one.count({"meta", "n_ctx_train"});
    served.n_params = one.count({"meta", "n_params"});
    if (id.starts_with('/') && id.ends_with(".gguf")) served.path = id;
    break;
  }
  TRY(models.check());
  if (served.model.empty())
    return fail(Layer::model, "no-model", fmt::format("{} lists no model", client.url().base), "load a model into the server");
  return {};
}

Result<void> measure_openai(HttpClient& client, Served& served) {
  const std::string request = dump({{"model", served.model},
                                    {"messages", {{{"role", "user"}, {"content", measure_prompt()}}}},
                                    {"max_tokens", kServedDecodeTokens},
                                    {"temperature", 0},
                                    {"stream", true},
                                    {"stream_options", {{"include_usage", true}}}});
  TRY_ASSIGN(const Stream first, chat(client, request));
  TRY_ASSIGN(const Stream second, chat(client, request));
  ServedRun run{.n_prompt = first.n_prompt(), .n_decode = first.n_tokens(), .timed_here = true};
  if (first.first_seconds() > 0) run.prefill_tps = static_cast<double>(first.n_prompt()) / first.first_seconds();
  run.decode_tps = std::max(first.decode_tps(), second.decode_tps());
  run.reused = reused_by_time(first.first_seconds(), second.first_seconds());
  served.run = run;
  return {};
}

}  // namespace lupo
