#include "cli/model_facts.h"

#include <fmt/format.h>

#include "base/units.h"

namespace lupo::cli {
namespace {

int64_t kv_bytes_per_token(const ModelFacts& facts) {
  int64_t bytes = 0;
  for (const CacheFacts& cache : facts.caches) bytes += cache.bytes_per_token;
  return bytes;
}

std::string describe(const CacheFacts& cache) {
  const std::string layers = fmt::format("{} layer{}", cache.n_layer, cache.n_layer == 1 ? "" : "s");
  switch (cache.kind) {
    case CacheKind::shared: return fmt::format("{} share another's", layers);
    case CacheKind::none: return fmt::format("{} without a cache", layers);
    case CacheKind::window:
      return fmt::format("{} in {} with a window of {} tokens", format_bytes(cache.bytes_per_token), layers, cache.window);
    default: return fmt::format("{} in {} ({})", format_bytes(cache.bytes_per_token), layers, cache_kind_name(cache.kind));
  }
}

}  // namespace

void add_facts(const ModelFacts& facts, nlohmann::ordered_json& json) {
  json["params_total"] = facts.params_total;
  json["params_active"] = facts.params_active;
  json["bytes_per_token"] = facts.bytes_per_token;
  json["kv_bytes_per_token"] = kv_bytes_per_token(facts);
  json["kv"] = nlohmann::ordered_json::array();
  for (const CacheFacts& cache : facts.caches) {
    json["kv"].push_back(
        {{"kind", cache_kind_name(cache.kind)}, {"layers", cache.n_layer}, {"bytes_per_token", cache.bytes_per_token}});
    if (cache.window > 0) json["kv"].back()["window"] = cache.window;
  }
  json["state_bytes"] = facts.state_bytes;
}

std::vector<std::pair<std::string, std::string>> fact_lines(const ModelFacts& facts) {
  std::vector<std::pair<std::string, std::string>> lines;
  lines.emplace_back("parameters",
                     facts.params_active == facts.params_total
                         ? format_count(facts.params_total)
                         : fmt::format("{}, active {}", format_count(facts.params_total), format_count(facts.params_active)));
  lines.emplace_back("read per token", format_bytes(facts.bytes_per_token));
  std::string caches;
  for (const CacheFacts& cache : facts.caches) caches += (caches.empty() ? "" : ", ") + describe(cache);
  if (!caches.empty()) lines.emplace_back("KV per token", fmt::format("{}: {}", format_bytes(kv_bytes_per_token(facts)), caches));
  if (facts.state_bytes > 0) lines.emplace_back("state", format_bytes(facts.state_bytes) + " a sequence");
  return lines;
}

}  // namespace lupo::cli
