#include "hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/fake_hub.h"
#include "model/gguf/writer.h"
#include "test_folder.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kLlama = LUPO_TESTS_DIR "/goldens/arch/llama.gguf";

class HubTest : public testing::Test {
 protected:
  // No cache unless it is asked for.
  RecordedEnv env(const FakeHub& hub, std::map<std::string, std::string> more = {}) const {
    more["HF_ENDPOINT"] = hub.url() + "/";
    return RecordedEnv("/nonexistent", more);
  }
  std::vector<std::string> names(const Listing& listing) const {
    std::vector<std::string> all;
    for (const Published& one : listing.published) all.push_back(one.name);
    return all;
  }

  const std::string llama_ = read_bytes(kLlama);
  const FetchLimits limits_{.seconds = 5, .stall_seconds = 1, .first_bytes = 256, .all_bytes = int64_t{64} << 20};
  TestFolder folder_;
};

// A model of two shards with a tensor each.
std::map<std::string, std::string> shards() {
  std::map<std::string, std::string> files;
  for (int i = 0; i < 2; ++i) {
    gguf::Writer writer(32);
    const auto number = [](uint64_t n) { return gguf::Value{gguf::ValueType::u16, n}; };
    writer.set("split.no", number(static_cast<uint64_t>(i)));
    writer.set("split.count", number(2));
    writer.set("split.tensors.count", gguf::Value{gguf::ValueType::i32, int64_t{2}});
    const std::vector<std::byte> data(4096);
    const int64_t shape[] = {1024};
    EXPECT_TRUE(writer.add_tensor(i == 0 ? "a" : "b", Type::f32, shape, data));
    const auto bytes = writer.to_bytes().value();
    files["big/tiny-Q8_0-0000" + std::to_string(i + 1) + "-of-00002.gguf"] = {reinterpret_cast<const char*>(bytes.data()),
                                                                              bytes.size()};
  }
  return files;
}

TEST_F(HubTest, AHeaderIsThatOfTheFile) {
  FakeHub hub({{"tiny-F32.gguf", llama_}});
  const RecordedEnv variables = env(hub);
  Hub client(variables, limits_);
  const auto listing = client.find("hf:maker/tiny-GGUF");
  ASSERT_TRUE(listing) << listing.error().what;
  ASSERT_THAT(listing->published, SizeIs(1));
  EXPECT_EQ(listing->published[0].quantization, "F32");
  EXPECT_EQ(listing->published[0].file_bytes(), static_cast<int64_t>(llama_.size()));
  const auto heads = client.heads(listing->published[0]);
  ASSERT_TRUE(heads) << heads.error().what;
  const auto file = gguf::File::from_heads(*heads);
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_FALSE(file->has_data());
  const auto local = gguf::File::open(kLlama);
  EXPECT_EQ(file->file_bytes(), local->file_bytes());
  ASSERT_EQ(file->tensors().size(), local->tensors().size());
  EXPECT_EQ(file->metadata().entries().size(), local->metadata().entries().size());
  EXPECT_LT(client.bytes_fetched(), static_cast<int64_t>(llama_.size()));
}

TEST_F(HubTest, WhatIsNoModelIsSetAside) {
  auto files = shards();
  for (const char* name : {"tiny-Q4_0.gguf", "mmproj-tiny-F16.gguf", "tiny-draft-Q4_0.gguf", "tiny.imatrix.gguf", "README.md",
                           "lost-00002-of-00003.gguf"})
    files[name] = "x";
  FakeHub hub(files);
  const RecordedEnv variables = env(hub);
  const auto listing = Hub(variables, limits_).find("hf:maker/tiny-GGUF");
  ASSERT_TRUE(listing) << listing.error().what;
  EXPECT_THAT(names(*listing), ElementsAre("big/tiny-Q8_0-00001-of-00002.gguf", "tiny-Q4_0.gguf"));
  EXPECT_THAT(listing->published[0].files, SizeIs(2));
  EXPECT_THAT(listing->set_aside, SizeIs(4));
}

