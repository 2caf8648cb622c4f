// Models that were not downloaded: what is published under an address, and the header of each, without the rest of the file.
#pragma once

#include <string>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "hub/header_cache.h"
#include "hub/repository.h"
#include "model/gguf/gguf.h"
#include "net/fetch.h"

namespace lupo {

// Headers are fetched one after another over kept connections, at most 256 MiB of a model and 2 GiB in all. Not thread-safe.
// Of the environment: HF_ENDPOINT stands for https://huggingface.co; HF_TOKEN goes to that host and no other; cache_folder()
// keeps headers.
class Hub {
 public:
  static FetchLimits default_limits() { return {.all_bytes = int64_t{2} << 30}; }
  explicit Hub(const Env& env, FetchLimits limits = default_limits());

  // What `address` names: one model, or what a repository holds of it (see hub/repository.h). Errors: those of Fetcher and of
  // repository.h; {model, access-denied | not-there}; {runtime, too-many-requests | server-refuses}.
  Result<Listing> find(const std::string& address);

  // Header of each of its files, as gguf::File::from_heads takes them. Errors beside those above: gguf-… of a broken header.
  Result<std::vector<gguf::Head>> heads(const Published& published);

  int64_t bytes_fetched() const { return fetcher_.bytes_fetched(); }
  bool has_token() const { return !token_.empty(); }

 private:
  Result<Listing> list(const Repository& repository);
  Result<gguf::Head> head(const RemoteFile& file);
  FetchSource source(const std::string& address) const;
  std::unexpected<Error> refused(const std::string& address, const Fetched& answer) const;

  std::string endpoint_, token_;
  HeaderCache cache_;
  Fetcher fetcher_;
};

}  // namespace lupo
