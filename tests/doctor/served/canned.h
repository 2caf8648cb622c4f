// The answers in this folder as scripts for a FakeServer.
#pragma once

#include <fstream>
#include <sstream>

#include "net/fake_server.h"

namespace lupo {

inline std::string canned(const std::string& name) {
  std::ifstream file(std::string(LUPO_TESTS_DIR) + "/doctor/served/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

using Script = std::map<std::string, std::vector<Reply>>;

inline Script llama_server_script() {
  return {
      {"/props", {{.body = canned("llama_server/props.json")}}},
      {"/v1/models", {{.body = canned("llama_server/models.json")}}},
      {"/slots", {{.body = canned("llama_server/slots.json")}}},
      {"/apply-template", {{.body = canned("llama_server/apply_template.json")}}},
      {"/completion", {{.body = canned("llama_server/completion_1.json")}, {.body = canned("llama_server/completion_2.json")}}}};
}

inline Script ollama_script() {
  return {{"/api/version", {{.body = canned("ollama/version.json")}}},
          {"/api/tags", {{.body = canned("ollama/tags.json")}}},
          {"/api/ps", {{.body = canned("ollama/ps.json")}}},
          {"/api/show", {{.body = canned("ollama/show.json")}}},
          {"/api/generate", {{.body = canned("ollama/generate_1.json")}, {.body = canned("ollama/generate_2.json")}}}};
}

inline Script openai_script() {
  return {{"/v1/models", {{.body = canned("openai/models.json")}}},
          {"/v1/chat/completions", {{.body = canned("openai/chat.txt"), .delay_s = 0.01, .pieces = 40}}}};
}

}  // namespace lupo
