// lupo inspect: the facts of a GGUF file, what its name promises, and whether lupo can run it.
//
// Facts are shown whatever the file holds; a fault found on the way is an error after them (exit code 1). An architecture that
// lupo does not know is no fault: its parameters are counted from the tensors, what needs its graph is left open.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/printable.h"
#include "base/units.h"
#include "cli/given_model.h"
#include "cli/has_tokenizer.h"
#include "cli/model_facts.h"
#include "cli/verb.h"
#include "model/gguf/file_name.h"
#include "model/kinds.h"
#include "model/model.h"
#include "model/text/chat_template.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string path;
  bool json = false, tensors = false, keys = false;
};

// What the engine says about the file.
struct Verdict {
  std::optional<ModelFacts> facts;  // from the graph
  std::string not_run_because;      // empty when lupo can run it
  std::vector<Error> faults;        // why it cannot although it should
  std::vector<std::string> tokenizer_notes;
  std::vector<std::string> notes;  // of the architecture
};

Verdict judge(const gguf::File& file, const gguf::FileName& name, Result<gguf::File> again) {
  Verdict verdict;
  const std::string_view type = file.metadata().string("general.type").value_or(name.type == "vocab" ? "vocab" : "model");
  if (type != "model") {
    verdict.not_run_because = fmt::format("the file holds no model, its type is '{}'", printable(type, 64));
    return verdict;
  }
  const Result<Model> model = again ? Model::from_file(std::move(*again)) : std::unexpected(std::move(again.error()));
  if (model)
    verdict.facts = model->facts(), verdict.notes = model->notes();
  else
    verdict.not_run_because = model.error().what;
  if (!model && model.error().code == "unknown-architecture") return verdict;
  if (!model) verdict.faults.push_back(model.error());
  if (has_tokenizer(file.metadata())) {
    const auto tokenizer = Tokenizer::create(file.metadata());
    if (tokenizer)
      verdict.tokenizer_notes.assign((*tokenizer)->notes().begin(), (*tokenizer)->notes().end());
    else
      verdict.faults.push_back(tokenizer.error());
  }
  if (const auto source = file.metadata().string("tokenizer.chat_template"))
    if (const auto compiled = ChatTemplate::compile(std::string(*source), "tokenizer.chat_template"); !compiled)
      verdict.faults.push_back(compiled.error());
  if (verdict.not_run_because.empty() && !verdict.faults.empty()) verdict.not_run_because = verdict.faults[0].what;
  return verdict;
}

// A metadata value; of a long array the first items.
Json to_json(const gguf::Metadata& metadata, std::string_view key, const gguf::Value& value, size_t items_max) {
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return valid_utf8(*text);
  if (const auto* number = std::get_if<uint64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<int64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  const auto& array = std::get<gguf::ArrayView>(value.data);
  Json items = Json::array();
  const auto take = [&](const auto& all, auto convert) {
    for (size_t i = 0; i < std::min(all.size(), items_max); ++i) items.push_back(convert(all[i]));
  };
  if (const auto texts = metadata.strings(key))
    take(*texts, [](std::string_view text) { return valid_utf8(text); });
  else if (const auto integers = metadata.integers(key))
    take(*integers, [](int64_t number) { return number; });
  else if (const auto floats = metadata.floats(key))
    take(*floats, [](float number) { return number; });
  if (items.size() == array.count) return items;
  return {{"type", gguf::value_type_name(array.element)}, {"count", array.count}, {"first", items}};
}

// The numbers of the architecture that people compare; absent ones are left out.
Json hyper_parameters(const gguf::Metadata& metadata, std::string_view architecture) {
  constexpr std::string_view kNames[] = {"context_length",       "embedding_length",       "block_count",
                                         "feed_forward_length",  "attention.head_count",   "attention.head_count_kv",
                                         "attention.key_length", "attention.value_length", "attention.sliding_window",
                                         "rope.freq_base",       "rope.scaling.type",      "rope.scaling.factor",
                                         "expert_count",         "expert_used_count",      "vocab_size"};
  Json out = Json::object();
  for (const std::string_view name : kNames) {
    const std::string key = fmt::format("{}.{}", architecture, name);
    if (const gguf::Value* value = metadata.find(key)) out[std::string(name)] = to_json(metadata, key, *value, 256);
  }
  return out;
}

Json to_json(const gguf::FileName& name) {
  const auto or_null = [](const auto& value) { return value == std::decay_t<decltype(value)>{} ? Json() : Json(value); };
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(valid_utf8(value)); };
  return {{"family", text(name.family)},
          {"size_label", text(name.size_label)},
          {"params_total", or_null(name.params_total)},
          {"params_active", or_null(name.params_active)},
          {"n_experts", or_null(name.n_experts)},
          {"fine_tune", text(name.fine_tune)},
          {"version", text(name.version)},
          {"encoding", text(name.encoding)},
          {"type", text(name.type)},
          {"shard", or_null(name.shard)},
          {"n_shards", or_null(name.n_shards)}};
}

