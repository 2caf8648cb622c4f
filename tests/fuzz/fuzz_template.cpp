// Any bytes as a chat template: compiling and rendering end with a text or an Error, and a text only where both succeed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "model/text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lupo;
  const auto compiled = ChatTemplate::compile(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!compiled) return compiled.error().what.empty() || compiled.error().code == "internal" ? (std::abort(), 0) : 0;
  RenderRequest request;
  request.messages_json = R"([{"role":"system","content":"S"},{"role":"user","content":"é"},{"role":"assistant","content":null,
    "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":{"x":1.5}}}]}])";
  request.tools_json = R"([{"type":"function","function":{"name":"f","parameters":{}}}])";
  request.bos_token = "<s>";
  request.now = 1;
  const auto text = compiled->render(request);
  if (!text && (text.error().what.empty() || text.error().code == "bad-input")) std::abort();
  return 0;
}
