// Getting a list, or the beginning of a file, from a server that publishes files.
//
// Unlike HttpClient this follows redirects, since hubs lend their files from other hosts: at most 5, http or https, never from
// https to http, never to this machine from another. A token goes to the host of the first address alone, and over https alone
// (or to this machine). The proxies of the environment are used (libcurl-env(3)), but not to reach this machine. Ranges are those
// of RFC 9110, section 14. All that comes is hostile: bytes and seconds are bounded, and what a server says of a range is held
// against what was asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace lupo {

// Why a redirect from one address to the other is not followed; "": it is.
std::string_view redirect_fault(const Url& from, const Url& to);
// Whether a token for `first` may go to `to`: to the same host, and where nobody listens in between.
bool may_carry_token(const Url& first, const Url& to);

struct FetchLimits {
  double seconds = 120;                      // of one exchange
  int stall_seconds = 20;                    // without progress
  int64_t answer_bytes = int64_t{16} << 20;  // of a whole answer
  int64_t first_bytes = int64_t{1} << 20;    // of a file's beginning, doubled as often as it takes
  int64_t head_bytes = int64_t{128} << 20;   // of a file's beginning at most
  int64_t all_bytes = int64_t{256} << 20;    // of all answers together
};

struct FetchSource {
  std::string address;       // http://… or https://…
  std::string token{};       // of the header Authorization: Bearer; "": none
  std::string known_etag{};  // what is already here: the server says 304 when it still holds
};

struct Fetched {
  int status = 0;  // 2xx; 304 for a known_etag; else the answer is what the server said of its refusal, at most 4096 bytes
  std::string body{};
  int64_t file_bytes = 0;  // of the whole file
  std::string etag{};      // "": none
  std::string next{};      // address of the next part of a list (RFC 8288, rel="next")
  std::string reason{};    // of a refusal, as a hub names it (X-Error-Code)
  bool ok() const { return status >= 200 && status < 300; }
};

// Connections are kept from call to call. Not thread-safe. Errors, of the runtime layer but for the first: {cli, bad-url},
// server-unreachable, server-slow, server-redirects, server-broken, answer-too-long, file-changed-there.
class Fetcher {
 public:
  explicit Fetcher(FetchLimits limits = {});
  ~Fetcher();
  Fetcher(Fetcher&&) noexcept;
  Fetcher& operator=(Fetcher&&) noexcept;

  // A whole answer.
  Result<Fetched> get(const FetchSource& source);
  // The beginning of a file, as much of it as `enough` asks for, which is called as the beginning grows and must say yes when
  // `so_far` is the file. A server that knows no ranges is cut off there.
  using Enough = std::function<bool(std::string_view so_far, int64_t file_bytes)>;
  Result<Fetched> beginning(const FetchSource& source, const Enough& enough);

  int64_t bytes_fetched() const { return bytes_fetched_; }  // of all bodies

 private:
  struct Handle;
  struct Exchange;
  Result<Fetched> follow(const FetchSource& source, Exchange& exchange);
  Result<void> perform(const std::string& address, const std::string& token, Exchange& exchange);
  Error error_of(int curl_code, const char* detail, const std::string& where, const Exchange& exchange) const;

  FetchLimits limits_;
  int64_t bytes_fetched_ = 0;
  std::unique_ptr<Handle> handle_;
};

}  // namespace lupo
