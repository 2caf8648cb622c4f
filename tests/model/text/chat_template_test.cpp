#include "model/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "model/gguf/writer.h"
#include "test_folder.h"

namespace lupo {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHi = R"([{"role":"user","content":"Hi"}])";

Result<std::string> render(const std::string& source, const std::string& messages = kHi, const std::string& tools = "",
                           const std::string& kwargs = "") {
  TRY_ASSIGN(const ChatTemplate compiled, ChatTemplate::compile(source, "test"));
  RenderRequest request;
  request.messages_json = messages;
  request.tools_json = tools;
  request.kwargs_json = kwargs;
  return compiled.render(request);
}

// A GGUF file with a vocabulary and, where given, templates.
class ChatTemplateChoice : public ::testing::Test {
 protected:
  gguf::File file(std::vector<std::string_view> tokens, const std::vector<std::pair<std::string, std::string>>& keys = {}) {
    gguf::Writer writer;
    writer.set("general.architecture", "llama");
    writer.set_array("tokenizer.ggml.tokens", std::span<const std::string_view>(tokens));
    writer.set("tokenizer.ggml.bos_token_id", uint32_t{0});
    for (const auto& [key, value] : keys) writer.set(key, std::string_view(value));
    const std::string path = folder_.path("model.gguf");
    EXPECT_TRUE(writer.write(path));
    auto opened = gguf::File::open(path);
    if (!opened) throw std::runtime_error(opened.error().what);
    return std::move(*opened);
  }
  TestFolder folder_;
};

TEST(ChatTemplate, SyntaxErrorHasLineAndColumn) {
  const auto compiled = ChatTemplate::compile("a\n  {% if %}", "test");
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().code, "template-syntax");
  EXPECT_THAT(compiled.error().what, HasSubstr("line 2, column"));
}

TEST(ChatTemplate, RaisedMessageIsTheTemplates) {
  const auto text = render("\n {{ raise_exception('roles must alternate') }}");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, "template-raised");
  EXPECT_THAT(text.error().what, HasSubstr("line 2, column 5: roles must alternate"));
}

// Where the source was changed before the engine saw it, positions are still those of the original; what the engine lacks is
// named.
TEST(ChatTemplate, ErrorsKeepTheirPlaceAndNameTheConstruct) {
  const std::pair<const char*, const char*> cases[] = {
      {"{{ '%s' % 1 }}\n{{ '%s' % 1 }}{{ '%d' % 'x' }}", "line 2, column 23: invalid operation: %d format: a real number"},
      {"{{ +1 }}{{ 'a'|safe + 'b' }}{{ raise_exception('here') }}", "line 1, column 32: here"},
      {"{% macro m(a) %}{{ varargs }}{% endmacro %}{{ m(1, 2) }}{{ m(1, 2, x=3) }}",
       "line 1, column 60: too many arguments: unknown"},
      {"{{ '%s %s' % 1 }}", "line 1, column 12: invalid operation: not enough arguments for format string"},
      {"{{ '%s' % (1, 2) }}", "line 1, column 9: invalid operation: not all arguments converted"},
      {"ä{{ 1|urlize }}", "line 1, column 7: unknown filter: filter urlize is unknown"},
      {"{{ lipsum() }}", "line 1, column 4: unknown function: lipsum is unknown"},
      {"{% trans %}a{% endtrans %}", "line 1, column 4: unknown statement trans"},
  };
  for (const auto& [source, wanted] : cases) {
    const auto text = render(source);
    ASSERT_FALSE(text) << source << *text;
    EXPECT_THAT(text.error().what, HasSubstr(wanted)) << source;
  }
}

TEST(ChatTemplate, UndefinedValuesFailWithTheirName) {
  const auto text = render("{{ messages[0].foo.bar }}");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, "template-failed");
  EXPECT_THAT(text.error().what, HasSubstr("messages[0].foo"));
}

TEST(ChatTemplate, BadInputNamesTheField) {
  for (const auto& [messages, tools, kwargs, wanted] : std::vector<std::array<std::string, 4>>{
           {"[1", "", "", "messages: EOF while parsing a list at line 1, column 2"},
           {"[\n{\"role\": x}]", "", "", "messages: expected value at line 2, column 10"},
           {"", "", "", "messages: is missing"},
           {"{}", "", "", "messages: is a map, wanted an array"},
           {"[3]", "", "", "messages[0]: is a number, wanted an object"},
           {"[{\"role\":\"user\"},{}]", "", "", "messages[1].role: is undefined, wanted a string"},
           {"[{\"role\":\"user\",\"content\":5}]", "", "", "messages[0].content: is a number"},
           {"[]", "{}", "", "tools: is a map, wanted an array"},
           {"[]", "[\"f\"]", "", "tools[0]: is a string, wanted an object"},
           {"[]", "", "[]", "kwargs: is a sequence, wanted an object"}}) {
    const auto text = render("x", messages, tools, kwargs);
    ASSERT_FALSE(text) << wanted;
    EXPECT_EQ(text.error().code, "bad-input");
    EXPECT_THAT(text.error().what, HasSubstr(wanted));
  }
}

