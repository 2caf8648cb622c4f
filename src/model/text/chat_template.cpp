#include "model/text/chat_template.h"

#include <fmt/format.h>

#include <cstring>
#include <ctime>
#include <functional>

#include "base/isolated.h"
#include "base/printable.h"
#include "lupo_bridge.h"

namespace lupo {
namespace {

lupo_slice slice(std::string_view text) { return {text.data(), text.size()}; }

// What the engine said: the prompt, or a sentence on what is wrong and where (line and column from 1, 0 = unknown).
struct Outcome {
  int32_t status;  // lupo_status
  uint32_t line, column;
  std::string text;
};

// The engine runs in a process of its own: no template can exhaust the memory, time or stack of this one.
Outcome call_engine(const std::function<lupo_text()>& call) {
  constexpr size_t kHeadBytes = 3 * sizeof(uint32_t);  // status, line, column
  const IsolatedResult result = run_isolated([&] {
    const lupo_text text = call();
    std::string message(kHeadBytes, '\0');
    std::memcpy(message.data(), &text.status, sizeof(text.status));
    std::memcpy(message.data() + 4, &text.line, sizeof(text.line));
    std::memcpy(message.data() + 8, &text.column, sizeof(text.column));
    message.append(text.data, text.size);
    lupo_text_free(text);
    return message;
  });
  switch (result.end) {
    case IsolatedEnd::out_of_time: return {LUPO_STATUS_LIMIT, 0, 0, "it needs more than 0.7 s of processor time"};
    case IsolatedEnd::out_of_memory: return {LUPO_STATUS_LIMIT, 0, 0, "it needs more than 128 MiB of memory"};
    case IsolatedEnd::out_of_stack: return {LUPO_STATUS_LIMIT, 0, 0, "it nests or recurses too deeply"};
    case IsolatedEnd::not_started: return {LUPO_STATUS_INTERNAL, 0, 0, "no process could be started for the template engine"};
    case IsolatedEnd::done: break;
  }
  Outcome outcome{};
  std::memcpy(&outcome.status, result.output.data(), sizeof(outcome.status));
  std::memcpy(&outcome.line, result.output.data() + 4, sizeof(outcome.line));
  std::memcpy(&outcome.column, result.output.data() + 8, sizeof(outcome.column));
  outcome.text = result.output.substr(kHeadBytes);
  return outcome;
}

// strftime_now tells local time; the engine computes the calendar from seconds that count it.
int64_t local_seconds(int64_t now) {
  const std::time_t moment = now != 0 ? static_cast<std::time_t>(now) : std::time(nullptr);
  std::tm local{};
  if (localtime_r(&moment, &local) == nullptr) return moment;
  return static_cast<int64_t>(timegm(&local));
}

std::string at(const Outcome& outcome) {
  if (outcome.line == 0) return "";
  if (outcome.column == 0) return fmt::format(" at line {}", outcome.line);
  return fmt::format(" at line {}, column {}", outcome.line, outcome.column);
}

Error error_of(const Outcome& outcome, std::string_view name) {
  const std::string where = at(outcome);
  const std::string what = printable(outcome.text, 1000);
  const std::string subject = fmt::format("the chat template {}", printable(name, 200));
  const std::string other = "--chat-template NAME  # another template, or --raw for none";
  switch (outcome.status) {
    case LUPO_STATUS_SYNTAX:
      return {Layer::runtime, "template-syntax", fmt::format("{} has a syntax error{}: {}", subject, where, what), other};
    case LUPO_STATUS_RAISED:
      return {Layer::runtime, "template-raised", fmt::format("{} refuses these messages{}: {}", subject, where, what),
              "change the messages as it asks, or " + other};
    case LUPO_STATUS_LIMIT:
      return {Layer::runtime, "template-limit", fmt::format("{} was stopped{}: {}", subject, where, what), other};
    case LUPO_STATUS_INPUT:
      return {
          Layer::runtime, "bad-input", what + where,
          "messages are [{\"role\": \"user\", \"content\": \"Hi\"}]; tools and documents arrays of objects; kwargs an object"};
    case LUPO_STATUS_RENDER:
      return {Layer::runtime, "template-failed", fmt::format("{} failed{}: {}", subject, where, what), other};
    default: return {Layer::runtime, "internal", fmt::format("{}: {}", subject, what), "please report this with the template"};
  }
}

}  // namespace

struct ChatTemplate::State {
  std::string name, source, reason;
};

ChatTemplate::ChatTemplate(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::name() const { return state_->name; }
const std::string& ChatTemplate::reason() const { return state_->reason; }
const std::string& ChatTemplate::source() const { return state_->source; }

Result<ChatTemplate> ChatTemplate::compile(std::string source, std::string name, std::string reason) {
  const Outcome outcome = call_engine([&] { return lupo_template_check(slice(source)); });
  if (outcome.status != LUPO_STATUS_OK) return std::unexpected(error_of(outcome, name));
  return ChatTemplate(std::make_unique<State>(std::move(name), std::move(source), std::move(reason)));
}

Result<ChatTemplate> ChatTemplate::compile(std::string source, std::string name) {
  return compile(std::move(source), std::move(name), "given");
}

Result<std::string> ChatTemplate::render(const RenderRequest& request) const {
  const lupo_render_input input = {
      .messages = slice(request.messages_json),
      .tools = slice(request.tools_json),
      .documents = slice(request.documents_json),
      .kwargs = slice(request.kwargs_json),
      .bos_token = slice(request.bos_token),
      .eos_token = slice(request.eos_token),
      .now = local_seconds(request.now),
      .add_generation_prompt = request.add_generation_prompt,
  };
  Outcome outcome = call_engine([&] { return lupo_template_render(slice(state_->source), &input); });
  if (outcome.status != LUPO_STATUS_OK) return std::unexpected(error_of(outcome, state_->name));
  return std::move(outcome.text);
}

}  // namespace lupo
