#include "doctor/served/served.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "doctor/served/answer.h"

namespace lupo {
namespace {

// Plain prose: a few hundred tokens for any tokenizer. Long enough to time, short enough for a slow machine.
constexpr std::string_view kProse =
    "The river comes down from the hills in the north, passes the old mill and the two stone bridges, and reaches the town "
    "where the market is held every Saturday. In spring the water is high and brown, and the ferryman waits for days until "
    "he can cross with his flat boat. In summer children swim near the willow trees, while their parents sell cherries, "
    "honey and bread from wooden carts. The baker rises at three in the morning, the teacher reads until midnight, and the "
    "clockmaker says that both of them have never seen the same hour. When the first cold nights come, smoke rises from "
    "every roof, the harvest is counted, and the council meets in the hall to decide how much grain will be kept, how much "
    "will be sold, and who will repair the road that leads to the harbour. Nobody remembers who built that road, but "
    "everybody remembers who promised to mend it. Write down what the council decided, and why, in as much detail as you "
    "can.";

// The first address that answers as one of the kinds does. What does not answer at all ends the search.
struct Sign {
  ServerKind kind;
  const char* path;
  bool (*fits)(const Answer& answer);
};
constexpr Sign kSigns[] = {
    {ServerKind::llama_server, "/props",
     [](const Answer& a) { return a.has({"default_generation_settings"}) || a.has({"total_slots"}) || a.has({"role"}); }},
    {ServerKind::ollama, "/api/version", [](const Answer& a) { return a.has({"version"}); }},
    {ServerKind::openai, "/v1/models", [](const Answer& a) { return a.has({"data"}); }},
};

Result<ServerKind> kind_of(HttpClient& client) {
  std::optional<Error> malformed;
  for (const Sign& sign : kSigns) {
    TRY_ASSIGN(const HttpAnswer http, client.get(sign.path));
    if (http.status == 503)
      return fail(Layer::runtime, "server-loading",
                  fmt::format("{}{} says that it still loads its model", client.url().base, sign.path),
                  "wait until it has loaded, then run this again");
    if (!http.ok()) continue;
    const Result<Answer> answer = Answer::of(sign.path, http);
    if (!answer && !malformed) malformed = answer.error();
    if (answer && sign.fits(*answer)) return sign.kind;
  }
  if (malformed) return std::unexpected(*malformed);
  return fail(Layer::runtime, "server-unknown",
              fmt::format("{} is neither Ollama nor llama-server nor OpenAI-compatible: none of /props, /api/version, /v1/models "
                          "answers as theirs do",
                          client.url().base),
              "name a model server: Ollama has port 11434, llama-server 8080");
}

}  // namespace

std::string_view server_name(ServerKind kind) {
  switch (kind) {
    case ServerKind::ollama: return "Ollama";
    case ServerKind::llama_server: return "llama-server";
    case ServerKind::openai: return "OpenAI-compatible server";
  }
  return "";
}

const ServerFlags* Served::flags() const {
  if (!process || process->arguments.empty()) return nullptr;
  const bool is_theirs = kind != ServerKind::openai || process->arguments.front().find("llama") != std::string::npos;
  return is_theirs ? &process->flags : nullptr;
}

std::string measure_prompt() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return fmt::format("{} is the number of this page. {}", std::chrono::nanoseconds(now).count(), kProse);
}

double reused_by_time(double first_seconds, double second_seconds) {
  return first_seconds > 0 ? std::clamp(1 - second_seconds / first_seconds, 0.0, 1.0) : 0;
}

Result<Served> describe_served(HttpClient& client, const std::string& model) {
  Served served{.url = client.url().base, .same_host = client.url().is_loopback()};
  TRY_ASSIGN(served.kind, kind_of(client));
  switch (served.kind) {
    case ServerKind::ollama: TRY(describe_ollama(client, model, served)); break;
    case ServerKind::llama_server: TRY(describe_llama_server(client, model, served)); break;
    case ServerKind::openai: TRY(describe_openai(client, model, served)); break;
  }
  return served;
}

Result<void> measure_served(HttpClient& client, Served& served) {
  switch (served.kind) {
    case ServerKind::ollama: return measure_ollama(client, served);
    case ServerKind::llama_server: return measure_llama_server(client, served);
    case ServerKind::openai: return measure_openai(client, served);
  }
  return {};
}

std::vector<std::string> unknown_of(const Served& s) {
  std::vector<std::string> unknown;
  const auto note = [&](bool known, const char* what) {
    if (!known) unknown.emplace_back(what);
  };
  const bool has_flags = s.flags() != nullptr;
  const char* no_flags =
      !s.same_host ? "threads, GPU layers, cache types, flash attention: only a command line tells, and it is on another machine"
      : s.process  ? "threads, GPU layers, cache types, flash attention: the process may not be read, or has flags of its own"
                   : "threads, GPU layers, cache types, flash attention: the process is not to be seen from here";
  note(has_flags, no_flags);
  note(s.n_ctx.has_value(), "context: the server does not tell");
  note(s.n_ctx_train.has_value(), "trained context: the server does not tell");
  note(s.n_slots.has_value() || (has_flags && s.flags()->n_slots), "requests at once: the server does not tell");
  note(!s.quantization.empty(), "quantization: the server does not tell");
  note(s.n_params.has_value(), "parameters: the server does not tell");
  note(s.has_template.has_value(), "chat template: the server does not show it");
  note(s.gpu_bytes.has_value(), "what of it is on a GPU: the server does not tell");
  note(!s.path.empty(), "the model file: the server does not name it, so that its tensors were not looked at");
  if (s.run) {
    note(s.run->prefill_tps > 0, "prefill speed: the server does not count the prompt's tokens");
    note(s.run->reused.has_value(), "prefix cache: no second run told");
  }
  return unknown;
}

}  // namespace lupo
