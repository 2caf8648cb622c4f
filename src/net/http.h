// A small HTTP client: JSON out, bytes in, everything bounded.
//
// Over libcurl (curl_easy_perform(3)). http and https alone; never a redirect, since what another host says is not what was asked
// of this one; never a proxy, whose speed is not the server's. What comes back is hostile until it was checked: bytes, time and
// status are all there is to trust here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lupo {

struct Url {
  std::string scheme, host;  // "http", "127.0.0.1"; lower case, IPv6 without brackets
  int port = 0;
  std::string base{};  // "http://127.0.0.1:11434" and a path without a slash at its end; no user, query or fragment

  bool is_loopback() const;  // localhost, 127.0.0.0/8, ::1: the server runs on this machine
};
// "localhost:11434" is http. Error {cli, bad-url}.
Result<Url> parse_url(std::string_view text);

struct HttpLimits {
  double seconds = 10;              // of the whole exchange
  size_t bytes = size_t{16} << 20;  // of the answer's body
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  bool ok() const { return status >= 200 && status < 300; }
};

// One connection, kept open. Not thread-safe.
class HttpClient {
 public:
  // No exchange takes longer than seconds_max, whatever its limits say.
  explicit HttpClient(Url url, double seconds_max = 600);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  const Url& url() const { return url_; }
  // `path` begins with "/". Any status is an answer, but for redirects. Errors, all of the runtime layer: server-unreachable,
  // server-slow, answer-too-long, server-redirects, server-broken (no HTTP, or cut short).
  Result<HttpAnswer> get(const std::string& path, const HttpLimits& limits = {});
  // on_part gets each part of the body as it comes, with the seconds since the request was sent; `body` of the answer holds all.
  using OnPart = std::function<void(std::string_view part, double seconds)>;
  Result<HttpAnswer> post(const std::string& path, const std::string& json, const HttpLimits& limits = {},
                          const OnPart& on_part = {});

 private:
  struct Handle;
  Result<HttpAnswer> perform(const std::string& path, const std::string* json, HttpLimits limits, const OnPart& on_part);
  Url url_;
  double seconds_max_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace lupo