TEST_F(HubTest, ShardsAreOneModel) {
  FakeHub hub(shards());
  const RecordedEnv variables = env(hub);
  Hub client(variables, limits_);
  const auto listing = client.find("hf:maker/tiny-GGUF:q8_0");
  ASSERT_TRUE(listing) << listing.error().what;
  const auto file = gguf::File::from_heads(client.heads(listing->published.at(0)).value());
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_EQ(file->n_shards(), 2);
  EXPECT_EQ(file->tensors().size(), 2u);
  EXPECT_THAT(how_to_fetch(listing->published[0], true),
              testing::EndsWith("tiny-Q8_0-[00001-00002]-of-00002.gguf' -H \"Authorization: Bearer $HF_TOKEN\""));
  // The same by the address of any of them, without a list.
  const auto lone = client.find(hub.storage().url() + "/big/tiny-Q8_0-00002-of-00002.gguf");
  ASSERT_TRUE(lone) << lone.error().what;
  EXPECT_EQ(gguf::File::from_heads(client.heads(lone->published.at(0)).value())->tensors().size(), 2u);
}

TEST_F(HubTest, OneOfThemByQuantizationOrPath) {
  FakeHub hub({{"a-Q4_K_M.gguf", llama_}, {"a-Q8_0.gguf", llama_}, {"sub/a-F16.gguf", llama_}});
  const RecordedEnv variables = env(hub);
  Hub client(variables, limits_);
  const std::string page = hub.url() + "/maker/tiny-GGUF";
  EXPECT_THAT(names(*client.find("hf:maker/tiny-GGUF:q4_k_m")), ElementsAre("a-Q4_K_M.gguf"));
  EXPECT_THAT(names(*client.find("hf:maker/tiny-GGUF@main:Q8_0")), ElementsAre("a-Q8_0.gguf"));
  EXPECT_THAT(names(*client.find("hf:maker/tiny-GGUF/sub/a-F16.gguf")), ElementsAre("sub/a-F16.gguf"));
  EXPECT_THAT(names(*client.find(page)), SizeIs(3));
  EXPECT_THAT(names(*client.find(page + "/tree/main")), SizeIs(3));
  EXPECT_THAT(names(*client.find(page + "/blob/main/sub/a-F16.gguf?download=true")), ElementsAre("sub/a-F16.gguf"));
  EXPECT_THAT(names(*client.find("https://huggingface.co/maker/tiny-GGUF/resolve/main/a-Q8_0.gguf")), ElementsAre("a-Q8_0.gguf"));
  const auto missed = client.find("hf:maker/tiny-GGUF:Q4_K_L");
  ASSERT_FALSE(missed);
  EXPECT_EQ(missed.error().code, "not-published");
  EXPECT_EQ(missed.error().fix, "lupo plan hf:maker/tiny-GGUF:Q4_K_M");
  EXPECT_THAT(missed.error().what, HasSubstr("F16, Q4_K_M, Q8_0"));
  EXPECT_EQ(client.find("hf:maker/tiny-GGUF/a-Q8.gguf").error().fix, "lupo plan hf:maker/tiny-GGUF/a-Q8_0.gguf");
  for (const char* bad :
       {"hf:", "hf:maker", "hf:maker/../x", "hf:maker/tiny/../x.gguf", "hf:mäker/x", "hf:a/b@", "hf:a/b@../c", "hf:a b/c"})
    EXPECT_EQ(client.find(bad).error().code, "bad-address") << bad;
}

TEST_F(HubTest, RefusalsSayWhatToDo) {
  FakeHub hub({{"a-Q8_0.gguf", llama_}});
  const RecordedEnv variables = env(hub);
  const auto error_for = [&](Reply reply) {
    hub.front().set(FakeHub::list_path(), std::move(reply));
    return Hub(variables, limits_).find("hf:maker/tiny-GGUF").error();
  };
  const Error gated = error_for({.status = 401, .fields = "X-Error-Code: GatedRepo\r\n"});
  EXPECT_EQ(gated.code, "access-denied");
  EXPECT_THAT(gated.what, HasSubstr("GatedRepo"));
  EXPECT_THAT(gated.fix, HasSubstr("HF_TOKEN"));
  EXPECT_EQ(error_for({.status = 404}).code, "not-there");
  EXPECT_EQ(error_for({.status = 429}).code, "too-many-requests");
  EXPECT_EQ(error_for({.status = 500}).code, "server-refuses");
  EXPECT_EQ(error_for({.body = "<html>"}).code, "server-broken");
  EXPECT_EQ(error_for({.body = "{\"error\":\"x\"}"}).code, "server-broken");
  EXPECT_EQ(error_for({.body = std::string(1 << 20, '[')}).code, "server-broken");
  EXPECT_EQ(error_for({.body = "[]"}).code, "no-gguf");
}

