#include "net/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "base/printable.h"
#include "base/units.h"
#include "net/curl.h"

namespace lupo {
namespace {

constexpr double kConnectSeconds = 5;
constexpr size_t kUrlBytesMax = 2048;

struct CurlString {
  char* text = nullptr;
  ~CurlString() { curl_free(text); }
};

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  CurlString value;
  return curl_url_get(url, part, &value.text, flags) == CURLUE_OK && value.text ? value.text : "";
}

std::unexpected<Error> bad_url(std::string_view text, std::string_view why) {
  return fail(Layer::cli, "bad-url", fmt::format("address {}: {}", printable(text, 200), why),
              "lupo doctor --url http://127.0.0.1:11434  # Ollama; llama-server: http://127.0.0.1:8080");
}

// What one exchange collects, and why it was ended from our side.
struct Exchange {
  const HttpLimits& limits;
  const HttpClient::OnPart& on_part;
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  std::string body{};
  bool too_long = false;
};

size_t take(char* data, size_t size, size_t n, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const size_t bytes = size * n;
  if (bytes > exchange.limits.bytes - exchange.body.size()) {
    exchange.too_long = true;
    return 0;  // less than was given: curl ends with CURLE_WRITE_ERROR
  }
  exchange.body.append(data, bytes);
  if (exchange.on_part)
    exchange.on_part({data, bytes}, std::chrono::duration<double>(std::chrono::steady_clock::now() - exchange.begin).count());
  return bytes;
}

Error error_of(CURLcode code, const Exchange& exchange, const std::string& where, const char* detail) {
  const auto error = [](std::string name, std::string what, std::string fix) {
    return Error{Layer::runtime, std::move(name), std::move(what), std::move(fix)};
  };
  if (exchange.too_long)
    return error("answer-too-long",
                 fmt::format("{} sent more than {}", where, format_bytes(static_cast<int64_t>(exchange.limits.bytes))),
                 "check that --url names a model server and nothing else");
  if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
    return error("server-unreachable", fmt::format("{}: {}", where, detail),
                 "start the server, or name its address: ollama serve (port 11434), llama-server -m MODEL.gguf (port 8080)");
  if (code == CURLE_OPERATION_TIMEDOUT)
    return error("server-slow", fmt::format("{} did not finish within {:.0f} s", where, std::ceil(exchange.limits.seconds)),
                 "see whether the server is busy with other requests or still loads its model, then run this again");
  return error("server-broken", fmt::format("{}: {}", where, detail), "check that --url names a model server, and its log");
}

}  // namespace

bool Url::is_loopback() const { return host == "localhost" || host == "::1" || host.starts_with("127."); }

Result<Url> parse_url(std::string_view text) {
  if (text.empty() || text.size() > kUrlBytesMax) return bad_url(text, "an address has 1 to 2048 bytes");
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  const std::string full = text.find("://") == std::string_view::npos ? "http://" + std::string(text) : std::string(text);
  if (!parsed) return bad_url(text, "no memory");
  if (const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, full.c_str(), 0); code != CURLUE_OK)
    return bad_url(text, curl_url_strerror(code));
  Url url{.scheme = part_of(parsed.get(), CURLUPART_SCHEME), .host = in_lower_case(part_of(parsed.get(), CURLUPART_HOST))};
  if (url.scheme != "http" && url.scheme != "https") return bad_url(text, "http and https are spoken, nothing else");
  if (!part_of(parsed.get(), CURLUPART_USER).empty()) return bad_url(text, "a user name has no place in it");
  url.port = std::atoi(part_of(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str());
  std::string path = part_of(parsed.get(), CURLUPART_PATH);
  while (path.ends_with('/')) path.pop_back();
  if (path.ends_with("/v1")) path.resize(path.size() - 3);  // what OpenAI clients are given
  url.base = fmt::format("{}://{}:{}{}", url.scheme, url.host, url.port, path);
  if (url.host.starts_with('[')) url.host = url.host.substr(1, url.host.size() - 2);
  return url;
}

void prepare(CURL* curl, const std::string& address, double seconds, char* detail) {
  curl_easy_reset(curl);  // keeps the connection
  curl_easy_setopt(curl, CURLOPT_URL, address.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, nullptr);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(1e3 * std::min(kConnectSeconds, seconds)));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(1e3 * seconds));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
}

struct HttpClient::Handle : CurlHandle {};

HttpClient::HttpClient(Url url, double seconds_max)
    : url_(std::move(url)), seconds_max_(seconds_max), handle_(std::make_unique<Handle>()) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpAnswer> HttpClient::get(const std::string& path, const HttpLimits& limits) {
  return perform(path, nullptr, limits, {});
}

Result<HttpAnswer> HttpClient::post(const std::string& path, const std::string& json, const HttpLimits& limits,
                                    const OnPart& on_part) {
  return perform(path, &json, limits, on_part);
}

Result<HttpAnswer> HttpClient::perform(const std::string& path, const std::string* json, HttpLimits limits,
                                       const OnPart& on_part) {
  limits.seconds = std::min(limits.seconds, seconds_max_);
  CURL* curl = handle_->curl;
  const std::string address = url_.base + path;
  if (!curl) return fail(Layer::memory, "out-of-memory", "libcurl could not start", "end other programs");
  Exchange exchange{limits, on_part};
  char detail[CURL_ERROR_SIZE] = "";
  prepare(curl, address, limits.seconds, detail);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, json ? "Content-Type: application/json" : "Accept: application/json"), curl_slist_free_all);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (json) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json->size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json->c_str());
  }
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);  // of this frame
  const std::string where = printable(address, 300);
  if (code != CURLE_OK) return std::unexpected(error_of(code, exchange, where, *detail ? detail : curl_easy_strerror(code)));
  if (status >= 300 && status < 400)
    return fail(Layer::runtime, "server-redirects", fmt::format("{} answers with a redirect ({})", where, status),
                "name the address that it points to with --url");
  return HttpAnswer{static_cast<int>(status), std::move(exchange.body)};
}

}  // namespace lupo
