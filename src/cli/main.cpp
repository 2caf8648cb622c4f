// lupo: chooses the verb and turns its result into an exit code: 0 done, 1 failed, 2 wrong usage.
#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "cli/print.h"
#include "cli/verb.h"

namespace lupo::cli {

#define LUPO_VERB(name) Verb add_##name(CLI::App& root);
#include "verbs.inc"
#undef LUPO_VERB

namespace {

Error write_failed() { return {Layer::runtime, "write-failed", "the output could not be written", "check the disk or the pipe"}; }

int usage(const CLI::App& root, const CLI::ParseError& problem) {
  if (problem.get_exit_code() == 0) return root.exit(problem);  // --help, --version
  std::string verb;
  for (const CLI::App* chosen : root.get_subcommands()) verb = chosen->get_name() + " ";
  print({Layer::cli, "usage", problem.what(), fmt::format("lupo {}--help", verb)});
  return 2;
}

int main(int argc, char** argv) {
  CLI::App root{"lupo runs local language models at the speed the hardware allows, and says which layer is the limit.", "lupo"};
  root.set_version_flag("--version", "lupo " LUPO_VERSION);
  root.require_subcommand(1);
  std::vector<Verb> verbs;
#define LUPO_VERB(name) verbs.push_back(add_##name(root));
#include "verbs.inc"
#undef LUPO_VERB
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return usage(root, problem);
  }
  for (const Verb& verb : verbs) {
    if (!verb.app->parsed()) continue;
    const Result<void> result = verb.run();
    const bool flushed = std::fflush(stdout) == 0 && !std::ferror(stdout);
    if (!result) return print(result.error()), result.error().layer == Layer::cli && result.error().code == "usage" ? 2 : 1;
    if (!flushed) return print(write_failed()), 1;
  }
  return 0;
}

int guarded_main(int argc, char** argv) {
  try {
    return main(argc, argv);
  } catch (const std::bad_alloc&) {
    print({Layer::memory, "out-of-memory", "an allocation failed", "lupo plan MODEL  # shows what fits"});
  } catch (const std::exception& problem) {
    const bool unwritten = std::ferror(stdout) || std::ferror(stderr);  // what fmt::print throws for
    print(unwritten ? write_failed()
                    : Error{Layer::runtime, "internal", problem.what(), "please report this with the command line"});
  }
  return 1;
}

}  // namespace
}  // namespace lupo::cli

int main(int argc, char** argv) { return lupo::cli::guarded_main(argc, argv); }