TEST_F(HubTest, OddEntriesOfAListArePassedOver) {
  FakeHub hub({});
  nlohmann::json list = {1, nullptr, "x", nlohmann::json::array(), {{"type", "file"}}};
  for (const char* path : {"../up.gguf", "/root.gguf", "a//b.gguf", "a/./b.gguf", "a\\b.gguf", "a\x1b[2J.gguf", ""})
    list.push_back(hub_entry(path, 10, "h"));
  for (const nlohmann::json& size :
       {nlohmann::json(-1), nlohmann::json(0), nlohmann::json("10"), nlohmann::json(1e300), nlohmann::json(UINT64_MAX)}) {
    list.push_back(hub_entry("a.gguf", 10, "h"));
    list.back()["size"] = size;
  }
  list.push_back(hub_entry("it's a $(model)-Q8_0.gguf", 10, "h"));
  hub.front().set(FakeHub::list_path(), {.body = list.dump()});
  const RecordedEnv variables = env(hub);
  const auto listing = Hub(variables, limits_).find("hf:maker/tiny-GGUF");
  ASSERT_TRUE(listing) << listing.error().what;
  EXPECT_THAT(names(*listing), ElementsAre("it's a $(model)-Q8_0.gguf"));
  EXPECT_THAT(how_to_fetch(listing->published[0], false), testing::EndsWith("/it%27s%20a%20%24%28model%29-Q8_0.gguf'"));
}

TEST_F(HubTest, AListHasPages) {
  FakeHub hub({{"a-Q8_0.gguf", llama_}});
  const std::string next = FakeHub::list_path() + "&cursor=2";
  hub.front().set(FakeHub::list_path(), {.body = nlohmann::json{hub_entry("b-Q4_0.gguf", 9, "h")}.dump(),
                                         .fields = "Link: <" + hub.url() + next + ">; rel=\"next\"\r\n"});
  hub.front().set(next, {.body = nlohmann::json{hub_entry("a-Q8_0.gguf", 9, "h")}.dump(),
                         .fields = "Link: <http://192.0.2.1/elsewhere>; rel=\"next\"\r\n"});
  const RecordedEnv variables = env(hub, {{"HF_TOKEN", "hf_secret"}});
  const auto listing = Hub(variables, limits_).find("hf:maker/tiny-GGUF");
  ASSERT_TRUE(listing) << listing.error().what;
  EXPECT_THAT(names(*listing), ElementsAre("a-Q8_0.gguf", "b-Q4_0.gguf"));
}

TEST_F(HubTest, TheTokenStaysWithTheHub) {
  FakeHub hub({{"a-Q8_0.gguf", llama_}});
  const RecordedEnv variables = env(hub, {{"HF_TOKEN", "hf_secret"}});
  Hub client(variables, limits_);
  ASSERT_TRUE(client.heads(client.find("hf:maker/tiny-GGUF")->published.at(0)));
  ASSERT_TRUE(client.heads(client.find(hub.storage().url() + "/a-Q8_0.gguf")->published.at(0)));
  for (const std::string& head : hub.front().heads()) EXPECT_THAT(head, HasSubstr("Authorization: Bearer hf_secret"));
  EXPECT_THAT(hub.storage().heads(), Not(IsEmpty()));
  for (const std::string& head : hub.storage().heads()) EXPECT_THAT(head, Not(HasSubstr("hf_secret")));
  const RecordedEnv injecting = env(hub, {{"HF_TOKEN", "x\r\nHost: evil"}});
  EXPECT_FALSE(Hub(injecting, limits_).has_token());
}

