#include "doctor/served/served.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "canned.h"

namespace lupo {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr double kSecondsMax = 5;

Result<Served> look(const FakeServer& server, const std::string& model = "", double seconds_max = kSecondsMax) {
  HttpClient client(*parse_url(server.url()), seconds_max);
  Result<Served> served = describe_served(client, model);
  if (!served) return served;
  if (const Result<void> measured = measure_served(client, *served); !measured) return std::unexpected(measured.error());
  return served;
}

Result<Served> look(const Script& script, const std::string& model = "", double seconds_max = kSecondsMax) {
  const FakeServer server(script);
  return look(server, model, seconds_max);
}

TEST(Served, LlamaServerAsRecorded) {
  const FakeServer server(llama_server_script());
  const Result<Served> served = look(server);
  ASSERT_TRUE(served) << served.error().what;
  EXPECT_EQ(served->kind, ServerKind::llama_server);
  EXPECT_TRUE(served->same_host);
  EXPECT_EQ(served->version, "b1-de3ff81");
  EXPECT_EQ(served->path, "/root/.cache/lupo/models/SmolLM2-135M-Instruct.Q4_1.gguf");
  EXPECT_EQ(served->quantization, "Q4_1");
  EXPECT_EQ(served->n_ctx, 2048);
  EXPECT_EQ(served->n_ctx_train, 8192);
  EXPECT_EQ(served->n_slots, 2);
  EXPECT_EQ(served->n_params, 134515008);
  EXPECT_EQ(served->has_template, true);
  EXPECT_EQ(served->keeps_system, true);
  EXPECT_EQ(served->gpu_bytes, std::nullopt);
  EXPECT_FALSE(served->is_busy);
  ASSERT_TRUE(served->run);
  EXPECT_EQ(served->run->n_prompt, 66);
  EXPECT_GT(served->run->prefill_tps, 1);
  EXPECT_NEAR(served->run->decode_tps, 25.08, 0.01) << "the better of two";
  EXPECT_NEAR(*served->run->reused, 65 / 66.0, 1e-9);
  EXPECT_FALSE(served->run->timed_here);
  EXPECT_THAT(server.requests(), Contains(HasSubstr(R"("n_predict":32)")));
}

TEST(Served, LlamaServerThatHidesMuch) {
  Script script = llama_server_script();
  script.erase("/slots");
  script.erase("/apply-template");
  script.erase("/v1/models");
  script["/props"] = {{.body = R"({"total_slots":1,"default_generation_settings":{"n_ctx":512},"chat_template":""})"}};
  const Result<Served> served = look(script, "mine");
  ASSERT_TRUE(served) << served.error().what;
  EXPECT_EQ(served->model, "mine");
  EXPECT_EQ(served->has_template, false);
  EXPECT_EQ(served->n_ctx_train, std::nullopt);
  EXPECT_THAT(unknown_of(*served), Contains(HasSubstr("trained context")));
  EXPECT_THAT(unknown_of(*served), Contains(HasSubstr("the model file")));
}

TEST(Served, LlamaServerMetrics) {
  Script script = llama_server_script();
  script["/metrics"] = {{.body = "# TYPE llamacpp:prompt_tokens_total counter\nllamacpp:prompt_tokens_total 110\n"
                                 "llamacpp:prompt_tokens_cached_total 65\nllamacpp:requests_deferred 2\n"}};
  const Result<Served> served = look(script);
  EXPECT_EQ(served->n_prompt_read, 110);
  EXPECT_EQ(served->n_prompt_kept, 65);
  EXPECT_TRUE(served->is_busy);
  script["/metrics"] = {{.body = "llamacpp:prompt_tokens_total -1\nllamacpp:prompt_tokens_cached_total 1e99\n{}\n"}};
  EXPECT_EQ(look(script)->n_prompt_read, std::nullopt);
  EXPECT_EQ(look(script)->n_prompt_kept, std::nullopt);
}

TEST(Served, RouterIsAskedForItsLoadedModel) {
  Script script = llama_server_script();
  script["/props"] = {{.body = R"({"role":"router"})"}};
  script["/v1/models"] = {
      {.body = R"({"data":[{"id":"a","status":{"value":"unloaded"}},{"id":"b c","status":{"value":"loaded"}}]})"}};
  script["/props?model=b%20c"] = {{.body = canned("llama_server/props.json")}};
  const Result<Served> served = look(script);
  ASSERT_TRUE(served) << served.error().what;
  EXPECT_EQ(served->model, "b c");
  EXPECT_EQ(served->n_slots, 2);
  script["/v1/models"] = {{.body = R"({"data":[]})"}};
  EXPECT_EQ(look(script).error().code, "no-model");
}

TEST(Served, LlamaServerWhileItLoads) {
  Script script = llama_server_script();
  script["/props"] = {{.body = canned("llama_server/health_loading.json"), .status = 503}};
  EXPECT_EQ(look(script).error().code, "server-loading");
}

TEST(Served, OllamaByItsDocumentation) {
  const FakeServer server(ollama_script());
  const Result<Served> served = look(server);
  ASSERT_TRUE(served) << served.error().what;
  EXPECT_EQ(served->kind, ServerKind::ollama);
  EXPECT_EQ(served->version, "0.12.6");
  EXPECT_EQ(served->model, "llama3.2:latest");
  EXPECT_THAT(served->path, HasSubstr("/blobs/sha256-dde5aa3f"));
  EXPECT_EQ(served->architecture, "llama");
  EXPECT_EQ(served->n_layers, 28);
  EXPECT_EQ(served->n_ctx, 4096);
  EXPECT_EQ(served->n_ctx_train, 131072);
  EXPECT_EQ(served->loaded_bytes, 3137025024);
  EXPECT_EQ(served->gpu_bytes, 2137025024);
  EXPECT_EQ(served->is_moe, false);
  EXPECT_EQ(served->has_template, true);
  EXPECT_EQ(served->can_call_tools, true);
  ASSERT_TRUE(served->run);
  EXPECT_NEAR(served->run->decode_tps, 32 / 1.789921, 0.2);
  EXPECT_NEAR(served->run->prefill_tps, 260 / 2.86, 0.1);
  EXPECT_NEAR(*served->run->reused, 0.99, 1e-6);
  // A num_ctx in the request would make it load the model again.
  for (const std::string& request : server.requests()) EXPECT_THAT(request, Not(HasSubstr("num_ctx")));
}

TEST(Served, OllamaWithNothingLoadedTakesTheFirst) {
  Script script = ollama_script();
  script["/api/ps"] = {
      {.body = canned("ollama/ps_empty.json")}, {.body = canned("ollama/ps_empty.json")}, {.body = canned("ollama/ps.json")}};
  const Result<Served> served = look(script);
  ASSERT_TRUE(served) << served.error().what;
  EXPECT_EQ(served->model, "llama3.2:latest");
  EXPECT_EQ(served->n_ctx, 4096) << "known once it is loaded";
  script["/api/tags"] = {{.body = R"({"models":[]})"}};
  script["/api/ps"] = {{.body = canned("ollama/ps_empty.json")}};
  EXPECT_EQ(look(script).error().code, "no-model");
}

TEST(Served, OllamaTemplates) {
  const auto with = [](const std::string& show) {
    Script script = ollama_script();
    script["/api/show"] = {{.body = show}};
    return look(script);
  };
  EXPECT_EQ(with(R"({"template":"{{ .Prompt }}"})")->has_template, false);
  EXPECT_EQ(with(R"({"template":"{{ .Prompt }}","renderer":"qwen3"})")->has_template, true);
  EXPECT_EQ(with(R"({"template":"<u>{{ .Prompt }}</u>"})")->keeps_system, false);
  EXPECT_EQ(with(R"({"template":"{{ .System }}<u>{{ .Prompt }}</u>"})")->keeps_system, true);
  EXPECT_EQ(with("{}")->has_template, std::nullopt);
  const Result<Served> embedding = with(R"({"capabilities":["embedding"]})");
  EXPECT_EQ(embedding->can_chat, false);
  EXPECT_FALSE(embedding->run) << "an embedding model is not asked to answer";
  const Result<Served> cloud = with(R"({"remote_host":"https://ollama.com:443","remote_model":"gpt-oss:120b"})");
  EXPECT_EQ(cloud->remote_host, "https://ollama.com:443");
  EXPECT_FALSE(cloud->same_host);
  EXPECT_EQ(with(R"({"model_info":{"general.architecture":"q","q.expert_count":8}})")->is_moe, true);
}

TEST(Served, OllamaSaysWhatIsWrong) {
  Script script = ollama_script();
  script["/api/show"] = {{.body = R"({"error":"model 'x' not found"})", .status = 404}};
  const Result<Served> served = look(script, "x");
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, "server-refuses");
  EXPECT_THAT(served.error().what, HasSubstr("model 'x' not found"));
}

TEST(Served, OpenAiIsTimedHere) {
  const Result<Served> served = look(openai_script());
  ASSERT_TRUE(served) << served.error().what;
  EXPECT_EQ(served->kind, ServerKind::openai);
  EXPECT_EQ(served->model, "Qwen/Qwen3-4B");
  EXPECT_EQ(served->n_ctx, 40960);
  ASSERT_TRUE(served->run);
  EXPECT_TRUE(served->run->timed_here);
  EXPECT_EQ(served->run->n_prompt, 43);
  EXPECT_EQ(served->run->n_decode, 32);
  // 40 parts, 10 ms apart at least: the tokens come in about 37 of them.
  EXPECT_GT(served->run->decode_tps, 1);
  EXPECT_LT(served->run->decode_tps, 130);
  EXPECT_THAT(unknown_of(*served), Contains(HasSubstr("quantization")));
  EXPECT_THAT(unknown_of(*served), Contains(HasSubstr("chat template")));
}

TEST(Served, OpenAiWithoutUsageOrTokens) {
  Script script = openai_script();
  script["/v1/chat/completions"] = {{.body = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"a\"}}]}\n\n"
                                             "data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\ndata: [DONE]\n\n",
                                     .delay_s = 0.02,
                                     .pieces = 2}};
  const Result<Served> served = look(script);
  ASSERT_TRUE(served) << served.error().what;
  EXPECT_EQ(served->run->n_decode, 2);
  EXPECT_EQ(served->run->n_prompt, 0);
  EXPECT_THAT(unknown_of(*served), Contains(HasSubstr("prefill")));
  script["/v1/chat/completions"] = {{.body = "data: [DONE]\n\n"}};
  EXPECT_EQ(look(script).error().code, "bad-answer");
}

TEST(Served, NoModelServer) {
  EXPECT_EQ(look(Script{}).error().code, "server-unknown");
  EXPECT_EQ(look(Script{{"/props", {{.body = "<html>"}}}}).error().code, "bad-answer");
  EXPECT_EQ(look(Script{{"/props", {{.body = "{}"}}}, {"/v1/models", {{.body = "[]"}}}}).error().code, "server-unknown");
}

struct Wrong {
  const char* path;
  const char* body;
  const char* field;
};

TEST(Served, AFieldOfAnotherTypeIsNamed) {
  for (const Wrong& wrong :
       {Wrong{"/props", R"({"total_slots":"two"})", "total_slots"}, Wrong{"/props", R"({"total_slots":-1})", "total_slots"},
        Wrong{"/props", R"({"total_slots":1.5})", "total_slots"}, Wrong{"/props", R"({"total_slots":1e300})", "total_slots"},
        Wrong{"/props", R"({"total_slots":1,"default_generation_settings":{"n_ctx":[]}})", "n_ctx"},
        Wrong{"/props", R"({"total_slots":1,"chat_template":7})", "chat_template"}, Wrong{"/v1/models", R"({"data":{}})", "data"},
        Wrong{"/slots", R"([{"n_ctx":1,"is_processing":"no"}])", "is_processing"},
        Wrong{"/completion", R"({"timings":{"prompt_n":"x"}})", "timings.prompt_n"}}) {
    Script script = llama_server_script();
    script[wrong.path] = {{.body = wrong.body}};
    const Result<Served> served = look(script);
    ASSERT_FALSE(served) << wrong.body;
    EXPECT_EQ(served.error().code, "bad-answer");
    EXPECT_THAT(served.error().what, HasSubstr(wrong.field));
    EXPECT_THAT(served.error().what, HasSubstr(wrong.path));
  }
}

TEST(Served, TextIsMadeSafe) {
  Script script = llama_server_script();
  script["/props"] = {{.body = R"({"total_slots":1,"build_info":"\u001b[31mred\n","model_ftype":"Q4_0"})"}};
  const Result<Served> served = look(script);
  ASSERT_TRUE(served);
  EXPECT_THAT(to_line(*served), Not(HasSubstr("\033")));
  EXPECT_TRUE(nlohmann::json::accept(to_json(*served)));
}

// Every answer of every kind, cut at several lengths, once with a true and once with a false Content-Length, and garbage of every
// sort: a Served or one Error, in time.
class Damaged : public testing::TestWithParam<int> {};

Script script_of(int kind) { return kind == 0 ? llama_server_script() : kind == 1 ? ollama_script() : openai_script(); }

TEST_P(Damaged, CutAnswers) {
  const Script script = script_of(GetParam());
  for (const auto& [path, replies] : script) {
    const std::string& body = replies.front().body;
    for (const size_t length :
         {size_t{0}, size_t{1}, size_t{2}, body.size() / 4, body.size() / 2, body.size() * 9 / 10, body.size() - 2})
      for (const bool honest : {true, false}) {
        Script damaged = script;
        damaged["/v1/chat/completions"].assign(1, {.body = canned("openai/chat.txt")});
        damaged[path] = {honest ? Reply{.body = body.substr(0, length)} : Reply{.body = body, .sent = length}};
        const Result<Served> served = look(damaged);
        if (served) continue;
        EXPECT_THAT(served.error().code, AnyOf("bad-answer", "server-broken", "server-unknown", "server-refuses"))
            << path << length;
        EXPECT_THAT(served.error().what, Not(IsEmpty()));
        EXPECT_THAT(served.error().fix, Not(IsEmpty()));
      }
  }
}

TEST_P(Damaged, Garbage) {
  const Script script = script_of(GetParam());
  const std::string deep = std::string(200'000, '[');
  for (const auto& [path, replies] : script)
    for (const std::string& body :
         {std::string("null"), std::string("[]"), std::string("{}"), std::string("\"x\""), std::string("\xff\xfe\0x", 4), deep,
          std::string(R"({"models":[1,2],"data":[null,"x"],"choices":7})"), "data: " + deep + "\n"}) {
      Script damaged = script;
      damaged["/v1/chat/completions"].assign(1, {.body = canned("openai/chat.txt")});
      damaged[path] = {{.body = body}};
      const Result<Served> served = look(damaged);
      EXPECT_TRUE(!served || nlohmann::json::accept(to_json(*served)));
    }
}

TEST_P(Damaged, SlowAndHuge) {
  const Script script = script_of(GetParam());
  for (const auto& [path, replies] : script) {
    Script damaged = script;
    damaged[path] = {{.body = "x", .delay_s = 20}};
    const Result<Served> slow = look(damaged, "m", 0.2);
    EXPECT_TRUE(path == "/api/tags" || (!slow && slow.error().code == "server-slow")) << path;
    damaged[path] = {{.body = std::string(1 << 16, ' '), .endless = true}};
    const Result<Served> huge = look(damaged, "m");
    EXPECT_TRUE(path == "/api/tags" || (!huge && huge.error().code == "answer-too-long")) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Damaged, testing::Values(0, 1, 2));

}  // namespace
}  // namespace lupo
