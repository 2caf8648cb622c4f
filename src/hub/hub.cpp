#include "hub/hub.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/address.h"
#include "base/printable.h"
#include "base/units.h"
#include "hardware/measured_cache.h"
#include "model/gguf/file_name.h"
#include "model/gguf/shards.h"

namespace lupo {
namespace {

constexpr int kPagesMax = 50;
constexpr int kShardsMax = 1000;  // as gguf/limits.h has it
constexpr int64_t kModelBytesMax = int64_t{256} << 20;

std::string endpoint_of(const Env& env) {
  std::string endpoint = env.variable("HF_ENDPOINT").value_or("");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint.empty() ? std::string(kHubEndpoint) : endpoint;
}

// What a field of HTTP can hold: visible ASCII (RFC 9110, 5.5). A newline would end it and begin another.
std::string token_of(const Env& env) {
  std::string token = env.variable("HF_TOKEN").value_or("");
  return std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; }) ? token : "";
}

// One file at a plain address; of a split model all of them.
Listing lone(const std::string& address) {
  const std::string path = address.substr(0, address.find_first_of("?#")), rest = address.substr(path.size());
  Published one{.name = path.substr(path.find_last_of('/') + 1), .files = {}};
  one.quantization = gguf::parse_file_name(one.name).encoding;
  const auto shard = gguf::parse_shard_name(path);
  if (!shard || shard->count > kShardsMax)
    one.files.push_back({address});
  else
    for (int i = 1; i <= shard->count; ++i) one.files.push_back({gguf::shard_path(shard->stem, i, shard->count) + rest});
  return {.published = {std::move(one)}};
}

}  // namespace

Hub::Hub(const Env& env, FetchLimits limits)
    : endpoint_(endpoint_of(env)),
      token_(token_of(env)),
      cache_(cache_folder(env).empty() ? "" : cache_folder(env) + "/headers"),
      fetcher_(limits) {}

// The token is the hub's: nothing else gets it.
FetchSource Hub::source(const std::string& address) const {
  return {.address = address, .token = address.starts_with(endpoint_ + "/") ? token_ : ""};
}

std::unexpected<Error> Hub::refused(const std::string& address, const Fetched& answer) const {
  const std::string where = printable(address, 300);
  const std::string said = fmt::format("{} answers {}{}", where, answer.status,
                                       answer.reason.empty() ? "" : fmt::format(" ({})", printable(answer.reason, 60)));
  const bool is_hub = address.starts_with(endpoint_ + "/");
  switch (answer.status) {
    case 401:
    case 403:
      return fail(Layer::model, "access-denied", said + ": it is private, to be agreed to first, or not there at all",
                  !is_hub       ? "fetch it with a program that can log in, and plan the file"
                  : has_token() ? "see on its page that the account of HF_TOKEN may read it, and that the name is right"
                                : "see that the name is right; agree to its terms on its page; then HF_TOKEN=hf_… lupo plan …");
    case 404:
      return fail(Layer::model, "not-there", said + ": there is no such file or repository",
                  "check the address letter by letter");
    case 416: return fail(Layer::model, "not-there", said + ": the file is empty", "look for another file of the same model");
    case 429:
      return fail(Layer::runtime, "too-many-requests", said + ": too many requests",
                  "wait some minutes; with HF_TOKEN a hub allows more");
    default: return fail(Layer::runtime, "server-refuses", said, "run this again later, or fetch the file and plan that");
  }
}

Result<Listing> Hub::find(const std::string& address) {
  TRY_ASSIGN(const std::optional<Repository> repository, parse_repository(address, endpoint_));
  if (!repository) return lone(address);
  TRY_ASSIGN(Listing listing, list(*repository));
  return choose(std::move(listing), *repository);
}

Result<Listing> Hub::list(const Repository& repository) {
  std::string page = list_address(endpoint_, repository);
  std::vector<std::pair<std::string, RemoteFile>> files;
  for (int i = 0; i < kPagesMax && !page.empty(); ++i) {
    // The next page is the server's word: it stays with this host, which alone gets the token.
    if (!page.starts_with(endpoint_ + "/")) break;
    TRY_ASSIGN(const Fetched answer, fetcher_.get(source(page)));
    if (!answer.ok()) return refused(page, answer);
    TRY(add_page(answer.body, endpoint_, repository, files));
    page = answer.next;
  }
  return group(std::move(files));
}

Result<std::vector<gguf::Head>> Hub::heads(const Published& published) {
  const int64_t before = bytes_fetched();
  std::vector<gguf::Head> heads;
  for (const RemoteFile& file : published.files) {
    TRY_ASSIGN(gguf::Head one, head(file));
    heads.push_back(std::move(one));
    if (bytes_fetched() - before > kModelBytesMax)
      return fail(Layer::runtime, "answer-too-long",
                  fmt::format("{}: the headers of its parts have more than {}", printable(published.name, 300),
                              format_bytes(kModelBytesMax)),
                  "fetch the files and plan them");
  }
  return heads;
}

Result<gguf::Head> Hub::head(const RemoteFile& file) {
  std::optional<CachedHead> cached = cache_.find(file.address);
  if (cached && !gguf::header_bytes(cached->head.bytes, cached->head.file_bytes, file.address)) cached.reset();
  // The list says which content is there now; without a list the server is asked whether it is still the same.
  if (!file.hash.empty() && cached && cached->validator == file.hash && cached->head.file_bytes == file.bytes)
    return cached->head;
  FetchSource from = source(file.address);
  if (file.hash.empty() && cached) from.known_etag = cached->validator;
  TRY_ASSIGN(const Fetched answer, fetcher_.beginning(from, [&](std::string_view so_far, int64_t file_bytes) {
    const auto whole = gguf::header_bytes(std::as_bytes(std::span(so_far)), file_bytes, file.address);
    return whole || whole.error().code != "gguf-partial";
  }));
  if (answer.status == 304 && !from.known_etag.empty()) return cached->head;
  if (!answer.ok()) return refused(file.address, answer);
  if (file.bytes > 0 && answer.file_bytes != file.bytes)
    return fail(Layer::runtime, "file-changed-there",
                fmt::format("{} has {} bytes, and {} by the list of its repository", printable(file.address, 300),
                            answer.file_bytes, file.bytes),
                "run this again");
  const auto bytes = std::as_bytes(std::span(answer.body));
  Result<size_t> whole = gguf::header_bytes(bytes, answer.file_bytes, printable(file.address, 300));
  if (!whole) {
    whole.error().fix = "look for another file of the same model, or check the address";
    return std::unexpected(std::move(whole.error()));
  }
  const CachedHead fetched{file.hash.empty() ? answer.etag : file.hash,
                           {file.address.substr(0, file.address.find('?')),
                            {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*whole)},
                            answer.file_bytes}};
  cache_.save(file.address, fetched);
  return fetched.head;
}

}  // namespace lupo
