#include "cli/given_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/address.h"
#include "base/env.h"
#include "base/printable.h"
#include "base/units.h"
#include "cli/print.h"
#include "hub/hub.h"

namespace lupo::cli {
namespace {

std::string last_part(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

std::string fetched_of(const RemoteSource& source) {
  if (source.fetched_bytes == 0) return "the header was kept from an earlier run";
  return fmt::format("{} of {} fetched", format_bytes(source.fetched_bytes), format_bytes(source.file_bytes));
}

Result<GivenModel> open_published(Hub& hub, const Published& published) {
  const int64_t before = hub.bytes_fetched();
  TRY_ASSIGN(std::vector<gguf::Head> heads, hub.heads(published));
  const std::string path = heads[0].path;
  TRY_ASSIGN(gguf::File file, gguf::File::from_heads(std::move(heads)));
  TRY_ASSIGN(Model model, Model::from_file(std::move(file)));
  const int64_t file_bytes = model.file().file_bytes();
  return GivenModel{path, last_part(published.name), std::move(model),
                    RemoteSource{published, file_bytes, hub.bytes_fetched() - before, how_to_fetch(published, hub.has_token())}};
}

}  // namespace

nlohmann::ordered_json to_json(const RemoteSource& source) {
  return {{"name", valid_utf8(source.published.name)},
          {"quantization", valid_utf8(source.published.quantization)},
          {"file_bytes", source.file_bytes},
          {"fetched_bytes", source.fetched_bytes},
          {"fetch", valid_utf8(source.fetch)}};
}

void print(const RemoteSource& source) {
  fmt::print("\nnot downloaded ({}); all of it: {}\n", fetched_of(source), printable(source.fetch));
}

int64_t compared_context(const Model& model) { return std::min<int64_t>(8192, model.hparams().n_ctx_train); }

Result<void> for_each_given(const std::string& argument, const std::function<Result<void>(const GivenModel&)>& use) {
  if (!is_address(argument)) {
    TRY_ASSIGN(Model model, Model::open(argument));
    return use({argument, argument, std::move(model)});
  }
  Hub hub(real_env());
  TRY_ASSIGN(const Listing listing, hub.find(argument));
  for (const std::string& name : listing.set_aside) print_note("set aside: " + name);
  std::optional<Error> first;
  size_t n_used = 0;
  for (const Published& published : listing.published) {
    Result<GivenModel> given = open_published(hub, published);
    Result<void> used;
    if (given) {
      given->is_one_of_several = listing.published.size() > 1;
      print_note(fmt::format("{}: {}", published.name, fetched_of(*given->remote)));
      used = use(*given);
    } else {
      used = std::unexpected(std::move(given.error()));
    }
    n_used += used.has_value();
    if (used) continue;
    if (listing.published.size() > 1) print_note(fmt::format("left out: {}: {}", published.name, used.error().what));
    if (!first) first = std::move(used.error());
  }
  if (n_used == 0 && first) return std::unexpected(std::move(*first));
  return {};
}

Result<std::function<Result<gguf::File>()>> opener_of(const std::string& argument) {
  if (!is_address(argument)) return [argument] { return gguf::File::open(argument); };
  Hub hub(real_env());
  TRY_ASSIGN(const Listing listing, hub.find(argument));
  if (listing.published.size() > 1)
    return fail(Layer::cli, "usage",
                fmt::format("{} holds {} models, and one is wanted", printable(argument, 200), listing.published.size()),
                fmt::format("one of them, such as {}", printable(listing.published[0].files[0].address, 400)));
  TRY_ASSIGN(std::vector<gguf::Head> heads, hub.heads(listing.published[0]));
  return [heads = std::move(heads)] { return gguf::File::from_heads(heads); };
}

}  // namespace lupo::cli
