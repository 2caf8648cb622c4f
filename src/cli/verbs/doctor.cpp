// lupo doctor: what limits this machine, and a model on it, or one that another server runs.
#include "doctor/doctor.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "base/terminal.h"
#include "cli/engine_options.h"
#include "cli/isa_names.h"
#include "cli/threads_choice.h"
#include "cli/verb.h"

namespace lupo::cli {
namespace {

struct Options {
  EngineOptions engine;
  std::string url, chat_template;
  bool json = false;
};

bool color_on_output() { return is_terminal_out() && std::getenv("NO_COLOR") == nullptr; }

void print(const Diagnosis& diagnosis, bool json) {
  fmt::print("{}", json ? to_json(diagnosis) + "\n" : to_text(diagnosis, color_on_output()));
}

Result<void> run_served(const Options& options) {
  TRY_ASSIGN(const IsaNames isa, isa_names(options.engine.backend));
  TRY_ASSIGN(const Diagnosis diagnosis,
             diagnose_served(real_env(), {.url = options.url, .model = options.engine.model, .isa = isa.in_use}));
  print(diagnosis, options.json);
  return {};
}

Result<void> run(const Options& options) {
  if (!options.url.empty()) return run_served(options);
  DoctorRequest request{.model = options.engine.model, .runtime = {}, .isa = "", .isa_best = ""};
  TRY_ASSIGN(const ThreadsWanted threads, parse_threads(options.engine.threads));
  if (threads.tries() && !options.engine.model.empty()) {
    TRY_ASSIGN(const Model model, Model::open(options.engine.model));
    TRY_ASSIGN(const Machine machine, this_machine());
    TRY_ASSIGN(request.runtime, runtime_options(options.engine, model, machine));
  } else {
    TRY_ASSIGN(request.runtime, runtime_options(options.engine));
  }
  TRY_ASSIGN(const IsaNames isa, isa_names(options.engine.backend));
  request.chat_template = options.chat_template;
  request.isa = isa.in_use;
  request.isa_best = isa.best;
  TRY_ASSIGN(const Diagnosis diagnosis, diagnose(real_env(), request));
  print(diagnosis, options.json);
  return {};
}

}  // namespace

Verb add_doctor(CLI::App& root) {
  CLI::App* app = root.add_subcommand("doctor", "what limits this machine, and a model on it: layer, evidence, fix");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  app->get_option("--model")->required(false);
  app->add_option("--url", options->url, "of an Ollama, llama-server or OpenAI-compatible server; MODEL is then its name there");
  app->add_option("--chat-template", options->chat_template, "to look at: a built-in name or a file; the model's own without");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
