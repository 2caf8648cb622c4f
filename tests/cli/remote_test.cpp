// What was not downloaded, from a hub on the loopback address: planned as the file itself would be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <regex>

#include "cli/models.h"
#include "hub/fake_hub.h"
#include "test_folder.h"

namespace lupo::cli_test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::MatchesRegex;
using Json = nlohmann::json;

const std::string kGoldens = LUPO_TESTS_DIR "/goldens/arch/";

class fast_remote : public testing::Test {
 protected:
  struct Outcome {
    int exit_code;
    std::string out, err;
    Json json() const { return Json::parse(out, nullptr, false); }
  };

  // Runs lupo with a cache of its own and this hub.
  Outcome lupo(const std::string& arguments, const std::string& variables = "") const {
    const std::string command = "cd '" + folder_.path() + "' && HF_ENDPOINT='" + endpoint_ + "' LUPO_CACHE='" +
                                folder_.path("cache") + "' " + variables + " timeout --signal=KILL 100 '" LUPO_BINARY "' " +
                                arguments + " >out 2>err </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_bytes(folder_.path("out")), read_bytes(folder_.path("err"))};
  }
  void SetUp() override {
    std::ofstream(folder_.path("m.json")) << R"([{"role":"user","content":"hi"}])";
    std::ofstream(folder_.path("machine.json")) << lupo("doctor --json").json().at("machine").dump();
  }

  // A plan without what must differ: how the model is called, and where it comes from.
  static Json comparable(Json plan) {
    plan.erase("model"), plan.erase("source");
    if (plan.contains("would_fit"))
      for (Json& option : plan["would_fit"]) option.erase("command");
    return plan;
  }
  void expect_same_plans(const std::string& local, const std::string& remote) const {
    for (const char* options : {" --machine machine.json --json", " --machine machine.json --ctx 1000000 --json",
                                " --on 'RTX 4090 + DDR5-6000 64GB' --json", " --on 'RTX 4090' --ctx 64 --json"}) {
      const Outcome here = lupo("plan '" + local + "'" + options), there = lupo("plan '" + remote + "'" + options);
      ASSERT_EQ(there.exit_code, here.exit_code) << there.err;
      if (here.exit_code != 0) {  // "bert" has no positions beyond 64
        EXPECT_THAT(there.err, HasSubstr(here.err));
        continue;
      }
      EXPECT_EQ(comparable(there.json()), comparable(here.json())) << options;
      EXPECT_EQ(there.json()["model"], remote);
    }
  }

  TestFolder folder_;
  std::string endpoint_ = "http://127.0.0.1:9";
};
class model_remote : public fast_remote {};

TEST_F(fast_remote, a_plan_is_that_of_the_file) {
  for (const char* name : {"llama", "gemma3", "mamba2", "qwen3moe", "bert"}) {
    const std::string path = kGoldens + name + ".gguf";
    FakeServer server({{"/m.gguf", {{.body = read_bytes(path), .ranges = true}}}, {"/plain.gguf", {{.body = read_bytes(path)}}}});
    expect_same_plans(path, server.url() + "/m.gguf");
    expect_same_plans(path, server.url() + "/plain.gguf");
  }
}

TEST_F(fast_remote, what_a_repository_publishes_is_ranked) {
  const std::string more = kGoldens + "deepseek2-q8_0.gguf", less = kGoldens + "deepseek2.gguf";  // parameters
  FakeHub hub({{"tiny-F32.gguf", read_bytes(less)},
               {"tiny-Q8_0.gguf", read_bytes(more)},
               {"mmproj-F16.gguf", "x"},
               {"tiny-Q4_0.gguf", "broken"}});
  endpoint_ = hub.url();
  const Outcome table = lupo("plan hf:maker/tiny-GGUF --on 'RTX 4090'");
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, ContainsRegex("1 +tiny-Q8_0.gguf .*\n2 +tiny-F32.gguf "));
  const std::string address = hub.url() + FakeHub::file_path("tiny-Q8_0.gguf");
  EXPECT_THAT(table.out, HasSubstr("take tiny-Q8_0.gguf: curl -fL -C - -O '" + address + "'"));
  EXPECT_THAT(table.err, HasSubstr("set aside: mmproj-F16.gguf"));
  EXPECT_THAT(table.err, HasSubstr("left out: tiny-Q4_0.gguf: "));
  const Json list = lupo("plan hf:maker/tiny-GGUF --machine machine.json --json").json();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["source"]["quantization"], "Q8_0");
  EXPECT_EQ(list[0]["source"]["file_bytes"], std::filesystem::file_size(more));
  EXPECT_EQ(list[0]["source"]["fetched_bytes"], 0);  // kept from the table
  EXPECT_EQ(comparable(list[0]), comparable(lupo("plan " + more + " --machine machine.json --ctx 64 --json").json()));
  EXPECT_EQ(comparable(list[1]), comparable(lupo("plan " + less + " --machine machine.json --ctx 64 --json").json()));
  const Outcome one = lupo("plan " + hub.url() + "/maker/tiny-GGUF/blob/main/tiny-Q8_0.gguf --machine machine.json --json");
  EXPECT_EQ(one.json()["source"]["quantization"], "Q8_0") << one.err;
  EXPECT_EQ(comparable(lupo("plan hf:maker/tiny-GGUF:q8_0 --machine machine.json --json").json()), comparable(one.json()));
}

