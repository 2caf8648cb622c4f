// What was learned of a served model, as JSON and as one line.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "doctor/served/served.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(valid_utf8(text)); }

Json positive(double value) { return value > 0 ? Json(value) : Json(nullptr); }

Json run_json(const ServedRun& run) {
  return {{"prompt_tokens", run.n_prompt > 0 ? Json(run.n_prompt) : Json(nullptr)},
          {"prefill_tps", positive(run.prefill_tps)},
          {"decode_tokens", run.n_decode},
          {"decode_tps", positive(run.decode_tps)},
          {"prompt_reused", or_null(run.reused)},
          {"clock", run.timed_here ? "ours" : "the server's"}};
}

Json process_json(const ServerProcess& process, const ServerFlags& flags) {
  Json arguments = Json::array();
  for (const std::string& argument : process.arguments) arguments.push_back(valid_utf8(argument));
  return {{"pid", process.pid},
          {"arguments", process.arguments.empty() ? Json(nullptr) : std::move(arguments)},
          {"ctx", or_null(flags.n_ctx)},
          {"slots", or_null(flags.n_slots)},
          {"threads", or_null(flags.n_threads)},
          {"gpu_layers", or_null(flags.n_gpu_layers)},
          {"k_type", or_null(flags.k_type)},
          {"v_type", or_null(flags.v_type)},
          {"flash_attention", or_null(flags.flash_attention)},
          {"jinja", or_null(flags.jinja)},
          {"mmap", or_null(flags.mmap)},
          {"resident_bytes", or_null(process.resident_bytes)},
          {"swapped_bytes", or_null(process.swapped_bytes)},
          {"major_faults_while_measured", or_null(process.faults_while_measured)}};
}

}  // namespace

std::string to_line(const Served& s) {
  return fmt::format("{}{}{} at {}: {}", server_name(s.kind), s.version.empty() ? "" : " ", printable(s.version, 60),
                     printable(s.url, 300), printable(s.model, 300));
}

std::string to_json(const Served& s) {
  Json json = {{"kind", server_name(s.kind)},
               {"url", valid_utf8(s.url)},
               {"same_host", s.same_host},
               {"remote_host", or_null(s.remote_host)},
               {"version", or_null(s.version)},
               {"model", or_null(s.model)},
               {"path", or_null(s.path)},
               {"architecture", or_null(s.architecture)},
               {"quantization", or_null(s.quantization)},
               {"params", or_null(s.n_params)},
               {"layers", or_null(s.n_layers)},
               {"ctx", or_null(s.n_ctx)},
               {"ctx_train", or_null(s.n_ctx_train)},
               {"slots", or_null(s.n_slots)},
               {"file_bytes", or_null(s.file_bytes)},
               {"loaded_bytes", or_null(s.loaded_bytes)},
               {"gpu_bytes", or_null(s.gpu_bytes)},
               {"is_moe", or_null(s.is_moe)},
               {"has_template", or_null(s.has_template)},
               {"keeps_system", or_null(s.keeps_system)},
               {"can_chat", or_null(s.can_chat)},
               {"can_call_tools", or_null(s.can_call_tools)},
               {"prompt_tokens_read", or_null(s.n_prompt_read)},
               {"prompt_tokens_kept", or_null(s.n_prompt_kept)},
               {"is_busy", s.is_busy}};
  json["run"] = s.run ? run_json(*s.run) : Json(nullptr);
  json["process"] = s.process ? process_json(*s.process, s.flags() ? *s.flags() : ServerFlags{}) : Json(nullptr);
  json["unknown"] = unknown_of(s);
  return json.dump();
}

}  // namespace lupo
