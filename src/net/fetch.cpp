#include "net/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/printable.h"
#include "base/units.h"
#include "net/curl.h"

namespace lupo {
namespace {

constexpr int kRedirectsMax = 5;
constexpr size_t kRefusalBytes = 4096, kFieldBytesMax = 4096;
constexpr int64_t kFileBytesMax = int64_t{1} << 50;  // a number beyond any model is no size

std::unexpected<Error> failed(std::string code, std::string what, std::string fix) {
  return fail(Layer::runtime, std::move(code), std::move(what), std::move(fix));
}

constexpr const char* kTryAgain = "run this again; if it stays, fetch the file with another program and plan that";

// "bytes 0-1048575/98362432": first, last, of so many. Nothing for any other form, "*" included.
struct ContentRange {
  int64_t first = 0, last = 0, total = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!in_lower_case(text.substr(0, 6)).starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  ContentRange range;
  const auto number = [&](int64_t& value, std::string_view behind) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 0) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.starts_with(behind)) return false;
    text.remove_prefix(behind.size());
    return true;
  };
  if (!number(range.first, "-") || !number(range.last, "/") || !number(range.total, "") || !text.empty()) return std::nullopt;
  if (range.first > range.last || range.last >= range.total || range.total > kFileBytesMax) return std::nullopt;
  return range;
}

// The address of rel="next" in a field Link: `<https://…>; rel="next", <…>; rel="last"`.
std::string next_of(std::string_view link) {
  while (true) {
    const size_t open = link.find('<'), close = link.find('>', open);
    if (open == std::string_view::npos || close == std::string_view::npos) return {};
    const std::string_view address = link.substr(open + 1, close - open - 1);
    const size_t end = link.find('<', close);
    if (link.substr(close, end - close).find("rel=\"next\"") != std::string_view::npos) return std::string(address);
    if (end == std::string_view::npos) return {};
    link.remove_prefix(end);
  }
}

Result<Url> parse_address(const std::string& address) {
  Result<Url> url = parse_url(address);
  if (!url) url.error().fix = "lupo plan https://HOST/PATH/model.gguf";
  return url;
}

}  // namespace

std::string_view redirect_fault(const Url& from, const Url& to) {
  if (from.scheme == "https" && to.scheme != "https") return "from https to http, where anybody may listen";
  if (to.is_loopback() && !from.is_loopback()) return "to this machine";
  return {};
}

bool may_carry_token(const Url& first, const Url& to) {
  const bool same = first.scheme == to.scheme && first.host == to.host && first.port == to.port;
  return same && (first.scheme == "https" || first.is_loopback());
}

struct Fetcher::Handle : CurlHandle {};

// One question and what came of it.
struct Fetcher::Exchange {
  int64_t begin = 0, end = 0;  // the range that is asked for; 0, 0: the whole
  const Enough* enough = nullptr;
  std::string known_etag{};
  int64_t bytes_max = 0;
  double seconds_max = 0;

  CURL* curl = nullptr;
  Fetched got{};
  std::string content_range{}, content_encoding{};
  int64_t ask_at = 0;      // of an answer without ranges: the size at which `enough` is asked
  bool head_seen = false;  // and found good
  bool cut = false;        // ended from here, with all that is wanted
  bool too_long = false;   // ended from here, without it
  std::string broken{};    // what is wrong with the answer
  std::string changed{};   // how it differs from an earlier one

  static size_t on_header(char* data, size_t size, size_t n, void* user);
  static size_t on_body(char* data, size_t size, size_t n, void* user);
  void clear();
  void ask(bool is_here, int stall_seconds);
  bool take(std::string_view part);
  bool check_head();
  bool check_range();
  bool wrong(std::string what) { return broken = std::move(what), false; }
};

void Fetcher::Exchange::clear() {
  got = {};
  content_range.clear(), content_encoding.clear(), broken.clear(), changed.clear();
  head_seen = cut = too_long = false;
  ask_at = end;
}

size_t Fetcher::Exchange::on_header(char* data, size_t size, size_t n, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * n);
  if (line.starts_with("HTTP/")) exchange.clear();  // behind an interim answer (100, 103)
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !exchange.got.body.empty()) return line.size();
  const std::string name = in_lower_case(line.substr(0, colon));
  std::string_view value = line.substr(colon + 1, kFieldBytesMax);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
  if (name == "content-range") exchange.content_range = value;
  if (name == "content-encoding") exchange.content_encoding = in_lower_case(value);
  if (name == "etag") exchange.got.etag = value;
  if (name == "link") exchange.got.next = next_of(value);
  if (name == "x-error-code") exchange.got.reason = value;
  return line.size();
}

