#include "cli/speculation_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.h"

namespace lupo::cli {

void add_speculation_options(CLI::App& app, SpeculationFlags& flags) {
  app.add_option("--speculate", flags.mode,
                 "run likely tokens along: auto (while it pays), off, ngram (what the text repeats) or draft (--draft)")
      ->capture_default_str();
  app.add_option("--draft", flags.draft, "a small model of the same vocabulary that says what is likely");
}

Result<Speculate> speculate_mode(const SpeculationFlags& flags) {
  const auto usage = [](std::string what, std::string fix) { return fail(Layer::cli, "usage", std::move(what), std::move(fix)); };
  const std::optional<Speculate> mode = find_speculate(flags.mode);
  if (!mode)
    return usage(fmt::format("--speculate '{}'; there are {}", printable(flags.mode, 40), fmt::join(kSpeculateNames, ", ")),
                 "--speculate auto");
  if (*mode == Speculate::draft && flags.draft.empty())
    return usage("--speculate draft without a draft model", "--draft MODEL.gguf");
  if ((*mode == Speculate::ngram || *mode == Speculate::off) && !flags.draft.empty())
    return usage(fmt::format("--draft with --speculate {}, which uses none", flags.mode), "--draft MODEL.gguf --speculate auto");
  return *mode;
}

Result<std::optional<Model>> open_draft(const SpeculationFlags& flags) {
  if (flags.draft.empty()) return std::nullopt;
  TRY_ASSIGN(Model draft, Model::open(flags.draft));
  return draft;
}

}  // namespace lupo::cli
