// lupo tokenize: the ids of a text, or the text of ids, as the model's own tokenizer has them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "base/terminal.h"
#include "base/units.h"
#include "cli/engine_options.h"
#include "cli/verb.h"
#include "model/gguf/gguf.h"
#include "model/text/tokenizer.h"

namespace lupo::cli {
namespace {

constexpr int64_t kTextBytesMax = kGiB - 1;  // Tokenizer::encode's limit

struct Options {
  std::string model, text, file;
  std::vector<std::string> decode;
  bool has_text = false, no_special = false, no_bos = false, pieces = false, json = false;
};

Result<std::vector<TokenId>> parse_ids(const std::vector<std::string>& words, const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  for (const std::string& word : words) {
    TokenId id = -1;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (problem != std::errc() || end != word.data() + word.size() || id < 0 || id >= tokenizer.n_vocab()) {
      return fail(Layer::runtime, "bad-token-id",
                  fmt::format("--decode '{}' is no token id of this model: they are 0 to {}", printable(word, 60),
                              tokenizer.n_vocab() - 1),
                  "lupo tokenize MODEL TEXT  # shows ids");
    }
    ids.push_back(id);
  }
  return ids;
}

// The inverse of encoding: what encode adds by itself is left out, the text of other special tokens is shown.
void print_text(const Tokenizer& tokenizer, std::span<const TokenId> ids, bool no_special) {
  if (!ids.empty() && ids.front() == tokenizer.first_added()) ids = ids.subspan(1);
  if (!ids.empty() && ids.back() == tokenizer.last_added()) ids = ids.first(ids.size() - 1);
  const std::string text = tokenizer.decode(ids, !no_special);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (is_terminal_out()) std::fputc('\n', stdout);
}

Result<void> run(const Options& options) {
  const int sources = int{options.has_text} + int{!options.file.empty()} + int{!options.decode.empty()};
  if (sources != 1) {
    return fail(Layer::cli, "usage", fmt::format("tokenize takes one of TEXT, -f FILE and --decode ID…; {} were given", sources),
                "lupo tokenize --help");
  }
  TRY_ASSIGN(const gguf::File file, gguf::File::open(options.model));
  TRY_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, Tokenizer::create(file.metadata()));
  if (!options.decode.empty()) {
    TRY_ASSIGN(const std::vector<TokenId> ids, parse_ids(options.decode, *tokenizer));
    print_text(*tokenizer, ids, options.no_special);
    return {};
  }
  std::string text = options.text;
  if (!options.has_text) {
    TRY_ASSIGN(text, read_input(options.file, "-f"));
  }
  if (static_cast<int64_t>(text.size()) > kTextBytesMax) {
    return fail(Layer::cli, "file-too-large",
                fmt::format("the text has {}; at most {} are taken at once", format_bytes(static_cast<int64_t>(text.size())),
                            format_bytes(kTextBytesMax)),
                "split the file");
  }
  const std::vector<TokenId> ids =
      tokenizer->encode(text, {.add_special = !options.no_bos, .parse_special = !options.no_special});
  if (!options.pieces) {
    fmt::print("[{}]\n", fmt::join(ids, ","));
    return {};
  }
  for (const TokenId id : ids) fmt::print("{}\t{}\n", id, nlohmann::json(valid_utf8(tokenizer->piece(id, true))).dump());
  return {};
}

}  // namespace

Verb add_tokenize(CLI::App& root) {
  CLI::App* app = root.add_subcommand("tokenize", "the token ids of a text, or the text of token ids");
  auto options = std::make_shared<Options>();
  app->add_option("model", options->model, "GGUF file")->required();
  const CLI::Option* text = app->add_option("text", options->text, "the text (after -- when it begins with a dash)");
  app->add_option("-f,--file", options->file, "file with the text; - is standard input");
  app->add_option("--decode", options->decode, "ids, separated by spaces or commas: print their text")->delimiter(',');
  app->add_flag("--no-special", options->no_special,
                "the text of special tokens is plain text; with --decode: leave special tokens out");
  app->add_flag("--no-bos", options->no_bos, "add neither BOS nor EOS");
  app->add_flag("--pieces", options->pieces, "one token a line: its id and its text as a JSON string");
  app->add_flag("--json", options->json, "the ids as a JSON array, which is also the default");
  return {app, [options, text] {
            options->has_text = text->count() > 0;
            return run(*options);
          }};
}

}  // namespace lupo::cli
