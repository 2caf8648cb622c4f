// lupo template: the exact prompt that a model would be given, and nothing else.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "base/printable.h"
#include "cli/engine_options.h"
#include "cli/verb.h"
#include "model/gguf/gguf.h"
#include "model/text/chat_template.h"

namespace lupo::cli {
namespace {

struct Options {
  std::string model, chat_template, messages, tools, documents, kwargs;
  bool no_generation_prompt = false;
};

Result<std::string> read_json(const std::string& path, std::string_view option) {
  if (path.empty()) return std::string();
  TRY_ASSIGN(std::string text, read_input(path, option));
  if (text.empty())
    return fail(Layer::cli, "file-empty", fmt::format("{}: '{}' is empty", option, printable(path)), "it must hold a JSON array");
  return text;
}

Result<void> run(const Options& options) {
  RenderRequest request;
  TRY_ASSIGN(request.messages_json, read_json(options.messages, "--messages"));
  TRY_ASSIGN(request.tools_json, read_json(options.tools, "--tools"));
  TRY_ASSIGN(request.documents_json, read_json(options.documents, "--documents"));
  request.kwargs_json = options.kwargs;
  request.add_generation_prompt = !options.no_generation_prompt;
  TRY_ASSIGN(const gguf::File file, gguf::File::open(options.model));
  TRY_ASSIGN(SpecialTexts special, special_texts(file.metadata()));
  request.bos_token = std::move(special.bos);
  request.eos_token = std::move(special.eos);
  TRY_ASSIGN(const ChatTemplate chosen,
             ChatTemplate::choose(file.metadata(), options.chat_template, !request.tools_json.empty()));
  const bool guessed = options.chat_template.empty() && !chosen.name().starts_with("tokenizer.");
  if (guessed) fmt::print(stderr, "template: {} ({})\n", printable(chosen.name()), chosen.reason());
  TRY_ASSIGN(const std::string prompt, chosen.render(request));
  std::fwrite(prompt.data(), 1, prompt.size(), stdout);
  return {};
}

}  // namespace

Verb add_template(CLI::App& root) {
  CLI::App* app = root.add_subcommand("template", "the exact prompt that a chat template makes of messages");
  auto options = std::make_shared<Options>();
  app->add_option("model", options->model, "GGUF file")->required();
  app->add_option("--messages", options->messages, "JSON file: [{\"role\", \"content\"}, …]; - is standard input")->required();
  app->add_option("--chat-template", options->chat_template, "a built-in's name, the name of one of the model's own, or a file");
  app->add_option("--tools", options->tools, "JSON file: array of tools");
  app->add_option("--documents", options->documents, "JSON file: array of documents");
  app->add_option("--kwargs", options->kwargs, "JSON object of further variables: {\"enable_thinking\": false}");
  app->add_flag("--no-generation-prompt", options->no_generation_prompt, "do not open the assistant's turn");
  return {app, [options] { return run(*options); }};
}

}  // namespace lupo::cli
