// lupo plan: what a model needs, whether it fits, and how fast it will be, before it is loaded or even downloaded.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "cli/engine_options.h"
#include "cli/given_model.h"
#include "cli/plan_here.h"
#include "cli/plan_on.h"
#include "cli/plan_ranking.h"
#include "cli/verb.h"
#include "hardware/devices.h"

namespace lupo::cli {
namespace {

using Json = nlohmann::ordered_json;

Result<Machine> machine_for(const PlanOptions& options) {
  if (!options.machine_file.empty()) {
    TRY_ASSIGN(const std::string text, read_input(options.machine_file, "--machine"));
    return machine_from_json(text);
  }
  return options.on.empty() ? this_machine() : machine_on(options.on);
}

// Plans of a kind with what each says as JSON and to people; several are ranked.
template <class Plan, class ToJson>
void show(const std::vector<Plan>& plans, const PlanOptions& options, const ToJson& to_json) {
  std::vector<Rank> ranks;
  for (size_t i = 0; i < plans.size(); ++i) {
    ranks.push_back(rank_of(plans[i]));
    ranks.back().index = i;
  }
  rank(ranks);
  if (options.json && plans.size() == 1) {
    fmt::print("{}\n", to_json(plans.front()).dump());
  } else if (options.json) {
    Json list = Json::array();
    for (const Rank& one : ranks) list.push_back(to_json(plans[one.index]));
    fmt::print("{}\n", list.dump());
  } else if (plans.size() == 1) {
    print(plans.front());
  } else {
    print_ranking(ranks);
  }
}

Result<void> for_each_model(const PlanOptions& options, const std::function<Result<void>(const GivenModel&)>& use) {
  TRY(for_each_given(options.engine.model, use));
  for (const std::string& argument : options.more) TRY(for_each_given(argument, use));
  return {};
}

// For a machine that is described.
Result<void> run_on(const PlanOptions& options, const Machine& machine) {
  std::vector<PlanOn> plans;
  TRY(for_each_model(options, [&](const GivenModel& given) -> Result<void> {
    TRY_ASSIGN(RuntimeOptions runtime, runtime_options(options.engine));
    runtime.n_seq = runtime.n_outputs = options.batch;
    const bool compared = given.is_one_of_several || !options.more.empty();
    if (compared && runtime.n_ctx == 0) runtime.n_ctx = compared_context(given.model);
    if (!given.model.hparams().causal) runtime.pooling = given.model.default_pooling();
    TRY_ASSIGN(PlanOn plan, plan_on(options.on, machine, given, runtime));
    plans.push_back(std::move(plan));
    return {};
  }));
  show(plans, options, [](const PlanOn& plan) { return to_json(plan); });
  return {};
}

Result<void> run(const PlanOptions& options) {
  if (!options.use.empty() && find_use(options.use) == nullptr)
    return fail(Layer::cli, "usage", fmt::format("--for '{}' is none of chat, agent, long, batch", printable(options.use, 40)),
                "--for chat");
  TRY_ASSIGN(const Machine machine, machine_for(options));
  if (!options.on.empty()) return run_on(options, machine);
  std::vector<Planned> plans;
  TRY(for_each_model(options, [&](const GivenModel& given) -> Result<void> {
    TRY_ASSIGN(Planned planned, make_plan(machine, given, options));
    plans.push_back(std::move(planned));
    return {};
  }));
  show(plans, options, [&](const Planned& planned) { return to_json(planned, options); });
  return {};
}

}  // namespace

Verb add_plan(CLI::App& root) {
  CLI::App* app = root.add_subcommand("plan", "what a model needs, whether it fits, and how fast it will be");
  auto options = std::make_shared<PlanOptions>();
  add_engine_options(*app, options->engine);
  app->get_option("model")->description(
      "GGUF file, https://…/model.gguf, or hf:OWNER/REPO[:Q4_K_M]; of what is not here the header alone is read");
  app->add_option("more", options->more, "further models, which are ranked with it");
  app->add_option("--for", options->use, "chat, agent, long or batch: how long that takes; without it, all four");
  app->add_option("-b,--batch,--parallel", options->batch, "sequences at once, each with its own context")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  app->add_option("--machine", options->machine_file,
                  "what would fit on the machine of this JSON file (\"machine\" of lupo doctor --json)");
  app->add_option(
         "--on", options->on,
         "plan for another machine, with its GPUs: \"RTX 4090 + DDR5-6000 64GB\", \"M4 Max 128GB\", machine.json, a record")
      ->excludes("--machine");
  app->add_flag("--json", options->json, "one JSON value");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
