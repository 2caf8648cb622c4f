// Ollama: /api/version, /api/ps, /api/tags, /api/show, /api/generate. Durations are nanoseconds.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/printable.h"
#include "doctor/served/answer.h"
#include "doctor/served/served.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

// "qwen3" is "qwen3:latest".
bool same_name(std::string_view a, std::string_view b) {
  const auto bare = [](std::string_view name) { return name.ends_with(":latest") ? name.substr(0, name.size() - 7) : name; };
  return bare(a) == bare(b);
}

Result<std::string> first_name(HttpClient& client, const char* path) {
  TRY_ASSIGN(const HttpAnswer http, client.get(path));
  TRY_ASSIGN(const Answer answer, Answer::of(path, http));
  std::string name;
  for (const Answer& model : answer.list({"models"}))
    if (name.empty()) name = model.text({"name"}).value_or("");
  TRY(answer.check());
  return name;
}

// The path of the weights: the FROM line of the Modelfile that is made of them.
std::string path_in(const std::string& modelfile) {
  std::istringstream lines(modelfile);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("FROM /")) return line.substr(5);
  return "";
}

void read_model_info(const Answer& show, Served& served) {
  served.architecture = show.text({"model_info", "general.architecture"}).value_or("");
  const auto of_arch = [&](std::string_view key) { return show.count({"model_info", served.architecture + std::string(key)}); };
  served.n_params = show.count({"model_info", "general.parameter_count"});
  if (served.architecture.empty()) return;
  served.n_ctx_train = of_arch(".context_length");
  served.n_layers = of_arch(".block_count");
  served.is_moe = of_arch(".expert_count").value_or(0) > 0;
}

// A template that is the prompt and nothing else is what Ollama gives a file whose own it cannot use. A renderer is code of
// Ollama's that stands for a template.
void read_template(const Answer& show, Served& served) {
  const std::string text = show.text({"template"}).value_or("");
  const bool has_renderer = !show.text({"renderer"}).value_or("").empty();
  if (show.has({"template"}) || has_renderer) {
    std::string bare;
    std::copy_if(text.begin(), text.end(), std::back_inserter(bare), [](unsigned char c) { return std::isspace(c) == 0; });
    served.has_template = has_renderer || (!bare.empty() && bare != "{{.Prompt}}");
    if (!has_renderer && *served.has_template && text.find(".Messages") == std::string::npos)
      served.keeps_system = text.find(".System") != std::string::npos;
  }
  if (!show.has({"capabilities"})) return;
  served.can_chat = served.can_call_tools = false;
  for (const Answer& capability : show.list({"capabilities"})) {
    const std::string name = capability.text({}).value_or("");
    if (name == "completion") served.can_chat = true;
    if (name == "tools") served.can_call_tools = true;
  }
}

// What /api/ps says of the model when it is loaded.
Result<void> read_loaded(HttpClient& client, Served& served) {
  TRY_ASSIGN(const HttpAnswer http, client.get("/api/ps"));
  TRY_ASSIGN(const Answer ps, Answer::of("/api/ps", http));
  for (const Answer& model : ps.list({"models"})) {
    if (!same_name(model.text({"name"}).value_or(""), served.model)) continue;
    served.loaded_bytes = model.count({"size"});
    served.gpu_bytes = model.count({"size_vram"});
    // Go leaves out a zero; Ollama before 0.11 did not tell the context.
    if (!served.gpu_bytes && served.loaded_bytes) served.gpu_bytes = 0;
    served.n_ctx = model.count({"context_length"});
  }
  return ps.check();
}

struct Generated {
  double prompt_seconds = 0, seconds = 0;
  int64_t n_prompt = 0, n = 0;
};
Result<Generated> generate(HttpClient& client, const std::string& request) {
  TRY_ASSIGN(const HttpAnswer http, client.post("/api/generate", request, kMeasureLimits));
  TRY_ASSIGN(const Answer answer, Answer::of("/api/generate", http));
  const Generated g{.prompt_seconds = 1e-9 * answer.number({"prompt_eval_duration"}).value_or(0),
                    .seconds = 1e-9 * answer.number({"eval_duration"}).value_or(0),
                    .n_prompt = answer.count({"prompt_eval_count"}).value_or(0),
                    .n = answer.count({"eval_count"}).value_or(0)};
  TRY(answer.check());
  return g;
}

}  // namespace

Result<void> describe_ollama(HttpClient& client, const std::string& model, Served& served) {
  TRY_ASSIGN(const HttpAnswer version_http, client.get("/api/version"));
  TRY_ASSIGN(const Answer version, Answer::of("/api/version", version_http));
  served.version = version.text({"version"}).value_or("");
  TRY(version.check());
  served.model = model;
  for (const char* path : {"/api/ps", "/api/tags"})
    if (served.model.empty()) {
      TRY_ASSIGN(served.model, first_name(client, path));
    }
  if (served.model.empty())
    return fail(Layer::model, "no-model", fmt::format("{} has no model", client.url().base), "ollama pull qwen3:4b");

  TRY_ASSIGN(const HttpAnswer http, client.post("/api/show", dump({{"model", served.model}})));
  TRY_ASSIGN(const Answer show, Answer::of("/api/show", http));
  served.quantization = show.text({"details", "quantization_level"}).value_or("");
  if (served.quantization == "unknown") served.quantization.clear();
  served.path = path_in(show.text({"modelfile"}).value_or(""));
  served.remote_host = show.text({"remote_host"}).value_or("");
  if (!served.remote_host.empty()) served.same_host = false;
  read_model_info(show, served);
  read_template(show, served);
  TRY(show.check());
  return read_loaded(client, served);
}

Result<void> measure_ollama(HttpClient& client, Served& served) {
  if (served.can_chat == false) return {};  // an embedding model: nothing to decode
  const std::string request = dump({{"model", served.model},
                                    {"prompt", measure_prompt()},
                                    {"stream", false},
                                    {"options", {{"num_predict", kServedDecodeTokens}, {"temperature", 0}, {"seed", 1}}}});
  TRY_ASSIGN(const Generated first, generate(client, request));
  TRY_ASSIGN(const Generated second, generate(client, request));
  ServedRun run{.n_prompt = first.n_prompt, .n_decode = first.n};
  if (first.prompt_seconds > 0) run.prefill_tps = static_cast<double>(first.n_prompt) / first.prompt_seconds;
  const Generated& longer = second.n > first.n ? second : first;
  if (longer.seconds > 0) run.decode_tps = static_cast<double>(longer.n) / longer.seconds;
  // The count of a prompt means all of it in some versions and what was evaluated in others; the time tells either way.
  if (first.prompt_seconds > 0) run.reused = reused_by_time(first.prompt_seconds, second.prompt_seconds);
  served.run = run;
  return read_loaded(client, served);
}

}  // namespace lupo
