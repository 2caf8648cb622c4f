#include "hub/repository.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/address.h"
#include "base/printable.h"
#include "model/gguf/file_name.h"
#include "model/gguf/shards.h"

namespace lupo {
namespace {

using Json = nlohmann::json;

constexpr size_t kPathBytesMax = 1024, kPartBytesMax = 96;  // the hub's own limit for a name
constexpr size_t kFilesMax = 10'000;

bool is_gguf(std::string_view path) { return in_lower_case(path).ends_with(".gguf"); }

bool is_name(std::string_view part) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
  return !part.empty() && part.size() <= kPartBytesMax && part != "." && part != ".." &&
         part.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Of a path in a repository: relative, no step up, nothing that a terminal or a shell would take for something else.
bool is_safe(std::string_view path) {
  if (path.empty() || path.size() > kPathBytesMax || path.front() == '/' || path.find('\\') != path.npos) return false;
  if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) return false;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return false;
    at = end + 1;
  }
  return valid_utf8(path) == path;
}

// Up to `separator`, which goes too; all of it where there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return taken;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  const auto digit = [](char c) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const size_t value = kDigits.find(in_lower_case({&c, 1}));
    return value == std::string_view::npos ? -1 : static_cast<int>(value);
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    out += coded ? static_cast<char>(16 * digit(text[i + 1]) + digit(text[i + 2])) : text[i];
    if (coded) i += 2;
  }
  return out;
}

// Behind "hf:". Owner and name first, then the revision, then what is chosen.
Repository parse_short(std::string_view text) {
  Repository repository;
  std::string_view head = text.substr(0, text.find_first_of("@:", 0));
  const size_t owner_end = head.find('/'), name_end = owner_end == head.npos ? head.npos : head.find('/', owner_end + 1);
  head = head.substr(0, name_end);
  repository.name = head;
  text.remove_prefix(head.size());
  if (text.starts_with('@')) {
    text.remove_prefix(1);
    const std::string_view revision = text.substr(0, text.find_first_of(":/"));
    repository.revision = revision;
    text.remove_prefix(revision.size());
  }
  if (!text.empty()) repository.choice = text.substr(1);
  return repository;
}

// Behind the endpoint; nothing when it is no page or file of a repository.
std::optional<Repository> parse_page(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  Repository repository;
  const std::string_view owner = take_until(path, '/'), name = take_until(path, '/'), kind = take_until(path, '/');
  repository.name = fmt::format("{}/{}", owner, name);
  if (name.empty() || owner == "api") return std::nullopt;
  if (kind.empty()) return repository;
  repository.revision = percent_decoded(take_until(path, '/'));
  if (kind == "tree") return repository;
  if (kind != "blob" && kind != "resolve") return std::nullopt;
  repository.choice = percent_decoded(path);
  return repository.choice.empty() ? std::nullopt : std::optional(repository);
}

// A revision is one part of an address: refs/pr/1 is refs%2Fpr%2F1.
std::string encoded_revision(const std::string& revision) {
  std::string out;
  for (const char c : percent_encoded(revision)) out += c == '/' ? "%2F" : std::string(1, c);
  return out;
}

// Projectors, importance matrices, drafts and the like, which lie beside models under the same ending.
bool is_model_name(std::string_view path, const gguf::FileName& name) {
  const std::string file = in_lower_case(path.substr(path.find_last_of('/') + 1));
  constexpr std::string_view kOther[] = {"mmproj", "imatrix", "draft"};
  return name.type.empty() && std::ranges::none_of(kOther, [&](std::string_view word) { return file.contains(word); });
}

}  // namespace

std::string list_address(std::string_view endpoint, const Repository& repository) {
  return fmt::format("{}/api/models/{}/tree/{}?recursive=true", endpoint, repository.name, encoded_revision(repository.revision));
}

int64_t Published::file_bytes() const {
  int64_t sum = 0;
  for (const RemoteFile& file : files) sum += file.bytes;
  return sum;
}

Result<std::optional<Repository>> parse_repository(std::string_view address, std::string_view endpoint) {
  std::optional<Repository> repository;
  if (address.starts_with("hf:")) {
    repository = parse_short(address.substr(3));
  } else {
    for (const std::string_view base : {endpoint, kHubEndpoint})
      if (!repository && address.starts_with(base) && address.substr(base.size()).starts_with('/'))
        repository = parse_page(address.substr(base.size()));
    if (!repository) return std::nullopt;
  }
  const size_t slash = repository->name.find('/');
  const bool named =
      slash != std::string::npos && is_name(repository->name.substr(0, slash)) && is_name(repository->name.substr(slash + 1));
  if (!named || !is_safe(repository->revision) || (!repository->choice.empty() && !is_safe(repository->choice)))
    return fail(Layer::cli, "bad-address",
                fmt::format("'{}' is no name of a repository: hf:OWNER/REPO, hf:OWNER/REPO:Q4_K_M, hf:OWNER/REPO/FILE.gguf or "
                            "hf:OWNER/REPO@REVISION is wanted",
                            printable(address, 200)),
                "lupo plan hf:OWNER/REPO");
  return repository;
}