TEST(ChatTemplate, BuiltinsRenderAConversation) {
  const std::string messages = R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},
    {"role":"assistant","content":"Hello."},{"role":"user","content":[{"type":"text","text":"Bye"}]}])";
  gguf::Metadata none;
  for (const std::string_view name : ChatTemplate::builtin_names()) {
    const auto chosen = ChatTemplate::choose(none, std::string(name));
    ASSERT_TRUE(chosen) << name << ": " << chosen.error().what;
    RenderRequest request{.messages_json = messages,
                          .tools_json = {},
                          .documents_json = {},
                          .kwargs_json = {},
                          .bos_token = "<s>",
                          .eos_token = "</s>"};
    const auto text = chosen->render(request);
    ASSERT_TRUE(text) << name << ": " << text.error().what;
    for (const char* part : {"Be brief.", "Hi", "Hello.", "Bye"}) EXPECT_THAT(*text, HasSubstr(part)) << name;
    EXPECT_LT(text->find("Be brief."), text->find("Hi")) << name;
  }
}

TEST(ChatTemplate, BuiltinFormats) {
  gguf::Metadata none;
  RenderRequest request;
  request.messages_json = R"([{"role":"system","content":"S"},{"role":"user","content":"U"},)"
                          R"({"role":"assistant","content":"A"},{"role":"user","content":"V"}])";
  request.bos_token = "<s>";
  request.eos_token = "</s>";
  for (const auto& [name, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"chatml",
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n<|im_start|>"
            "user\nV<|im_end|>\n<|im_start|>assistant\n"},
           {"llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s><s>[INST] V [/INST]"},
           {"llama3",
            "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><"
            "|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
           {"gemma",
            "<s><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n<start_of_turn>user\nV<end_of_"
            "turn>\n<start_of_turn>model\n"},
           {"mistral", "<s>[INST] S\n\nU[/INST] A</s>[INST] V[/INST]"},
           {"mistral-v7-tekken", "<s>[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]U[/INST]A</s>[INST]V[/INST]"},
           {"phi3", "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nV<|end|>\n<|assistant|>\n"},
           {"zephyr", "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nV</s>\n<|assistant|>\n"}}) {
    const auto chosen = ChatTemplate::choose(none, name);
    ASSERT_TRUE(chosen) << name;
    EXPECT_EQ(chosen->render(request).value_or("failed"), wanted) << name;
  }
}

TEST_F(ChatTemplateChoice, OwnTemplateComesFirst) {
  const auto model =
      file({"<s>", "<|im_start|>"}, {{"tokenizer.chat_template", "own"}, {"tokenizer.chat_template.tool_use", "for tools"}});
  EXPECT_EQ(ChatTemplate::choose(model.metadata(), "")->source(), "own");
  EXPECT_EQ(ChatTemplate::choose(model.metadata(), "", true)->source(), "for tools");
  EXPECT_EQ(ChatTemplate::choose(model.metadata(), "tool_use")->source(), "for tools");
  EXPECT_EQ(ChatTemplate::choose(model.metadata(), "chatml")->name(), "chatml");
}

TEST_F(ChatTemplateChoice, ABrokenOwnTemplateIsNotReplacedSilently) {
  const auto model = file({"<s>", "<|im_start|>"}, {{"tokenizer.chat_template", "{% if"}});
  const auto chosen = ChatTemplate::choose(model.metadata(), "");
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, "template-syntax");
}

TEST_F(ChatTemplateChoice, SpecialTokensTell) {
  for (const auto& [token, name] : std::vector<std::pair<std::string, std::string>>{{"<|im_start|>", "chatml"},
                                                                                    {"<|start_header_id|>", "llama3"},
                                                                                    {"<start_of_turn>", "gemma"},
                                                                                    {"[INST]", "mistral"},
                                                                                    {"<|start_of_role|>", "granite"}}) {
    const auto model = file({"<s>", "a", token});
    const auto chosen = ChatTemplate::choose(model.metadata(), "");
    ASSERT_TRUE(chosen) << token;
    EXPECT_EQ(chosen->name(), name);
    EXPECT_THAT(chosen->reason(), HasSubstr(token));
  }
  const auto tekken = file({"<s>", "[INST]"}, {{"tokenizer.ggml.pre", "tekken"}});
  EXPECT_EQ(ChatTemplate::choose(tekken.metadata(), "")->name(), "mistral-tekken");
}

TEST_F(ChatTemplateChoice, ABaseModelHasNone) {
  const auto model = file({"<s>", "a"});
  const auto chosen = ChatTemplate::choose(model.metadata(), "");
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, "no-chat-template");
  EXPECT_THAT(chosen.error().fix, HasSubstr("--raw"));
  EXPECT_EQ(special_texts(model.metadata())->bos, "<s>");
  EXPECT_EQ(special_texts(model.metadata())->eos, "");
}

TEST_F(ChatTemplateChoice, NamesAndFiles) {
  const auto model = file({"<s>"});
  const auto wrong = ChatTemplate::choose(model.metadata(), "chatlm");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().what, HasSubstr("did you mean chatml?"));
  std::ofstream(folder_.path("t.jinja")) << "from a file";
  EXPECT_EQ(ChatTemplate::choose(model.metadata(), folder_.path("t.jinja"))->source(), "from a file");
  const auto folder = ChatTemplate::choose(model.metadata(), folder_.path());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, "template-file");
}

}  // namespace
}  // namespace lupo
