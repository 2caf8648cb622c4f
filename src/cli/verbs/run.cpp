// lupo run: one answer, or a chat.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/printable.h"
#include "cli/conversation.h"
#include "cli/engine_options.h"
#include "cli/fit_options.h"
#include "cli/isa_names.h"
#include "cli/print.h"
#include "cli/sampling_options.h"
#include "cli/speculation_options.h"
#include "cli/verb.h"
#include "model/kinds.h"

namespace lupo::cli {
namespace {

struct Options {
  EngineOptions engine;
  SamplingFlags sampling;
  SpeculationFlags speculation;
  std::string prompt, file, system, chat_template;
  int64_t n_predict = -1;
  bool shrinks = false;
  bool raw = false, json = false, quiet = false;
  bool has_prompt = false;
};

struct Setup {
  Machine machine;
  Engines engines;
  std::optional<ChatTemplate> chat_template;
  SamplingOptions sampling;
  std::vector<std::string> notes;  // every decision with its reason
};

// What the file says against a chat; false where the text had better go to the model as it is.
bool suits_a_template(const Model& model, const Options& options, std::vector<std::string>& notes) {
  const std::vector<KindFound> kinds = model_kinds(model.metadata(), options.engine.model);
  for (ModelKind kind : {ModelKind::embedding, ModelKind::reranker})
    if (const KindFound* found = find_kind(kinds, kind))
      notes.push_back(fmt::format("warning: not made to answer but of kind {}: {}", kind_name(kind), found->evidence));
  const KindFound* base = find_kind(kinds, ModelKind::base);
  if (base == nullptr || options.raw) return true;
  notes.push_back(fmt::format("warning: a base model, which continues text and was not trained to answer: {}", base->evidence));
  return !options.chat_template.empty() || model.metadata().find("tokenizer.chat_template") != nullptr;
}

Result<Setup> set_up(const Model& model, const Model* draft, const Options& options) {
  Setup setup;
  const bool is_raw = !suits_a_template(model, options, setup.notes) || options.raw;
  TRY_ASSIGN(setup.machine, this_machine());
  TRY_ASSIGN(RuntimeOptions runtime, runtime_options(options.engine, model, setup.machine));
  if (!is_raw) {
    TRY_ASSIGN(ChatTemplate chosen, ChatTemplate::choose(model.metadata(), options.chat_template));
    setup.chat_template = std::move(chosen);
  }
  TRY_ASSIGN(setup.sampling, sampling_options(options.sampling, model.metadata(), setup.notes));
  TRY_ASSIGN(const Speculate mode, speculate_mode(options.speculation));
  Result<Engines> engines = load_engines(model, draft, setup.machine, runtime, mode);
  if (!engines && engines.error().code == "does-not-fit" && draft == nullptr) {
    TRY_ASSIGN(runtime,
               after_misfit(engines.error(), options.engine.model, model, setup.machine, runtime, options.shrinks, setup.notes));
    engines = load_engines(model, draft, setup.machine, runtime, mode);
  }
  if (!engines) return std::unexpected(engines.error());
  setup.engines = std::move(*engines);
  for (const std::string& decision : setup.engines.decisions) setup.notes.push_back(decision);
  setup.notes.push_back(fmt::format("backend {}", setup.engines.engine->backend_name()));
  setup.notes.push_back(setup.chat_template
                            ? fmt::format("template {}: {}", setup.chat_template->name(), setup.chat_template->reason())
                        : options.raw ? "template none: --raw"
                                      : "template none: a base model, the text goes to it as it is");
  setup.notes.push_back("sampling " + describe(setup.sampling));
  return setup;
}

// -p, -f, or standard input when it is no terminal; nothing means a chat.
Result<std::optional<std::string>> read_prompt(const Options& options) {
  if (options.has_prompt && !options.file.empty())
    return fail(Layer::cli, "usage", "-p and -f exclude each other", "lupo run --help");
  if (options.has_prompt) return options.prompt;
  if (options.file.empty() && is_terminal_in()) return std::nullopt;
  TRY_ASSIGN(std::string text, read_input(options.file.empty() ? "-" : options.file, "-f"));
  return text;
}

Result<void> one_shot(Conversation& conversation, Reporter& reporter, const Options& options, const std::string& prompt,
                      const std::vector<std::string>& notes) {
  const InterruptFlag interrupt;
  const auto silent = [](std::string_view) {};
  TRY_ASSIGN(const Answer answer, options.json ? conversation.ask(prompt, options.n_predict, silent, interrupt)
                                               : conversation.ask(prompt, options.n_predict, print_answer, interrupt));
  const RunReport run = options.quiet && !options.json ? RunReport{} : reporter.report(answer, conversation.circumstances());
  if (options.json) {
    auto decisions = nlohmann::ordered_json::array();
    for (const std::string& note : notes) decisions.push_back(valid_utf8(note));
    nlohmann::ordered_json json = {{"model", valid_utf8(options.engine.model)},
                                   {"text", answer.text},
                                   {"tokens", answer.tokens},
                                   {"stop", stop_reason_name(answer.stop)}};
    json.update(to_json(run));
    json["decisions"] = decisions;
    fmt::print("{}\n", json.dump());
    return {};
  }
  fmt::print("\n");
  std::fflush(stdout);
  if (answer.stop == StopReason::context_full)
    fmt::print(stderr, "the context of {} is full: --ctx with a greater number goes on\n", conversation.engine().n_ctx());
  if (!options.quiet) print_note(to_line(run));
  return {};
}

Result<void> run(const Options& options) {
  TRY_ASSIGN(const std::optional<std::string> prompt, read_prompt(options));
  if (!prompt && options.json) return fail(Layer::cli, "usage", "--json needs a prompt", "lupo run MODEL -p TEXT --json");
  TRY_ASSIGN(const Model model, Model::open(options.engine.model));
  TRY(model.graph({.n_ctx = 1, .n_batch = 1}));  // an embedding model says so before anything else is asked of it
  TRY_ASSIGN(const Tokenizer* tokenizer, model.tokenizer());
  TRY_ASSIGN(const std::optional<Model> draft, open_draft(options.speculation));
  TRY_ASSIGN(Setup setup, set_up(model, draft ? &*draft : nullptr, options));
  if (!options.quiet && !options.json) std::for_each(setup.notes.begin(), setup.notes.end(), print_note);
  Conversation conversation(*setup.engines.engine, *tokenizer, std::move(setup.chat_template), setup.sampling,
                            setup.engines.speculator());
  conversation.set_system(options.system);
  TRY_ASSIGN(const IsaNames isa, isa_names(options.engine.backend));
  Reporter reporter(*setup.engines.engine, setup.machine, isa.in_use, printable(options.engine.model, 400));
  return prompt ? one_shot(conversation, reporter, options, *prompt, setup.notes)
                : chat_loop(conversation, reporter, {options.n_predict, options.quiet});
}

}  // namespace

Verb add_run(CLI::App& root) {
  CLI::App* app = root.add_subcommand("run", "chat with a model, or answer one prompt");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  CLI::Option* prompt = app->add_option("-p,--prompt", options->prompt, "answer this and end");
  app->add_option("-f,--file", options->file, "answer the content of a file (- is standard input) and end");
  app->add_option("-n,--n-predict", options->n_predict, "at most N tokens; -1 until the model ends")
      ->check(CLI::Range(int64_t{-1}, int64_t{1} << 31));
  app->add_option("--system", options->system, "system message");
  app->add_option("--chat-template", options->chat_template, "a built-in template's name, or a file");
  app->add_flag("--fit", options->shrinks,
                "where the model does not fit: a shorter context or a smaller cache, instead of an error");
  app->add_flag("--raw", options->raw, "no chat template: the text goes to the model as it is");
  app->add_flag("--json", options->json, "one JSON value instead of the text");
  app->add_flag("-q,--quiet", options->quiet, "no decisions and no report on standard error");
  add_sampling_options(*app, options->sampling);
  add_speculation_options(*app, options->speculation);
  return {app, [options, prompt] {
            options->has_prompt = prompt->count() > 0;
            return run(*options);
          }};
}

}  // namespace lupo::cli
