// lupo doctor: what limits this machine, and a model on it, or one that another server runs.
#include "doctor/doctor.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <span>

#include "base/atomic_file.h"
#include "base/terminal.h"
#include "cli/engine_options.h"
#include "cli/isa_names.h"
#include "cli/print.h"
#include "cli/threads_choice.h"
#include "cli/verb.h"

namespace lupo::cli {
namespace {

struct Options {
  EngineOptions engine;
  std::string url, chat_template;
  std::string html;  // file, "-" = standard output, "" = none
  bool json = false;
};

TextStyle style_of_output() {
  const int columns = columns_out();
  return {.color = wants_color_out(), .utf8 = locale_is_utf8(), .columns = columns > 0 ? columns : 80};
}

std::string made_by() { return fmt::format("lupo {}, {:%Y-%m-%d %H:%M} UTC", LUPO_VERSION, fmt::gmtime(std::time(nullptr))); }

// Before seconds are spent on measuring: is what is asked for possible?
Result<void> check_html(const Options& options) {
  if (options.html == "-" && options.json)
    return fail(Layer::cli, "usage", "--json and --html - would both write to standard output", "--html doctor.html");
  if (options.html.empty() || options.html == "-") return {};
  TRY(AtomicFile::create(options.html));
  return {};
}

Result<void> show(const Diagnosis& diagnosis, const Options& options) {
  if (!options.html.empty()) {
    const std::string page = to_html(diagnosis, made_by());
    if (options.html == "-") {
      fmt::print("{}", page);
      return {};
    }
    TRY_ASSIGN(AtomicFile file, AtomicFile::create(options.html, static_cast<int64_t>(page.size())));
    TRY(file.write(std::as_bytes(std::span(page))));
    TRY(file.commit());
  }
  fmt::print("{}", options.json ? to_json(diagnosis) + "\n" : to_text(diagnosis, style_of_output()));
  if (!options.html.empty()) print_note("the same with plots: " + options.html);
  return {};
}

Result<void> run_served(const Options& options) {
  TRY_ASSIGN(const IsaNames isa, isa_names(options.engine.backend));
  TRY_ASSIGN(const Diagnosis diagnosis,
             diagnose_served(real_env(), {.url = options.url, .model = options.engine.model, .isa = isa.in_use}));
  return show(diagnosis, options);
}

Result<void> run(const Options& options) {
  TRY(check_html(options));
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
  return show(diagnosis, options);
}

}  // namespace

Verb add_doctor(CLI::App& root) {
  CLI::App* app = root.add_subcommand("doctor", "what limits this machine, and a model on it: layer, evidence, fix");
  auto options = std::make_shared<Options>();
  add_engine_options(*app, options->engine);
  app->get_option("--model")->required(false);
  app->add_option("--url", options->url, "of an Ollama, llama-server or OpenAI-compatible server; MODEL is then its name there");
  app->add_option("--chat-template", options->chat_template, "to look at: a built-in name or a file; the model's own without");
  app->add_option("--html", options->html, "write a page with plots to this file too; - writes it to standard output alone");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
