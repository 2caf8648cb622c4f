#include "doctor/served/answer.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/printable.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kCountMax = int64_t{1} << 53;
constexpr size_t kListMax = 1000;

std::unexpected<Error> bad_answer(const std::string& what) {
  return fail(Layer::runtime, "bad-answer", what, "check that --url names a model server, and that it is no older than a year");
}

// {"error": "…"} of Ollama, {"error": {"message": "…"}} of OpenAI and llama-server, else the beginning of the text.
std::string said(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error")) {
    const Json& error = json["error"];
    if (error.is_string()) return printable(error.get<std::string>(), 300);
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      return printable(error["message"].get<std::string>(), 300);
  }
  return printable(body, 120);
}

}  // namespace

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

struct Answer::Shared {
  std::string where;
  Json json;
  std::optional<Error> wrong;
};

Result<Answer> Answer::of(const std::string& where, const HttpAnswer& http) {
  if (!http.ok())
    return fail(Layer::runtime, "server-refuses", fmt::format("{}: status {}: {}", where, http.status, said(http.body)),
                http.status == 401 || http.status == 403
                    ? "start the server without a key for this look: lupo sends none"
                    : "see the server's log; another of its models is chosen with --model NAME");
  return of_text(where, http.body);
}

Result<Answer> Answer::of_text(const std::string& where, const std::string& json) {
  Answer answer;
  answer.shared_ = std::make_shared<Shared>(Shared{where, Json::parse(json, nullptr, false), {}});
  answer.node_ = &answer.shared_->json;
  if (answer.node_->is_object() || answer.node_->is_array()) return answer;
  return bad_answer(fmt::format("{} is not JSON: {} bytes that begin with \"{}\"", where, json.size(), printable(json, 40)));
}

const Json* Answer::find(Path path) const {
  const Json* node = node_;
  for (const std::string_view key : path) {
    if (!node->is_object()) return nullptr;
    const auto found = node->find(std::string(key));
    if (found == node->end() || found->is_null()) return nullptr;
    node = &*found;
  }
  return node;
}

void Answer::wrong(Path path, std::string_view wanted) const {
  if (shared_->wrong) return;
  std::string name;
  for (const std::string_view key : path) name += (name.empty() ? "" : ".") + printable(key, 60);
  const Json* node = find(path);
  shared_->wrong =
      bad_answer(fmt::format("{}: {} is {}, {} is expected", shared_->where, name, printable(dump(*node), 40), wanted)).error();
}

std::optional<int64_t> Answer::count(Path path) const {
  const std::optional<double> value = number(path);
  if (!value) return std::nullopt;
  if (*value <= static_cast<double>(kCountMax) && *value == std::floor(*value)) return static_cast<int64_t>(*value);
  wrong(path, "a whole number");
  return std::nullopt;
}

std::optional<double> Answer::number(Path path) const {
  const Json* node = find(path);
  if (!node) return std::nullopt;
  if (node->is_number() && std::isfinite(node->get<double>()) && node->get<double>() >= 0) return node->get<double>();
  wrong(path, "a number that is not negative");
  return std::nullopt;
}

std::optional<bool> Answer::boolean(Path path) const {
  const Json* node = find(path);
  if (!node) return std::nullopt;
  if (node->is_boolean()) return node->get<bool>();
  wrong(path, "true or false");
  return std::nullopt;
}

std::optional<std::string> Answer::text(Path path) const {
  const Json* node = find(path);
  if (!node) return std::nullopt;
  if (node->is_string()) return valid_utf8(node->get<std::string>());
  wrong(path, "a text");
  return std::nullopt;
}

std::vector<Answer> Answer::list(Path path) const {
  std::vector<Answer> elements;
  const Json* node = find(path);
  if (!node) return elements;
  if (!node->is_array()) {
    wrong(path, "a list");
    return elements;
  }
  for (const Json& element : *node) {
    if (elements.size() == kListMax) break;
    Answer one;
    one.shared_ = shared_;
    one.node_ = &element;
    elements.push_back(std::move(one));
  }
  return elements;
}

bool Answer::has(Path path) const { return find(path) != nullptr; }

std::vector<std::string> Answer::keys(Path path) const {
  std::vector<std::string> keys;
  const Json* node = find(path);
  if (!node || !node->is_object()) return keys;
  for (const auto& [key, value] : node->items()) keys.push_back(key);
  return keys;
}

Result<void> Answer::check() const {
  if (shared_->wrong) return std::unexpected(*shared_->wrong);
  return {};
}

}  // namespace lupo
