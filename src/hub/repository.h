// Names of published models, and the list of what a repository of the Hugging Face Hub holds.
//
// Forms of a name, REV being a branch, a tag or a commit and "main" when not said:
//   hf:OWNER/REPO[@REV]            every model of the repository
//   hf:OWNER/REPO[@REV]:Q4_K_M     those of one quantization, as the file's name says it
//   hf:OWNER/REPO[@REV]/FILE.gguf  one
//   https://huggingface.co/OWNER/REPO, …/tree/REV, …/blob/REV/FILE, …/resolve/REV/FILE: the same as addresses of pages and files
// The list is that of GET {endpoint}/api/models/OWNER/REPO/tree/REV?recursive=true: [{"type": "file", "path", "size", "oid",
// "lfs": {"oid", "size", …}}, …], in pages that a field Link names (as huggingface_hub's list_repo_tree reads it).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lupo {

inline constexpr std::string_view kHubEndpoint = "https://huggingface.co";

struct Repository {
  std::string name;  // "OWNER/REPO"
  std::string revision = "main";
  std::string choice{};  // "": every model; a quantization; or the path of a file, which ends in .gguf
};
// Nothing when `address` names no repository of `endpoint` (nor of kHubEndpoint, for which it stands). Error {cli, bad-address}.
Result<std::optional<Repository>> parse_repository(std::string_view address, std::string_view endpoint);

struct RemoteFile {
  std::string address;
  int64_t bytes = 0;   // 0: not known before it is asked for
  std::string hash{};  // of its content, as the hub has it; "": none
};

struct Published {
  std::string name;               // path in its repository, or the end of its address; of shards that of the first
  std::string quantization{};     // what the name says, in upper case: "Q4_K_M"; "": nothing
  std::vector<RemoteFile> files;  // one, or all shards in their order
  int64_t file_bytes() const;
};

struct Listing {
  std::vector<Published> published;
  std::vector<std::string> set_aside{};  // "mmproj-F16.gguf: no language model", …
};

// Of the first page of the list.
std::string list_address(std::string_view endpoint, const Repository& repository);

// Appends the GGUF files of one page of the list. Entries that are no such files, or whose path is unsafe, are passed over.
// Error {runtime, server-broken} when it is no list.
Result<void> add_page(std::string_view json, std::string_view endpoint, const Repository& repository,
                      std::vector<std::pair<std::string, RemoteFile>>& files);

// Shards together, in the order of their names; what is no model by its name, and sets with a shard missing, set aside.
Listing group(std::vector<std::pair<std::string, RemoteFile>> files);

// What repository.choice asks for. Error {model, not-published} with what is nearest.
Result<Listing> choose(Listing listing, const Repository& repository);

// The command that fetches all files of it. `with_token`: with $HF_TOKEN, as the shell has it.
std::string how_to_fetch(const Published& published, bool with_token);

}  // namespace lupo