size_t Fetcher::Exchange::on_body(char* data, size_t size, size_t n, void* user) {
  Exchange& exchange = *static_cast<Exchange*>(user);
  return exchange.take({data, size * n}) ? size * n : 0;  // 0: curl ends with CURLE_WRITE_ERROR
}

bool Fetcher::Exchange::check_range() {
  if (got.status == 206) {
    const std::optional<ContentRange> range = parse_content_range(content_range);
    if (!range || range->first != begin || range->last >= end)
      return wrong(fmt::format("asked for the bytes {} to {}, it answers Content-Range '{}'", begin, end - 1,
                               printable(content_range, 100)));
    got.file_bytes = range->total;
    bytes_max = std::min(bytes_max, range->last - range->first + 1);
    return true;
  }
  if (got.status != 200) return wrong(fmt::format("asked for a range, it answers with status {}", got.status));
  if (begin != 0) return changed = "it answered with ranges before, and now with the whole file", false;
  curl_off_t length = -1;
  curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length <= 0 || length > kFileBytesMax) return wrong("it knows no ranges and does not say how long the file is");
  got.file_bytes = length;
  return true;
}

// Whether the head of a good answer is as asked for.
bool Fetcher::Exchange::check_head() {
  if (head_seen) return true;
  if (!content_encoding.empty() && content_encoding != "identity")
    return wrong(fmt::format("its answer is compressed ({}), which was not asked for", printable(content_encoding, 40)));
  return head_seen = end == 0 || check_range();
}

bool Fetcher::Exchange::take(std::string_view part) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  got.status = static_cast<int>(status);
  if (!got.ok()) {  // what is said of a refusal or a redirect; its end is nobody's loss
    got.body.append(part.substr(0, kRefusalBytes - got.body.size()));
    cut = got.body.size() == kRefusalBytes;
    return !cut;
  }
  if (!check_head()) return false;
  if (static_cast<int64_t>(part.size()) > bytes_max - static_cast<int64_t>(got.body.size())) return too_long = true, false;
  got.body.append(part);
  if (got.status != 200 || enough == nullptr) return true;
  for (; static_cast<int64_t>(got.body.size()) >= ask_at; ask_at *= 2)
    if ((*enough)(got.body, got.file_bytes)) return cut = true, false;
  return true;
}

Fetcher::Fetcher(FetchLimits limits) : limits_(limits), handle_(std::make_unique<Handle>()) {}
Fetcher::~Fetcher() = default;
Fetcher::Fetcher(Fetcher&&) noexcept = default;
Fetcher& Fetcher::operator=(Fetcher&&) noexcept = default;

void Fetcher::Exchange::ask(bool is_here, int stall_seconds) {
  clear();
  if (is_here) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall_seconds));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "lupo");
  if (end > 0) curl_easy_setopt(curl, CURLOPT_RANGE, fmt::format("{}-{}", begin, end - 1).c_str());
}

Error Fetcher::error_of(int curl_code, const char* detail, const std::string& where, const Exchange& exchange) const {
  const auto error = [&](std::string code, std::string_view why, std::string fix) {
    return Error{Layer::runtime, std::move(code), fmt::format("{}: {}", where, why), std::move(fix)};
  };
  if (!exchange.changed.empty()) return error("file-changed-there", exchange.changed, kTryAgain);
  if (!exchange.broken.empty()) return error("server-broken", exchange.broken, kTryAgain);
  if (exchange.too_long)
    return error(
        "answer-too-long",
        fmt::format("more than {} came, or than {} in all", format_bytes(exchange.bytes_max), format_bytes(limits_.all_bytes)),
        "check the address, or fetch the file and plan that");
  if (curl_code == CURLE_COULDNT_CONNECT || curl_code == CURLE_COULDNT_RESOLVE_HOST || curl_code == CURLE_COULDNT_RESOLVE_PROXY)
    return error("server-unreachable", detail, "check the address, the network and, where it needs one, the proxy (https_proxy)");
  if (curl_code == CURLE_OPERATION_TIMEDOUT)
    return error(
        "server-slow",
        fmt::format("nothing came for {} s, or not all within {:.0f} s", limits_.stall_seconds, std::ceil(limits_.seconds)),
        "run this again when the network is better");
  return error("server-broken", detail, kTryAgain);
}

