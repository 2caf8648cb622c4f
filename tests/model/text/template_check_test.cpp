#include "model/text/template_check.h"

#include <gmock/gmock.h>

#include "tokenizer_fixture.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A vocabulary with BOS, ChatML's two markers and nothing else of the kind.
Loaded chatml_vocabulary() {
  TinyBpe bpe;
  const TokenId bos = bpe.add("<s>", TokenKind::control);
  bpe.add("<|im_start|>", TokenKind::control);
  const TokenId eos = bpe.add("<|im_end|>", TokenKind::control);
  gguf::Writer writer = bpe.writer();
  writer.set("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(bos));
  writer.set("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(eos));
  return load(writer);
}

TemplateSeen look(const std::string& source) {
  const Loaded loaded = chatml_vocabulary();
  EXPECT_TRUE(loaded.tokenizer) << loaded.tokenizer.error().what;
  const Result<ChatTemplate> compiled = ChatTemplate::compile(source, "test");
  EXPECT_TRUE(compiled) << compiled.error().what;
  return look_at_template(*compiled, *loaded, "m.gguf");
}

std::vector<std::string> codes(const TemplateSeen& seen) {
  std::vector<std::string> codes;
  for (const Finding& finding : seen.findings) codes.push_back(finding.code);
  return codes;
}

const std::string kChatml =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const std::string kGemma =
    "{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}";

TEST(TemplateCheck, ATemplateThatFits) {
  for (const std::string& source : {kChatml, "{{ bos_token }}" + kChatml}) {
    const TemplateSeen seen = look(source);
    EXPECT_THAT(codes(seen), IsEmpty()) << source;
    EXPECT_EQ(seen.changes, "") << source;
  }
}

TEST(TemplateCheck, ThatOfAnotherModel) {
  const TemplateSeen seen = look(kGemma);
  ASSERT_THAT(codes(seen), ElementsAre("template-foreign", "turn-without-end"));
  EXPECT_THAT(seen.findings[0].evidence, HasSubstr("<start_of_turn>"));
  EXPECT_THAT(seen.findings[0].evidence, HasSubstr("<|im_start|>"));
}

TEST(TemplateCheck, BeginsTwice) { EXPECT_THAT(codes(look("{{ bos_token }}<s>" + kChatml)), ElementsAre("bos-doubled")); }

TEST(TemplateCheck, LeavesOutTheQuestion) {
  EXPECT_THAT(codes(look("{% for m in messages %}<|im_start|>{{ m.role }}<|im_end|>{% endfor %}")),
              ElementsAre("template-drops-message"));
}

TEST(TemplateCheck, FailsOnAConversation) {
  const TemplateSeen seen = look("{{ raise_exception('never mind') }}");
  ASSERT_THAT(codes(seen), ElementsAre("template-fails"));
  EXPECT_EQ(seen.findings[0].severity, Severity::problem);
  EXPECT_THAT(seen.findings[0].evidence, HasSubstr("never mind"));
}

TEST(TemplateCheck, AnswersWithoutEnd) {
  const std::string endless = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\n\nThen: {% endfor %}";
  EXPECT_THAT(codes(look(endless)), ElementsAre("turn-without-end"));
}

TEST(TemplateCheck, TextThatChangesFromTurnToTurn) {
  EXPECT_THAT(look("{{ messages|length }} messages\n" + kChatml).changes, HasSubstr("second turn departs"));
  EXPECT_THAT(look("{{ strftime_now('%H:%M') }}\n" + kChatml).changes, HasSubstr("time of day"));
  EXPECT_EQ(look("{{ strftime_now('%Y') }}\n" + kChatml).changes, "") << "the year may change";
  EXPECT_EQ(look(kChatml + "{{ messages|length }}").changes, "") << "an end may change";
}

}  // namespace
}  // namespace lupo
