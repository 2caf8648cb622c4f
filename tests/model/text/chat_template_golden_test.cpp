// Every template of goldens/templates, with every conversation, against what Jinja2 made of them under transformers' settings.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "model/text/chat_template.h"

namespace lupo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kNow = 1722002709;  // 2024-07-26 14:05:09 UTC, the clock of make_goldens.py

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string field(const Json& conversation, const char* name) {
  return conversation.contains(name) ? conversation[name].dump() : "";
}

RenderRequest request(const Json& conversation) {
  RenderRequest request;
  request.messages_json = field(conversation, "messages");
  request.tools_json = field(conversation, "tools");
  request.documents_json = field(conversation, "documents");
  request.kwargs_json = field(conversation, "kwargs");
  request.add_generation_prompt = conversation.value("add_generation_prompt", true);
  request.bos_token = "<s>";
  request.eos_token = "</s>";
  request.now = kNow;
  return request;
}

std::vector<std::filesystem::path> templates() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(LUPO_TESTS_DIR "/goldens/templates"))
    if (entry.path().extension() == ".jinja") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

class ChatTemplateGolden : public ::testing::TestWithParam<std::filesystem::path> {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_P(ChatTemplateGolden, RendersAsJinja2) {
  const std::filesystem::path path = GetParam();
  const Json conversations = Json::parse(read(path.parent_path() / "conversations.json"));
  const Json goldens = Json::parse(read(std::filesystem::path(path).replace_extension(".json")));
  ASSERT_EQ(goldens.size(), conversations.size());
  const auto compiled = ChatTemplate::compile(read(path), path.filename());
  ASSERT_TRUE(compiled) << compiled.error().what;
  for (const auto& [name, golden] : goldens.items()) {
    const auto text = compiled->render(request(conversations.at(name)));
    if (golden.is_null()) {
      EXPECT_FALSE(text) << name << ": Jinja2 raises";
    } else {
      ASSERT_TRUE(text) << name << ": " << text.error().what;
      EXPECT_EQ(*text, golden.get<std::string>()) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Templates, ChatTemplateGolden, ::testing::ValuesIn(templates()), [](const auto& info) {
  std::string name = info.param.stem();
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

}  // namespace
}  // namespace lupo