// One exchange with one host. Any status is an answer.
Result<void> Fetcher::perform(const std::string& address, const std::string& token, Exchange& exchange) {
  TRY_ASSIGN(const Url url, parse_address(address));
  CURL* curl = exchange.curl = handle_->curl;
  if (!curl) return fail(Layer::memory, "out-of-memory", "libcurl could not start", "end other programs");
  exchange.bytes_max = std::min(exchange.bytes_max, limits_.all_bytes - bytes_fetched_);
  char detail[CURL_ERROR_SIZE] = "";
  prepare(curl, address, limits_.seconds, detail);
  exchange.ask(url.is_loopback(), limits_.stall_seconds);
  curl_slist* lines = nullptr;
  if (!token.empty()) lines = curl_slist_append(lines, ("Authorization: Bearer " + token).c_str());
  if (!exchange.known_etag.empty()) lines = curl_slist_append(lines, ("If-None-Match: " + exchange.known_etag).c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> owner(lines, curl_slist_free_all);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);  // of this frame
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  exchange.got.status = static_cast<int>(status);
  const auto size = static_cast<int64_t>(exchange.got.body.size());
  bytes_fetched_ += size;
  const bool whole = code == CURLE_OK || exchange.cut;
  if (whole && exchange.got.ok() && exchange.check_head() && status == 206 && size != exchange.bytes_max)
    exchange.wrong(fmt::format("it sent {} bytes of {}", size, exchange.bytes_max));
  if (whole && exchange.broken.empty() && exchange.changed.empty()) return {};
  return std::unexpected(error_of(code, *detail ? detail : curl_easy_strerror(code), printable(address, 300), exchange));
}

// The exchange, again at each address that a redirect leads to.
Result<Fetched> Fetcher::follow(const FetchSource& source, Exchange& exchange) {
  TRY_ASSIGN(const Url first, parse_address(source.address));
  const int64_t bytes_max = exchange.bytes_max;
  std::string address = source.address;
  for (int i = 0; i <= kRedirectsMax; ++i) {
    TRY_ASSIGN(const Url url, parse_address(address));
    exchange.bytes_max = bytes_max;
    TRY(perform(address, may_carry_token(first, url) ? source.token : "", exchange));
    if (exchange.got.status < 300 || exchange.got.status >= 400 || exchange.got.status == 304) return std::move(exchange.got);
    char* location = nullptr;
    curl_easy_getinfo(handle_->curl, CURLINFO_REDIRECT_URL, &location);
    const std::string where = printable(address, 300);
    if (location == nullptr)
      return failed("server-redirects", fmt::format("{} redirects to nowhere", where), "check the address");
    const std::string to = location;
    const Result<Url> target = parse_address(to);
    const auto refuse = [&](std::string_view why) {
      return failed("server-redirects", fmt::format("{} redirects to {}: {}", where, printable(to, 300), why),
                    "check the address, or fetch the file and plan that");
    };
    if (!target) return refuse("no address of a web server");
    if (const std::string_view why = redirect_fault(url, *target); !why.empty()) return refuse(why);
    address = to;
  }
  return failed("server-redirects", fmt::format("{} redirects more than {} times", printable(source.address, 300), kRedirectsMax),
                "check the address");
}

Result<Fetched> Fetcher::get(const FetchSource& source) {
  Exchange exchange{.known_etag = source.known_etag, .bytes_max = limits_.answer_bytes};
  return follow(source, exchange);
}

Result<Fetched> Fetcher::beginning(const FetchSource& source, const Enough& enough) {
  Fetched all;
  for (int64_t end = limits_.first_bytes;; end = std::min(2 * end, all.file_bytes)) {
    const auto here = static_cast<int64_t>(all.body.size());
    Exchange exchange{.begin = here, .end = end, .enough = &enough, .bytes_max = limits_.head_bytes - here};
    if (here == 0) exchange.known_etag = source.known_etag;
    TRY_ASSIGN(Fetched part, follow(source, exchange));
    if (here == 0) {
      all = std::move(part);
      if (all.status != 206) return all;
    } else {
      if (part.status != 206 || part.file_bytes != all.file_bytes || part.etag != all.etag)
        return failed("file-changed-there",
                      fmt::format("{} answered with status {}, {} bytes and ETag '{}', then with {}, {} and '{}'",
                                  printable(source.address, 300), all.status, all.file_bytes, printable(all.etag, 100),
                                  part.status, part.file_bytes, printable(part.etag, 100)),
                      kTryAgain);
      all.body += part.body;
    }
    if (static_cast<int64_t>(all.body.size()) == all.file_bytes || enough(all.body, all.file_bytes)) return all;
  }
}

}  // namespace lupo
