#include "model/text/template_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/printable.h"

namespace lupo {
namespace {

constexpr const char *kQuestion = "What is the capital of France?", *kAnswer = "Paris it is.", *kNext = "And that of Italy?";
constexpr int64_t kNow = 1'700'000'000, kLater = kNow + 61;  // the same day
constexpr int kPiecesOfMarker = 2;                           // a marker of the vocabulary is one token; with a blank before, two
constexpr size_t kMarkerMax = 40;                            // characters
constexpr size_t kEndWithin = 4;                             // tokens after an answer

// Tokens that open a turn, in the vocabularies of models that were trained with them.
constexpr std::array<std::string_view, 8> kTurnOpeners = {"<|im_start|>", "<start_of_turn>",  "<|start_header_id|>",
                                                          "<|turn>",      "<|start|>",        "<|user|>",
                                                          "<｜User｜>",   "<|start_of_role|>"};

std::string message_list(int n_turns) {
  auto messages = nlohmann::ordered_json::array();
  messages.push_back({{"role", "user"}, {"content", kQuestion}});
  if (n_turns > 1) {
    messages.push_back({{"role", "assistant"}, {"content", kAnswer}});
    messages.push_back({{"role", "user"}, {"content", kNext}});
  }
  return messages.dump();
}

struct Renderer {
  const ChatTemplate& chat_template;
  const Tokenizer& tokenizer;
  Result<std::string> operator()(int n_turns, int64_t now) const {
    RenderRequest request;
    request.messages_json = message_list(n_turns);
    request.bos_token = special_text(tokenizer, tokenizer.special().bos);
    request.eos_token = special_text(tokenizer, tokenizer.special().eos);
    request.now = now;
    return chat_template.render(request);
  }
  std::vector<TokenId> encode(std::string_view text) const {
    return tokenizer.encode(text, {.add_special = false, .parse_special = true});
  }
};

// "<|im_start|>", "<start_of_turn>": what looks like a token of its own.
std::vector<std::string> markers_of(std::string_view text) {
  std::vector<std::string> markers;
  for (size_t begin = text.find('<'); begin != std::string_view::npos; begin = text.find('<', begin + 1)) {
    const size_t end = text.find_first_of("> \n", begin);
    if (end == std::string_view::npos || text[end] != '>' || end - begin > kMarkerMax) continue;
    const std::string marker(text.substr(begin, end + 1 - begin));
    const bool is_marker = (marker.starts_with("<|") && marker.ends_with("|>")) || marker.ends_with("_of_turn>");
    if (is_marker && std::ranges::find(markers, marker) == markers.end()) markers.push_back(marker);
  }
  return markers;
}

Finding finding(std::string code, Severity severity, std::string what, std::string evidence, const std::string& model) {
  return {Layer::runtime,
          std::move(code),
          severity,
          std::move(what),
          std::move(evidence),
          0,
          fmt::format("lupo run {} --chat-template FILE  # from the model's own page", model)};
}

// Markers that are text to this vocabulary, where it has markers of its own that the template does not write.
void check_markers(const Renderer& render, const std::string& text, const std::string& model, std::vector<Finding>& findings) {
  std::vector<std::string> foreign;
  for (const std::string& marker : markers_of(text))
    if (std::ssize(render.encode(marker)) > kPiecesOfMarker) foreign.push_back(printable(marker, kMarkerMax));
  if (foreign.empty()) return;
  for (const std::string_view opener : kTurnOpeners) {
    if (render.encode(opener).size() != 1 || text.find(opener) != std::string::npos) continue;
    findings.push_back(finding("template-foreign", Severity::warning,
                               "the chat template is that of another model: what marks its turns is mere text to this one",
                               fmt::format("{} {} no token here, {} is one and is not used", fmt::join(foreign, ", "),
                                           foreign.size() == 1 ? "is" : "are", opener),
                               model));
    return;
  }
}

void check_begin(const Renderer& render, const std::string& text, const std::string& model, std::vector<Finding>& findings) {
  const TokenId bos = render.tokenizer.special().bos;
  const std::vector<TokenId> ids = render.encode(text);
  if (bos < 0 || ids.size() < 2 || ids[0] != bos || ids[1] != bos) return;
  findings.push_back(finding(
      "bos-doubled", Severity::warning, "the chat template begins twice: the model was trained with one token of beginning",
      fmt::format("the first two tokens are both {} {}", bos, printable(special_text(render.tokenizer, bos), kMarkerMax)),
      model));
}

// What follows an answer in a conversation is what the model will write at its end.
void check_end(const Renderer& render, const std::string& two_turns, const std::string& model, std::vector<Finding>& findings) {
  const size_t answer = two_turns.find(kAnswer);
  if (answer == std::string::npos) return;
  std::vector<TokenId> after = render.encode(std::string_view(two_turns).substr(answer + std::string_view(kAnswer).size()));
  after.resize(std::min(after.size(), kEndWithin));
  if (std::ranges::any_of(after, [&](TokenId id) { return render.tokenizer.ends_generation(id); })) return;
  std::string text;
  for (const TokenId id : after) text += render.tokenizer.text(id);
  findings.push_back(finding(
      "turn-without-end", Severity::info,
      "nothing that ends a text follows an answer in the chat template: answers may go on and on",
      fmt::format("after an answer comes '{}', and none of it is an end for this vocabulary", printable(text, 80)), model));
  findings.back().limits = false;
}

// Where `now` departs from `before` within its first half.
std::optional<size_t> early_difference(const std::string& before, const std::string& now) {
  const size_t same = static_cast<size_t>(std::ranges::mismatch(before, now).in1 - before.begin());
  return same < before.size() / 2 ? std::optional(same) : std::nullopt;
}

}  // namespace

TemplateSeen look_at_template(const ChatTemplate& chat_template, const Tokenizer& tokenizer, const std::string& model) {
  TemplateSeen seen;
  const Renderer render{chat_template, tokenizer};
  const Result<std::string> one = render(1, kNow), later = render(1, kLater), two = render(2, kNow);
  if (!one || !later || !two) {
    const Error& error = !one ? one.error() : !two ? two.error() : later.error();
    seen.findings.push_back(finding("template-fails", Severity::problem, "the chat template cannot render a plain conversation",
                                    fmt::format("{}: {}", printable(chat_template.name(), 80), error.what), model));
    return seen;
  }
  if (one->find(kQuestion) == std::string::npos || two->find(kNext) == std::string::npos)
    seen.findings.push_back(
        finding("template-drops-message", Severity::problem,
                "the chat template leaves out what the user says: the model answers to nothing",
                fmt::format("'{}' is not in its text", one->find(kQuestion) == std::string::npos ? kQuestion : kNext), model));
  check_markers(render, *two, model, seen.findings);
  check_begin(render, *one, model, seen.findings);
  check_end(render, *two, model, seen.findings);
  if (const auto at = early_difference(*one, *later))
    seen.changes =
        fmt::format("the template writes the time of day at character {}: '{}'", *at, printable(later->substr(*at, 24)));
  else if (const auto turn = early_difference(*one, *two))
    seen.changes = fmt::format("the template's text of the second turn departs from the first's at character {}: '{}', was '{}'",
                               *turn, printable(two->substr(*turn, 24)), printable(one->substr(*turn, 24)));
  return seen;
}

}  // namespace lupo