Json to_json(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const Finding& finding : findings)
    out.push_back({{"layer", layer_name(finding.layer)},
                   {"code", finding.code},
                   {"severity", severity_name(finding.severity)},
                   {"what", valid_utf8(finding.what)},
                   {"evidence", valid_utf8(finding.evidence)},
                   {"gain", finding.gain},
                   {"limits", finding.limits},
                   {"fix", valid_utf8(finding.fix)}});
  return out;
}

Json to_json(const std::vector<Error>& errors) {
  Json out = Json::array();
  for (const Error& error : errors)
    out.push_back({{"layer", layer_name(error.layer)},
                   {"code", error.code},
                   {"what", valid_utf8(error.what)},
                   {"fix", valid_utf8(error.fix)}});
  return out;
}

Json to_json(const std::vector<KindFound>& kinds) {
  Json out = Json::array();
  for (const KindFound& found : kinds) out.push_back({{"kind", kind_name(found.kind)}, {"evidence", valid_utf8(found.evidence)}});
  return out;
}

Json bytes_by_type(const gguf::File& file) {
  std::map<Type, int64_t> bytes;
  for (const gguf::TensorInfo& tensor : file.tensors()) bytes[tensor.type] += tensor.bytes;
  std::vector<std::pair<Type, int64_t>> sorted(bytes.begin(), bytes.end());
  std::ranges::stable_sort(sorted, std::greater(), [](const auto& entry) { return entry.second; });
  Json out = Json::object();
  for (const auto& [type, count] : sorted) out[std::string(type_info(type).name)] = count;
  return out;
}

Json tokenizer_facts(const gguf::Metadata& metadata) {
  const auto text = [&](std::string_view key) {
    const auto value = metadata.string(key);
    return value ? Json(valid_utf8(*value)) : Json();
  };
  const gguf::Value* tokens = metadata.find("tokenizer.ggml.tokens");
  const auto* array = tokens ? std::get_if<gguf::ArrayView>(&tokens->data) : nullptr;
  return {{"model", text("tokenizer.ggml.model")},
          {"pre", text("tokenizer.ggml.pre")},
          {"n_tokens", array ? Json(array->count) : Json()}};
}

Json tensor_list(const gguf::File& file) {
  Json out = Json::array();
  for (const gguf::TensorInfo& tensor : file.tensors())
    out.push_back({{"name", valid_utf8(tensor.name)},
                   {"type", type_info(tensor.type).name},
                   {"shape", std::span(tensor.dim).first(static_cast<size_t>(tensor.n_dims))},
                   {"bytes", tensor.bytes},
                   {"shard", tensor.shard}});
  return out;
}

Json key_list(const gguf::Metadata& metadata) {
  Json out = Json::object();
  for (const auto& [key, value] : metadata.entries()) out[valid_utf8(key)] = to_json(metadata, key, value, 8);
  return out;
}

Json describe(const gguf::File& file, const Options& options, const gguf::FileName& name, const Verdict& verdict) {
  const gguf::Metadata& metadata = file.metadata();
  const auto text = [&](std::string_view key) {
    const auto value = metadata.string(key);
    return value ? Json(valid_utf8(*value)) : Json();
  };
  int64_t params = 0, tensor_bytes = 0;
  for (const gguf::TensorInfo& tensor : file.tensors()) params += elements(tensor), tensor_bytes += tensor.bytes;
  Json out = {{"file", valid_utf8(file.path())},
              {"file_bytes", file.file_bytes()},
              {"gguf_version", file.version()},
              {"alignment", file.alignment()},
              {"n_shards", file.n_shards()},
              {"architecture", text("general.architecture")},
              {"name", text("general.name")},
              {"size_label", text("general.size_label")},
              {"license", text("general.license")},
              {"supported", verdict.not_run_because.empty()},
              {"reason", verdict.not_run_because.empty() ? Json() : Json(valid_utf8(verdict.not_run_because))}};
  out["notes"] = Json::array();
  for (const std::string& note : verdict.notes) out["notes"].push_back(valid_utf8(note));
  for (const char* unknown : {"params_active", "bytes_per_token", "kv_bytes_per_token", "kv", "state_bytes"})
    out[unknown] = Json();
  out["params_total"] = params;
  if (verdict.facts) add_facts(*verdict.facts, out);
  out["bits_per_weight"] = params > 0 ? Json(8.0 * static_cast<double>(tensor_bytes) / static_cast<double>(params)) : Json();
  out["n_tensors"] = file.tensors().size();
  out["tensor_bytes"] = tensor_bytes;
  out["bytes_by_type"] = bytes_by_type(file);
  out["hyper_parameters"] = hyper_parameters(metadata, metadata.string("general.architecture").value_or(""));
  out["tokenizer"] = tokenizer_facts(metadata);
  out["tokenizer"]["notes"] = Json::array();
  for (const std::string& note : verdict.tokenizer_notes) out["tokenizer"]["notes"].push_back(valid_utf8(note));
  out["chat_template"] = metadata.find("tokenizer.chat_template") != nullptr;
  out["kinds"] = to_json(model_kinds(metadata, file.path()));
  out["filename"] = to_json(name);
  out["findings"] = to_json(gguf::check_file_name(name, file));
  out["faults"] = to_json(verdict.faults);
  if (options.tensors) out["tensors"] = tensor_list(file);
  if (options.keys) out["keys"] = key_list(metadata);
  return out;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "unknown";
  return printable(value.is_string() ? value.get_ref<const std::string&>() : value.dump(), 400);
}

