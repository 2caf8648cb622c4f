#include "net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/fake_server.h"

namespace lupo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

HttpClient client_of(const FakeServer& server, double seconds_max = 5) {
  return HttpClient(*parse_url(server.url()), seconds_max);
}

std::string code_of(const Result<HttpAnswer>& answer) { return answer ? "ok" : answer.error().code; }

TEST(Url, Forms) {
  EXPECT_EQ(parse_url("localhost:11434")->base, "http://localhost:11434");
  EXPECT_EQ(parse_url("http://127.0.0.1:8080/v1/")->base, "http://127.0.0.1:8080");
  EXPECT_EQ(parse_url("https://Example.org/models?x=1#y")->base, "https://example.org:443/models");
  EXPECT_EQ(parse_url("http://[::1]:80")->host, "::1");
  EXPECT_EQ(parse_url("http://[::1]:80")->base, "http://[::1]:80");
  EXPECT_EQ(parse_url("http://a")->port, 80);
  for (const char* local : {"localhost", "http://127.1.2.3:5", "http://[::1]"})
    EXPECT_TRUE(parse_url(local)->is_loopback()) << local;
  EXPECT_FALSE(parse_url("http://10.0.0.1")->is_loopback());
}

TEST(Url, Refused) {
  for (const std::string& bad : {std::string(), std::string("ftp://a"), std::string("file:///etc/passwd"), std::string("http://"),
                                 std::string("http://a:99999"), std::string("http://user:word@a"), std::string("http://a b"),
                                 std::string(5000, 'a'), std::string("\xff\x01")}) {
    const Result<Url> url = parse_url(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().code, "bad-url");
    EXPECT_LT(url.error().what.size(), 400u);
  }
}

TEST(Http, GetsAndPosts) {
  FakeServer server({{"/a", {{.body = "one"}, {.body = "two"}}}, {"/b", {{.body = "no", .status = 500}}}});
  HttpClient client = client_of(server);
  EXPECT_EQ(client.get("/a")->body, "one");
  EXPECT_EQ(client.post("/a", R"({"x":1})")->body, "two");
  EXPECT_EQ(client.get("/b")->status, 500);
  EXPECT_FALSE(client.get("/b")->ok());
  EXPECT_EQ(client.get("/c")->status, 404);
  EXPECT_THAT(server.requests(), ElementsAre("GET /a ", R"(POST /a {"x":1})", "GET /b ", "GET /b ", "GET /c "));
}

TEST(Http, PartsComeAsTheyAreSent) {
  FakeServer server({{"/", {{.body = "aabbcc", .delay_s = 0.05, .pieces = 3}}}});
  std::string all;
  std::vector<double> times;
  const auto answer = client_of(server).post("/", "{}", {}, [&](std::string_view part, double seconds) {
    all += part;
    times.push_back(seconds);
  });
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(all, "aabbcc");
  ASSERT_GE(times.size(), 2u);
  EXPECT_GE(times.back() - times.front(), 0.03);
}

TEST(Http, BadAnswersAreOneClearError) {
  const std::string big(200'000, 'x');
  FakeServer server({{"/long", {{.body = big}}},
                     {"/endless", {{.body = big, .endless = true}}},
                     {"/slow", {{.body = "x", .delay_s = 30}}},
                     {"/trickle", {{.body = std::string(1000, 'x'), .delay_s = 0.1, .pieces = 1000}}},
                     {"/cut", {{.body = "0123456789", .sent = 4}}},
                     {"/redirect", {{.head = "HTTP/1.1 302 X\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"}}},
                     {"/other", {{.head = "SSH-2.0-OpenSSH_9.2\r\n"}}},
                     {"/nothing", {{.head = "\r\n"}}}});
  HttpClient client = client_of(server, 0.5);
  const HttpLimits small{.seconds = 5, .bytes = 100'000};
  EXPECT_EQ(code_of(client.get("/long", small)), "answer-too-long");
  EXPECT_EQ(code_of(client.get("/endless", small)), "answer-too-long");
  EXPECT_EQ(code_of(client.get("/slow")), "server-slow");
  EXPECT_EQ(code_of(client.get("/trickle")), "server-slow");
  EXPECT_EQ(code_of(client.get("/cut")), "server-broken");
  EXPECT_EQ(code_of(client.get("/redirect")), "server-redirects");
  EXPECT_EQ(code_of(client.get("/other")), "server-broken");
  EXPECT_EQ(code_of(client.get("/nothing")), "server-broken");
}

TEST(Http, NobodyThere) {
  int port = 0;
  { port = FakeServer({}).port(); }
  const auto answer = HttpClient(*parse_url("127.0.0.1:" + std::to_string(port))).get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "server-unreachable");
  EXPECT_EQ(answer.error().layer, Layer::runtime);
  EXPECT_THAT(answer.error().fix, HasSubstr("ollama serve"));
}

}  // namespace
}  // namespace lupo