Result<void> add_page(std::string_view json, std::string_view endpoint, const Repository& repository,
                      std::vector<std::pair<std::string, RemoteFile>>& files) {
  const Json list = Json::parse(json, nullptr, false);
  if (!list.is_array())
    return fail(Layer::runtime, "server-broken", fmt::format("{} sent no list of the files of {}", endpoint, repository.name),
                "check HF_ENDPOINT, or run this again");
  const auto text = [](const Json& object, const char* key) {
    return object.is_object() && object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
  };
  for (const Json& entry : list) {
    const std::string path = text(entry, "path");
    if (text(entry, "type") != "file" || !is_gguf(path) || !is_safe(path) || files.size() >= kFilesMax) continue;
    if (!entry.contains("size") || !entry["size"].is_number_unsigned() || entry["size"] == 0) continue;
    if (entry["size"].get<uint64_t>() > uint64_t{1} << 50) continue;  // no file's size
    const std::string large = entry.contains("lfs") ? text(entry["lfs"], "oid") : "";
    files.emplace_back(path, RemoteFile{.address = fmt::format("{}/{}/resolve/{}/{}", endpoint, repository.name,
                                                               encoded_revision(repository.revision), percent_encoded(path)),
                                        .bytes = entry["size"].get<int64_t>(),
                                        .hash = large.empty() ? text(entry, "oid") : large});
  }
  return {};
}

Listing group(std::vector<std::pair<std::string, RemoteFile>> files) {
  std::ranges::stable_sort(files, {}, &std::pair<std::string, RemoteFile>::first);
  Listing listing;
  std::map<std::pair<std::string, int>, size_t> sets;  // stem and number of shards: index
  for (auto& [path, file] : files) {
    const gguf::FileName name = gguf::parse_file_name(path);
    if (!is_model_name(path, name)) {
      listing.set_aside.push_back(path + ": no language model, by its name");
      continue;
    }
    if (const auto shard = gguf::parse_shard_name(path)) {
      const auto [found, is_new] = sets.try_emplace({std::string(shard->stem), shard->count}, listing.published.size());
      if (!is_new) {
        listing.published[found->second].files.push_back(std::move(file));
        continue;
      }
    }
    listing.published.push_back({path, name.encoding, {std::move(file)}});
  }
  std::erase_if(listing.published, [&](const Published& one) {
    const auto shard = gguf::parse_shard_name(one.name);
    if (!shard || (shard->number == 1 && static_cast<size_t>(shard->count) == one.files.size())) return false;
    listing.set_aside.push_back(fmt::format("{}: {} of its {} parts are there", one.name, one.files.size(), shard->count));
    return true;
  });
  return listing;
}

Result<Listing> choose(Listing listing, const Repository& repository) {
  const std::string page = "hf:" + repository.name;
  if (listing.published.empty())
    return fail(
        Layer::model, "no-gguf",
        fmt::format("{} holds no GGUF file of a model{}", page, listing.set_aside.empty() ? "" : "; " + listing.set_aside[0]),
        "look for a repository of the same model whose name ends in -GGUF");
  if (repository.choice.empty()) return listing;
  std::vector<std::string> there;
  for (const Published& one : listing.published)
    there.push_back(is_gguf(repository.choice) || one.quantization.empty() ? one.name : one.quantization);
  const std::string wanted = in_lower_case(repository.choice);
  std::erase_if(listing.published, [&](const Published& one) {
    return in_lower_case(one.quantization) != wanted && in_lower_case(one.name) != wanted;
  });
  if (!listing.published.empty()) return listing;
  std::ranges::sort(there);
  there.erase(std::ranges::unique(there).begin(), there.end());
  std::vector<std::string> lowered;
  for (const std::string& one : there) lowered.push_back(in_lower_case(one));
  const std::string best = did_you_mean(wanted, std::vector<std::string_view>(lowered.begin(), lowered.end()));
  const std::string near =
      best.empty() ? there.front() : there[static_cast<size_t>(std::ranges::find(lowered, best) - lowered.begin())];
  return fail(Layer::model, "not-published",
              fmt::format("{} has no '{}'; it has {}", page, printable(repository.choice, 200),
                          printable(fmt::format("{}", fmt::join(there, ", ")), 2000)),
              fmt::format("lupo plan {}{}{}", page, is_gguf(near) ? "/" : ":", printable(near, 400)));
}

std::string how_to_fetch(const Published& published, bool with_token) {
  std::string address = published.files.at(0).address;
  // curl's own way to name a row of files
  if (const auto shard = gguf::parse_shard_name(address); shard && shard->count > 1)
    address = fmt::format("{}-[00001-{:05}]-of-{:05}.gguf", shard->stem, shard->count, shard->count);
  return how_to_fetch(address) + (with_token ? " -H \"Authorization: Bearer $HF_TOKEN\"" : "");
}

}  // namespace lupo