void row(std::string_view label, const std::string& value) { fmt::print("{:<26}{}\n", label, value); }

void print_facts(const Json& facts, const Verdict& verdict) {
  row("file", fmt::format("{} ({}, GGUF v{}, {} tensors{})", shown(facts["file"]), format_bytes(facts["file_bytes"]),
                          facts["gguf_version"].get<uint32_t>(), facts["n_tensors"].get<size_t>(),
                          facts["n_shards"] > 1 ? fmt::format(", {} parts", facts["n_shards"].get<int>()) : ""));
  row("architecture", shown(facts["architecture"]));
  row("name", shown(facts["name"]));
  row("lupo runs it", facts["supported"] ? "yes" : "no: " + shown(facts["reason"]));
  for (const Json& note : facts["notes"]) row("", shown(note));
  if (!verdict.facts) row("parameters", format_count(facts["params_total"]));
  for (const auto& [label, text] : verdict.facts ? fact_lines(*verdict.facts) : decltype(fact_lines({}))()) row(label, text);
  std::string types;
  for (const auto& [type, bytes] : facts["bytes_by_type"].items())
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", type, format_bytes(bytes));
  if (!facts["bits_per_weight"].is_null())
    row("weights", fmt::format("{} ({:.2f} bits a weight)", types, facts["bits_per_weight"].get<double>()));
  for (const auto& [key, value] : facts["hyper_parameters"].items()) row(key, shown(value));
  const Json& tokenizer = facts["tokenizer"];
  if (!tokenizer["model"].is_null())
    row("tokenizer",
        fmt::format("{}{}, {} tokens", shown(tokenizer["model"]),
                    tokenizer["pre"].is_null() ? "" : " / " + shown(tokenizer["pre"]), shown(tokenizer["n_tokens"])));
  for (const Json& note : tokenizer["notes"]) row("", shown(note));
  row("chat template", facts["chat_template"] ? "yes" : "none");
  for (const Json& found : facts["kinds"]) row("kind", fmt::format("{}: {}", shown(found["kind"]), shown(found["evidence"])));
  std::string name;
  for (const auto& [key, value] : facts["filename"].items())
    if (!value.is_null()) name += fmt::format("{}{} {}", name.empty() ? "" : ", ", key, shown(value));
  row("file name says", name);
  for (const Json& finding : facts["findings"])
    fmt::print("{} [{}/{}]: {}\n  {}\n", shown(finding["severity"]), shown(finding["layer"]), shown(finding["code"]),
               shown(finding["what"]), shown(finding["evidence"]));
}

void print_lists(const Json& facts) {
  if (facts.contains("keys"))
    for (const auto& [key, value] : facts["keys"].items()) fmt::print("{} = {}\n", printable(key, 128), shown(value));
  if (facts.contains("tensors"))
    for (const Json& tensor : facts["tensors"])
      fmt::print("{:<40} {:<8} {:<24} {}\n", shown(tensor["name"]), shown(tensor["type"]), tensor["shape"].dump(),
                 format_bytes(tensor["bytes"]));
}

Result<void> run(const Options& options) {
  TRY_ASSIGN(const auto open, opener_of(options.path));
  TRY_ASSIGN(const gguf::File file, open());
  const gguf::FileName name = gguf::parse_file_name(file.path());
  const Verdict verdict = judge(file, name, open());
  const Json facts = describe(file, options, name, verdict);
  TRY(file.check_intact());
  if (options.json) {
    fmt::print("{}\n", facts.dump());
  } else {
    print_facts(facts, verdict);
    print_lists(facts);
  }
  if (!verdict.faults.empty()) return std::unexpected(verdict.faults[0]);
  return {};
}

}  // namespace

Verb add_inspect(CLI::App& root) {
  CLI::App* app = root.add_subcommand("inspect", "facts of a GGUF file, and whether its name keeps what it promises");
  auto options = std::make_shared<Options>();
  app->add_option("file", options->path, "GGUF file, of a split model any part; or https://…/model.gguf, hf:OWNER/REPO:Q4_K_M")
      ->required();
  app->add_flag("--json", options->json, "one JSON value");
  app->add_flag("--tensors", options->tensors, "list the tensors");
  app->add_flag("--keys", options->keys, "list the metadata");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
