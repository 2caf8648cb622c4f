#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "canned.h"
#include "doctor/doctor.h"

namespace lupo {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

using Json = nlohmann::json;

const std::string kTiny = std::string(LUPO_TESTS_DIR) + "/goldens/arch/llama.gguf";

RecordedEnv some_machine() { return RecordedEnv(std::string(LUPO_TESTS_DIR) + "/machines/xeon_2core"); }

TEST(DiagnoseServed, OllamaWithItsDefaultContext) {
  const FakeServer server(ollama_script());
  const auto d = diagnose_served(some_machine(), {.url = server.url(), .model = "", .isa = ""});
  ASSERT_TRUE(d) << d.error().what;
  EXPECT_THAT(d->findings, Contains(Field(&Finding::code, "context-default")));
  EXPECT_THAT(d->findings, Contains(Field(&Finding::code, "partly-on-cpu")));
  ASSERT_TRUE(d->stuck_on);
  EXPECT_THAT(d->verdict, HasSubstr("stuck on"));
  const std::string text = to_text(*d, {});
  for (const char* word : {"Ollama 0.12.6", "hardware", "memory", "runtime", "model", "quantization", "← the limit", "unknown"})
    EXPECT_THAT(text, HasSubstr(word));
  const Json json = Json::parse(to_json(*d));
  EXPECT_EQ(json["server"]["kind"], "Ollama");
  EXPECT_EQ(json["server"]["ctx"], 4096);
  EXPECT_TRUE(json["server"]["process"].is_null());
  EXPECT_FALSE(json["machine"].is_null());
  EXPECT_FALSE(json["server"]["unknown"].empty());
}

// A file that can be read here: its tensors are looked at, and lupo's own speed with it is predicted.
TEST(DiagnoseServed, TheFileIsReadWhereItCanBe) {
  Script script = llama_server_script();
  Json props = Json::parse(script["/props"].front().body);
  props["model_path"] = kTiny;
  script["/props"] = {{.body = props.dump()}};
  const FakeServer server(script);
  const auto d = diagnose_served(some_machine(), {.url = server.url(), .model = "", .isa = ""});
  ASSERT_TRUE(d) << d.error().what;
  EXPECT_THAT(d->findings, Contains(Field(&Finding::code, "below-this-machine"))) << "a tiny model at 22 tok/s";
  // Tests that run beside this one may keep the machine busy: then that is what is named first.
  const auto is_others = [](const Finding& f) { return f.code == "busy" || f.code == "cpu-steal"; };
  const bool is_busy = std::ranges::any_of(d->findings, is_others);
  if (!is_busy) {
    EXPECT_EQ(d->stuck_on, Layer::runtime);
    EXPECT_THAT(d->verdict, HasSubstr("% of what this machine can do"));
  }
  for (const Finding& finding : d->findings) EXPECT_THAT(finding.fix, Not(HasSubstr("lupo doctor")));
}

// The process of the fake server is this test: found by its port, looked at, and no model server's flags in it.
TEST(DiagnoseServed, TheProcessIsFound) {
  Script script = llama_server_script();
  script["/props"] = {{.body = R"({"total_slots":1})"}};  // without a path: the user's calibration is left alone
  const FakeServer server(script);
  const auto d = diagnose_served(real_env(), {.url = server.url(), .model = "", .isa = ""});
  ASSERT_TRUE(d) << d.error().what;
  ASSERT_TRUE(d->served->process);
  EXPECT_EQ(d->served->process->pid, getpid());
  EXPECT_TRUE(d->served->process->faults_while_measured);
  EXPECT_FALSE(Json::parse(to_json(*d))["server"]["process"]["resident_bytes"].is_null());
}

TEST(DiagnoseServed, Errors) {
  EXPECT_EQ(diagnose_served(some_machine(), {.url = "gopher://x", .model = "", .isa = ""}).error().code, "bad-url");
  const FakeServer server({});
  EXPECT_EQ(diagnose_served(some_machine(), {.url = server.url(), .model = "", .isa = ""}).error().code, "server-unknown");
}

// What is said of a server elsewhere holds nothing of this machine.
TEST(DiagnoseServed, AnotherMachine) {
  Diagnosis d;
  d.served = Served{.kind = ServerKind::openai, .url = "http://10.0.0.1:8000", .same_host = false, .version = "", .model = "m"};
  EXPECT_TRUE(Json::parse(to_json(d))["machine"].is_null());
  EXPECT_THAT(to_text(d, {}), HasSubstr("another machine"));
}

}  // namespace
}  // namespace lupo
