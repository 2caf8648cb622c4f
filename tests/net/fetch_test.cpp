#include "net/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/fake_server.h"

namespace lupo {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kFirst = 1000;  // bytes of the first range

FetchLimits small_limits() { return {.seconds = 5, .stall_seconds = 1, .first_bytes = kFirst}; }

std::string letters(size_t n) {
  std::string text(n, ' ');
  for (size_t i = 0; i < n; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

Fetcher::Enough at_least(size_t n) {
  return [n](std::string_view so_far, int64_t) { return so_far.size() >= n; };
}

std::string code_of(const Result<Fetched>& fetched) { return fetched ? "ok" : fetched.error().code; }

Reply redirect(const std::string& to) {
  return {.head = "HTTP/1.1 302 X\r\nLocation: " + to + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"};
}

TEST(Fetch, ABeginningGrowsByDoubling) {
  const std::string body = letters(100'000);
  FakeServer server({{"/f", {{.body = body, .ranges = true, .etag = "\"1\""}}}});
  Fetcher fetcher(small_limits());
  const auto fetched = fetcher.beginning({server.url() + "/f"}, at_least(3500));
  ASSERT_TRUE(fetched) << fetched.error().what;
  EXPECT_EQ(fetched->body, body.substr(0, 4000));
  EXPECT_EQ(fetched->file_bytes, 100'000);
  EXPECT_EQ(fetched->etag, "\"1\"");
  EXPECT_EQ(fetcher.bytes_fetched(), 4000);
  ASSERT_EQ(server.heads().size(), 3u);
  EXPECT_THAT(server.heads()[0], HasSubstr("Range: bytes=0-999\r\n"));
  EXPECT_THAT(server.heads()[1], HasSubstr("Range: bytes=1000-1999\r\n"));
  EXPECT_THAT(server.heads()[2], HasSubstr("Range: bytes=2000-3999\r\n"));
}

TEST(Fetch, AFileThatIsShorterComesWhole) {
  const std::string body = letters(1700);
  FakeServer server({{"/f", {{.body = body, .ranges = true}}}});
  const auto fetched = Fetcher(small_limits()).beginning({server.url() + "/f"}, at_least(1'000'000));
  ASSERT_TRUE(fetched) << fetched.error().what;
  EXPECT_EQ(fetched->body, body);
}

TEST(Fetch, AServerWithoutRangesIsCutOff) {
  const std::string body = letters(64 << 20);
  FakeServer server({{"/f", {{.body = body}}}});
  Fetcher fetcher(small_limits());
  const auto fetched = fetcher.beginning({server.url() + "/f"}, at_least(3500));
  ASSERT_TRUE(fetched) << fetched.error().what;
  EXPECT_EQ(fetched->status, 200);
  EXPECT_EQ(fetched->file_bytes, 64 << 20);
  EXPECT_GE(fetched->body.size(), 3500u);
  EXPECT_LT(fetched->body.size(), 1u << 20);
  EXPECT_EQ(body.substr(0, fetched->body.size()), fetched->body);
  EXPECT_LT(server.bytes_sent(), 16u << 20);
}

TEST(Fetch, WhatIsKnownIsNotSentAgain) {
  FakeServer server({{"/f", {{.body = letters(5000), .ranges = true, .etag = "\"1\""}}}});
  const auto fetched = Fetcher(small_limits()).beginning({.address = server.url() + "/f", .known_etag = "\"1\""}, at_least(10));
  ASSERT_TRUE(fetched) << fetched.error().what;
  EXPECT_EQ(fetched->status, 304);
  EXPECT_EQ(fetched->body, "");
}

TEST(Fetch, AChangeInBetweenIsNoticed) {
  const Reply before{.body = letters(5000), .ranges = true, .etag = "\"1\""};
  FakeServer server({{"/etag", {before, {.body = letters(5000), .ranges = true, .etag = "\"2\""}}},
                     {"/size", {before, {.body = letters(6000), .ranges = true, .etag = "\"1\""}}},
                     {"/whole", {before, {.body = letters(5000), .etag = "\"1\""}}},
                     {"/gone", {before, {.status = 404}}}});
  for (const char* path : {"/etag", "/size", "/whole", "/gone"})
    EXPECT_EQ(code_of(Fetcher(small_limits()).beginning({server.url() + path}, at_least(3000))), "file-changed-there") << path;
}

std::string answer_of(const std::string& fields, int status = 206) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields + "Connection: close\r\n\r\n";
}

TEST(Fetch, WhatServersSayOfRangesIsChecked) {
  const std::string part = letters(1000);
  for (const char* wrong :
       {"", "bytes", "bytes 0-999/*", "bytes */5000", "bytes 1-1000/5000", "bytes 0-1000/5000", "bytes 5-2/5000",
        "bytes 0-999/999", "bytes -5-999/5000", "bytes 0-999/9223372036854775807", "bytes 0-999/99999999999999999999999",
        "bytes 0-999/5000x", "octets 0-999/5000", "bytes 0-499/5000", "bytes 0-99999999999999999999/5000"}) {
    const std::string head = answer_of("Content-Length: 1000\r\nContent-Range: " + std::string(wrong) + "\r\n");
    FakeServer server({{"/f", {{.body = part, .head = head}}}});
    const std::string code = code_of(Fetcher(small_limits()).beginning({server.url() + "/f"}, at_least(10)));
    EXPECT_EQ(code, std::string(wrong) == "bytes 0-499/5000" ? "answer-too-long" : "server-broken") << wrong;
  }
}

TEST(Fetch, BadAnswersAreOneClearError) {
  const std::string part = letters(1000);
  const std::string good = "Content-Range: bytes 0-999/5000\r\n";
  FakeServer server(
      {{"/cut", {{.body = part, .sent = 500, .head = answer_of("Content-Length: 1000\r\n" + good)}}},
       {"/short", {{.body = part, .sent = 500, .head = answer_of(good)}}},
       {"/zip", {{.body = part, .head = answer_of("Content-Encoding: gzip\r\nContent-Length: 1000\r\n" + good)}}},
       {"/chunked", {{.body = "5\r\nabcde\r\n0\r\n\r\n", .head = answer_of("Transfer-Encoding: chunked\r\n", 200)}}},
       {"/none", {{.head = answer_of("Content-Length: 0\r\n", 204)}}},
       {"/stall", {{.body = part, .delay_s = 30, .head = answer_of("Content-Length: 1000\r\n" + good)}}},
       {"/trickle", {{.body = part, .delay_s = 0.1, .pieces = 1000, .ranges = true}}},
       {"/other", {{.head = "SSH-2.0-OpenSSH_9.2\r\n"}}}});
  FetchLimits limits = small_limits();
  limits.seconds = 2;
  Fetcher fetcher(limits);
  const auto code = [&](const char* path) { return code_of(fetcher.beginning({server.url() + path}, at_least(10))); };
  EXPECT_EQ(code("/cut"), "server-broken");
  EXPECT_EQ(code("/short"), "server-broken");
  EXPECT_EQ(code("/zip"), "server-broken");
  EXPECT_EQ(code("/chunked"), "server-broken");
  EXPECT_EQ(code("/none"), "server-broken");
  EXPECT_EQ(code("/stall"), "server-slow");
  EXPECT_EQ(code("/trickle"), "server-slow");
  EXPECT_EQ(code("/other"), "server-broken");
}

TEST(Fetch, ChunksOfARangeAreFine) {
  FakeServer server({{"/f",
                      {{.body = "5\r\nabcde\r\n2\r\nfg\r\n0\r\n\r\n",
                        .head = answer_of("Transfer-Encoding: chunked\r\nContent-Range: bytes 0-6/7\r\n")}}}});
  const auto fetched = Fetcher(small_limits()).beginning({server.url() + "/f"}, at_least(10));
  ASSERT_TRUE(fetched) << fetched.error().what;
  EXPECT_EQ(fetched->body, "abcdefg");
}

TEST(Fetch, BytesAreBounded) {
  const std::string body = letters(100'000);
  FakeServer server({{"/f", {{.body = body, .ranges = true}}},
                     {"/plain", {{.body = body}}},
                     {"/endless", {{.body = body, .endless = true}}},
                     {"/refused", {{.body = body, .status = 403, .endless = true, .fields = "X-Error-Code: GatedRepo\r\n"}}}});
  FetchLimits limits = small_limits();
  limits.head_bytes = 10'000;
  limits.answer_bytes = 50'000;
  EXPECT_EQ(code_of(Fetcher(limits).beginning({server.url() + "/f"}, at_least(20'000))), "answer-too-long");
  EXPECT_EQ(code_of(Fetcher(limits).beginning({server.url() + "/plain"}, at_least(20'000))), "answer-too-long");
  EXPECT_EQ(code_of(Fetcher(limits).get({server.url() + "/plain"})), "answer-too-long");
  EXPECT_EQ(code_of(Fetcher(limits).get({server.url() + "/endless"})), "answer-too-long");
  const auto refused = Fetcher(limits).get({server.url() + "/refused"});
  ASSERT_TRUE(refused) << refused.error().what;
  EXPECT_EQ(refused->status, 403);
  EXPECT_EQ(refused->reason, "GatedRepo");
  EXPECT_LE(refused->body.size(), 4096u);
  limits.all_bytes = 5000;
  Fetcher fetcher(limits);
  EXPECT_EQ(code_of(fetcher.beginning({server.url() + "/f"}, at_least(4000))), "ok");
  EXPECT_EQ(code_of(fetcher.beginning({server.url() + "/f"}, at_least(4000))), "answer-too-long");
}

TEST(Fetch, RedirectsAreFollowedButNotWithTheToken) {
  FakeServer storage({{"/signed?key=1", {{.body = letters(5000), .ranges = true}}}});
  FakeServer server({{"/f", {redirect("/moved")}}, {"/moved", {redirect(storage.url() + "/signed?key=1")}}});
  const auto fetched = Fetcher(small_limits()).beginning({.address = server.url() + "/f", .token = "hf_secret"}, at_least(10));
  ASSERT_TRUE(fetched) << fetched.error().what;
  EXPECT_EQ(fetched->body, letters(1000));
  ASSERT_EQ(server.heads().size(), 2u);
  for (const std::string& head : server.heads()) EXPECT_THAT(head, HasSubstr("Authorization: Bearer hf_secret\r\n"));
  ASSERT_EQ(storage.heads().size(), 1u);
  EXPECT_THAT(storage.heads()[0], Not(HasSubstr("Authorization")));
  EXPECT_THAT(storage.heads()[0], HasSubstr("Range: bytes=0-999"));
}

TEST(Fetch, RedirectsThatAreRefused) {
  FakeServer server({{"/loop", {redirect("/loop")}},
                     {"/nowhere", {{.head = "HTTP/1.1 302 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}}},
                     {"/file", {redirect("file:///etc/passwd")}},
                     {"/ftp", {redirect("ftp://127.0.0.1/")}},
                     {"/user", {redirect("http://me:word@127.0.0.1/")}}});
  for (const char* path : {"/loop", "/nowhere", "/file", "/ftp", "/user"})
    EXPECT_EQ(code_of(Fetcher(small_limits()).get({server.url() + path})), "server-redirects") << path;
  EXPECT_EQ(server.requests().size(), 6u + 4u);
}

TEST(Fetch, WhereARedirectAndATokenMayGo) {
  const auto url = [](const char* text) { return parse_url(text).value(); };
  const Url hub = url("https://hub.org"), plain = url("http://hub.org"), here = url("http://127.0.0.1:1");
  EXPECT_EQ(redirect_fault(hub, url("https://storage.org")), "");
  EXPECT_EQ(redirect_fault(plain, hub), "");
  EXPECT_EQ(redirect_fault(here, url("http://[::1]:2")), "");
  EXPECT_NE(redirect_fault(hub, plain), "");
  EXPECT_NE(redirect_fault(plain, here), "");
  EXPECT_NE(redirect_fault(hub, url("https://localhost")), "");
  EXPECT_TRUE(may_carry_token(hub, url("https://HUB.org:443/x")));
  EXPECT_TRUE(may_carry_token(here, here));
  for (const char* other : {"https://storage.org", "https://hub.org:444", "https://hub.org.evil.com", "http://hub.org"})
    EXPECT_FALSE(may_carry_token(hub, url(other))) << other;
  EXPECT_FALSE(may_carry_token(plain, plain));
}

TEST(Fetch, AListNamesItsNextPage) {
  FakeServer server({{"/list", {{.body = "[]", .fields = "Link: <http://h/x?cursor=2>; rel=\"next\"\r\n"}}},
                     {"/two", {{.body = "[]", .fields = "Link: <http://h/1>; rel=\"first\", <http://h/3>; rel=\"next\"\r\n"}}},
                     {"/last", {{.body = "[]", .fields = "Link: <http://h/1>; rel=\"first\"\r\n"}}},
                     {"/odd", {{.body = "[]", .fields = "Link: >>rel=\"next\"<<\r\n"}}}});
  Fetcher fetcher(small_limits());
  EXPECT_EQ(fetcher.get({server.url() + "/list"})->next, "http://h/x?cursor=2");
  EXPECT_EQ(fetcher.get({server.url() + "/two"})->next, "http://h/3");
  EXPECT_EQ(fetcher.get({server.url() + "/last"})->next, "");
  EXPECT_EQ(fetcher.get({server.url() + "/odd"})->next, "");
}

TEST(Fetch, NobodyThere) {
  const int port = FakeServer({}).port();
  EXPECT_EQ(code_of(Fetcher(small_limits()).get({"http://127.0.0.1:" + std::to_string(port) + "/"})), "server-unreachable");
  EXPECT_EQ(code_of(Fetcher(small_limits()).get({"file:///etc/passwd"})), "bad-url");
}

}  // namespace
}  // namespace lupo