TEST_F(HubTest, HeadersAreKept) {
  FakeHub hub({{"a-Q8_0.gguf", llama_}});
  const RecordedEnv variables = env(hub, {{"LUPO_CACHE", folder_.path()}});
  const auto fetched = [&](const std::string& address) {
    Hub client(variables, limits_);
    const auto listing = client.find(address);
    const int64_t before = client.bytes_fetched();
    const auto heads = client.heads(listing.value().published.at(0));
    EXPECT_TRUE(heads) << heads.error().what;
    EXPECT_TRUE(gguf::File::from_heads(heads.value()));
    return client.bytes_fetched() - before;
  };
  const std::string plain = hub.storage().url() + "/a-Q8_0.gguf";
  EXPECT_GT(fetched("hf:maker/tiny-GGUF"), 0);
  EXPECT_EQ(fetched("hf:maker/tiny-GGUF"), 0);
  EXPECT_GT(fetched(plain), 0);
  EXPECT_EQ(fetched(plain), 0);  // 304
  // Another content: another hash in the list, another ETag.
  hub.front().set(FakeHub::list_path(), {.body = nlohmann::json{hub_entry("a-Q8_0.gguf", llama_.size(), "new")}.dump()});
  hub.storage().set("/a-Q8_0.gguf", {.body = llama_, .ranges = true, .etag = "\"new\""});
  EXPECT_GT(fetched("hf:maker/tiny-GGUF"), 0);
  EXPECT_GT(fetched(plain), 0);
  // Damaged files of the cache are fetched anew.
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path("headers"))) {
    std::string bytes = read_bytes(entry.path());
    bytes[bytes.find('\n') + 1] = 'X';
    std::ofstream(entry.path(), std::ios::binary) << bytes;
  }
  EXPECT_GT(fetched("hf:maker/tiny-GGUF"), 0);
  std::filesystem::resize_file(std::filesystem::directory_iterator(folder_.path("headers"))->path(), 100);
  fetched("hf:maker/tiny-GGUF");
  fetched(plain);
}

TEST_F(HubTest, TheCacheIsBounded) {
  const HeaderCache cache(folder_.path("headers"));
  CachedHead one{"v", {"", std::vector<std::byte>(1000), 5000}};
  for (int i = 0; i < 10; ++i) cache.save("http://h/" + std::to_string(i), one, 3500);
  cache.save("http://h/secret?key=1", one);
  int64_t sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path("headers")))
    sum += static_cast<int64_t>(entry.file_size());
  EXPECT_LE(sum, 3500);
  EXPECT_TRUE(cache.find("http://h/9"));
  EXPECT_FALSE(cache.find("http://h/0"));
  EXPECT_FALSE(cache.find("http://h/secret?key=1"));
  EXPECT_EQ(cache.find("http://h/9")->head.bytes.size(), 1000u);
}

TEST_F(HubTest, BrokenHeadersAreErrors) {
  std::string huge = llama_;
  for (size_t i = 16; i < 24; ++i) huge[i] = '\x7f';  // number of keys
  FakeHub hub({{"text-Q8_0.gguf", "hello, this is no model"},
               {"cut-Q4_0.gguf", llama_.substr(0, llama_.size() - 100)},
               {"huge-F16.gguf", huge},
               {"lie-F32.gguf", llama_}});
  nlohmann::json list = nlohmann::json::array();
  for (const char* name : {"text-Q8_0.gguf", "cut-Q4_0.gguf", "huge-F16.gguf", "lie-F32.gguf"})
    list.push_back(hub_entry(name, read_bytes(kLlama).size(), "h"));
  const RecordedEnv variables = env(hub);
  Hub client(variables, limits_);
  const auto code = [&](const char* choice) {
    return client.heads(client.find(std::string("hf:maker/tiny-GGUF:") + choice).value().published.at(0)).error().code;
  };
  EXPECT_EQ(code("Q8_0"), "gguf-magic");
  EXPECT_EQ(code("Q4_0"), "gguf-bounds");
  EXPECT_EQ(code("F16"), "gguf-count");
  list.back()["size"] = llama_.size() + 1;
  hub.front().set(FakeHub::list_path(), {.body = list.dump()});
  EXPECT_EQ(code("F32"), "file-changed-there");
}

}  // namespace
}  // namespace lupo