TEST_F(fast_remote, quantizations_of_one_model_are_called_so) {
  const std::string bytes = read_bytes(kGoldens + "llama.gguf");
  FakeHub hub({{"tiny-Q4_K_M.gguf", bytes}, {"tiny-UD-Q2_K_XL.gguf", bytes}});
  endpoint_ = hub.url();
  const Outcome table = lupo("plan hf:maker/tiny-GGUF --machine machine.json");
  EXPECT_THAT(table.out, HasSubstr("   quantization "));
  EXPECT_THAT(table.out, ContainsRegex("1 +Q4_K_M +.* 32.00 .*\n2 +UD-Q2_K_XL "));
  EXPECT_THAT(table.out, HasSubstr("take Q4_K_M: curl "));
}

TEST_F(fast_remote, several_files_are_ranked_for_a_described_machine) {
  const Outcome table = lupo("plan " + kGoldens + "deepseek2.gguf " + kGoldens + "deepseek2-q8_0.gguf --on 'RTX 4090'");
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, ContainsRegex("1 +deepseek2-q8_0.gguf .*\n2 +deepseek2.gguf "));
}

TEST_F(fast_remote, inspect_needs_the_header_alone) {
  const std::string path = kGoldens + "llama.gguf";
  FakeHub hub({{"llama.gguf", read_bytes(path)}, {"tiny-Q8_0.gguf", read_bytes(path)}});
  endpoint_ = hub.url();
  const auto facts = [](Json json) { return json.erase("file"), json; };
  const Outcome remote = lupo("inspect hf:maker/tiny-GGUF/llama.gguf --json --tensors --keys");
  ASSERT_EQ(remote.exit_code, 0) << remote.err;
  EXPECT_EQ(facts(remote.json()), facts(lupo("inspect " + path + " --json --tensors --keys").json()));
  EXPECT_EQ(lupo("inspect hf:maker/tiny-GGUF").exit_code, 2);
}

TEST_F(fast_remote, other_verbs_want_the_file) {
  for (const std::string verb : {"run @ -p hi", "bench @", "tokenize @ hi", "template @ --messages m.json", "logits @ -p hi",
                                 "doctor @", "embed @ -p hi", "rerank @ --query a b"}) {
    const Outcome outcome = lupo(std::regex_replace(verb, std::regex("@"), "https://example.org/m.gguf"));
    EXPECT_EQ(outcome.exit_code, 1) << verb << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("error[model/not-a-file]")) << verb;
    EXPECT_THAT(outcome.err, HasSubstr("fix: curl -fL -C - -O 'https://example.org/m.gguf'")) << verb;
  }
  EXPECT_THAT(lupo("run hf:maker/tiny-GGUF:Q8_0 -p hi").err, HasSubstr("fix: lupo plan hf:maker/tiny-GGUF:Q8_0"));
}

TEST_F(fast_remote, what_goes_wrong_is_one_error_with_a_fix) {
  FakeHub hub({{"tiny-Q8_0.gguf", read_bytes(kGoldens + "llama.gguf")}});
  endpoint_ = hub.url();
  const auto errors = [&](const std::string& argument, const std::string& code) {
    const Outcome outcome = lupo("plan " + argument + " --machine machine.json");
    EXPECT_EQ(outcome.exit_code, 1) << argument;
    EXPECT_THAT(outcome.err, HasSubstr("error[" + code + "]")) << argument;
    EXPECT_THAT(outcome.err, HasSubstr("\nfix: ")) << argument;
    EXPECT_EQ(outcome.out, "") << argument;
  };
  errors("hf:maker/tiny-GGUF:Q8_1", "model/not-published");
  errors("hf:maker/other", "model/not-there");
  errors("hf:nonsense", "cli/bad-address");
  errors("http://127.0.0.1:9/m.gguf", "runtime/server-unreachable");
  errors(hub.url() + "/m.gguf", "model/not-there");
  hub.front().set(FakeHub::list_path(), {.status = 403, .fields = "X-Error-Code: GatedRepo\r\n"});
  errors("hf:maker/tiny-GGUF", "model/access-denied");
}

// The real models: what is fetched of them is a small part.
TEST_F(model_remote, a_small_part_is_enough) {
  for (const Model& model : kModels) {
    const std::string path = model_path(model);
    ASSERT_TRUE(std::filesystem::exists(path)) << path << ": scripts/fetch-models.sh fetches it";
    const auto file_bytes = static_cast<double>(std::filesystem::file_size(path));
    FakeServer server({{"/m.gguf", {{.body = read_bytes(path), .ranges = true, .etag = "\"1\""}}}});
    const Outcome outcome = lupo("plan " + server.url() + "/m.gguf --machine machine.json --ctx 4096 --json");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(comparable(outcome.json()), comparable(lupo("plan " + path + " --machine machine.json --ctx 4096 --json").json()));
    EXPECT_LT(static_cast<double>(server.bytes_sent()), 0.05 * file_bytes) << model.file;
    EXPECT_GT(outcome.json()["source"]["fetched_bytes"], 0);
    const size_t sent = server.bytes_sent();
    EXPECT_EQ(lupo("plan " + server.url() + "/m.gguf --machine machine.json --json").json()["source"]["fetched_bytes"], 0);
    EXPECT_LT(server.bytes_sent(), sent + 1000);
  }
}

}  // namespace
}  // namespace lupo::cli_test
