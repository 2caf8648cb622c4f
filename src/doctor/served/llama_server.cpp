// llama-server: /props, /v1/models, /slots, /metrics, /apply-template, /completion with its timings.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "doctor/served/answer.h"
#include "doctor/served/served.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

// What llama.cpp takes for a file without a template: CHATML_TEMPLATE_SRC of common/chat.cpp.
constexpr std::string_view kStandIn =
    "{%- for message in messages -%}\n"
    "  {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "  {{- '<|im_start|>assistant\n' -}}\n"
    "{%- endif -%}";

std::string escaped(std::string_view text) {
  std::string out;
  for (const unsigned char c : text)
    if (std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '~')
      out += static_cast<char>(c);
    else
      out += fmt::format("%{:02X}", c);
  return out;
}

// A server with several models (router mode) wants to be told which.
std::string query(const Served& served, bool is_router) { return is_router ? "?model=" + escaped(served.model) : ""; }

// Sizes, and in router mode the first model that is loaded.
Result<void> read_models(HttpClient& client, Served& served) {
  TRY_ASSIGN(const HttpAnswer http, client.get("/v1/models"));
  if (!http.ok()) return {};
  TRY_ASSIGN(const Answer models, Answer::of("/v1/models", http));
  const std::vector<Answer> list = models.list({"data"});
  for (const Answer& model : list) {
    const std::string id = model.text({"id"}).value_or("");
    const bool is_loaded = model.text({"status", "value"}).value_or("loaded") == "loaded";
    if (served.model.empty() ? !is_loaded : id != served.model && list.size() > 1) continue;
    if (served.model.empty()) served.model = id;
    served.n_ctx_train = model.count({"meta", "n_ctx_train"});
    served.n_params = model.count({"meta", "n_params"});
    served.file_bytes = model.count({"meta", "size"});
    break;
  }
  return models.check();
}

// Whether a system message survives the template. Where it cannot be rendered, the server's own word stays.
Result<void> try_template(HttpClient& client, const std::string& query, Served& served) {
  constexpr const char* kMark = "lupo-7c1e";
  const Json request = {{"messages", {{{"role", "system"}, {"content", kMark}}, {{"role", "user"}, {"content", "Hello"}}}}};
  TRY_ASSIGN(const HttpAnswer http, client.post("/apply-template" + query, dump(request)));
  if (!http.ok()) return {};
  TRY_ASSIGN(const Answer answer, Answer::of("/apply-template", http));
  if (const auto prompt = answer.text({"prompt"})) served.keeps_system = prompt->find(kMark) != std::string::npos;
  return answer.check();
}

Result<void> read_slots(HttpClient& client, const std::string& query, Served& served) {
  TRY_ASSIGN(const HttpAnswer http, client.get("/slots" + query));
  if (!http.ok()) return {};  // --no-slots
  TRY_ASSIGN(const Answer slots, Answer::of("/slots", http));
  for (const Answer& slot : slots.list({})) {
    if (const auto n_ctx = slot.count({"n_ctx"})) served.n_ctx = n_ctx;
    if (slot.boolean({"is_processing"}).value_or(false)) served.is_busy = true;
  }
  return slots.check();
}

// Of Prometheus' text format: "llamacpp:prompt_tokens_total 110".
std::optional<int64_t> metric(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ') continue;
    const double value = std::strtod(line.c_str() + name.size(), nullptr);
    if (value >= 0 && value < 1e15) return static_cast<int64_t>(value);
  }
  return std::nullopt;
}

Result<void> read_metrics(HttpClient& client, const std::string& query, Served& served) {
  TRY_ASSIGN(const HttpAnswer http, client.get("/metrics" + query));
  if (!http.ok()) return {};  // without --metrics
  served.n_prompt_read = metric(http.body, "llamacpp:prompt_tokens_total");
  served.n_prompt_kept = metric(http.body, "llamacpp:prompt_tokens_cached_total");
  if (metric(http.body, "llamacpp:requests_deferred").value_or(0) > 0) served.is_busy = true;
  return {};
}

struct Timings {
  int64_t n_prompt = 0, n = 0;
  double prompt_tps = 0, tps = 0;
};
Result<Timings> complete(HttpClient& client, const std::string& request) {
  TRY_ASSIGN(const HttpAnswer http, client.post("/completion", request, kMeasureLimits));
  TRY_ASSIGN(const Answer answer, Answer::of("/completion", http));
  const Timings t{.n_prompt = answer.count({"timings", "prompt_n"}).value_or(0),
                  .n = answer.count({"timings", "predicted_n"}).value_or(0),
                  .prompt_tps = answer.number({"timings", "prompt_per_second"}).value_or(0),
                  .tps = answer.number({"timings", "predicted_per_second"}).value_or(0)};
  TRY(answer.check());
  return t;
}

}  // namespace

Result<void> describe_llama_server(HttpClient& client, const std::string& model, Served& served) {
  TRY_ASSIGN(const HttpAnswer first_http, client.get("/props"));
  TRY_ASSIGN(const Answer first, Answer::of("/props", first_http));
  const bool is_router = first.text({"role"}).value_or("") == "router";
  served.model = model;
  TRY(read_models(client, served));
  if (is_router && served.model.empty())
    return fail(Layer::model, "no-model", fmt::format("{} has no model loaded", client.url().base),
                fmt::format("lupo doctor --url {} --model NAME  # a name of {}/v1/models", client.url().base, client.url().base));
  const std::string which = query(served, is_router);
  TRY_ASSIGN(const HttpAnswer http, client.get("/props" + which));
  TRY_ASSIGN(const Answer props, Answer::of("/props", http));
  served.version = props.text({"build_info"}).value_or("");
  served.path = props.text({"model_path"}).value_or("");
  if (served.model.empty()) served.model = props.text({"model_alias"}).value_or("");
  served.quantization = props.text({"model_ftype"}).value_or("");
  served.n_slots = props.count({"total_slots"});
  served.n_ctx = props.count({"default_generation_settings", "n_ctx"});
  if (const auto source = props.text({"chat_template"})) served.has_template = !source->empty() && *source != kStandIn;
  served.can_call_tools = props.boolean({"chat_template_caps", "supports_tools"});
  served.keeps_system = props.boolean({"chat_template_caps", "supports_system_role"});
  TRY(props.check());
  TRY(read_slots(client, which, served));
  TRY(read_metrics(client, which, served));
  return try_template(client, which, served);
}

Result<void> measure_llama_server(HttpClient& client, Served& served) {
  const std::string request = dump({{"model", served.model},
                                    {"prompt", measure_prompt()},
                                    {"n_predict", kServedDecodeTokens},
                                    {"temperature", 0},
                                    {"ignore_eos", true},
                                    {"cache_prompt", true},
                                    {"stream", false}});
  TRY_ASSIGN(const Timings first, complete(client, request));
  TRY_ASSIGN(const Timings second, complete(client, request));
  ServedRun run{.n_prompt = first.n_prompt,
                .prefill_tps = first.prompt_tps,
                .n_decode = first.n,
                .decode_tps = std::max(first.tps, second.tps)};
  if (first.n_prompt > 0)
    run.reused = std::clamp(1 - static_cast<double>(second.n_prompt) / static_cast<double>(first.n_prompt), 0.0, 1.0);
  served.run = run;
  return {};
}

}  // namespace lupo
