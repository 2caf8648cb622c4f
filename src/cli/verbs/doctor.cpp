// lupo doctor: what limits this machine, and a model on it.
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
  bool json = false;
};

bool color_on_output() { return is_terminal_out() && std::getenv("NO_COLOR") == nullptr; }

Result<void> run(const Options& options) {
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
  request.isa = isa.in_use;
  request.isa_best = isa.best;
  TRY_ASSIGN(const Diagnosis diagnosis, diagnose(real_env(), request));
  if (options.json)
    fmt::print("{}\n", to_json(diagnosis));
  else
    fmt::print("{}", to_text(diagnosis, color_on_output()));
  return {};
}

}  // namespace

Verb add_doctor(CLI::App& root) {
  CLI::App* app = root.add_subcommand("doctor", "what limits this machine, and a model on it: layer, evidence, fix");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  app->get_option("--model")->required(false);
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
