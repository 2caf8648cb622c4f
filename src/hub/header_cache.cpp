#include "hub/header_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/fnv.h"
#include "base/printable.h"
#include "hardware/json_fields.h"

namespace lupo {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr size_t kFirstLineMax = 16 << 10;

// The oldest go until the rest has at most bytes_max.
void tidy(const std::string& folder, int64_t bytes_max) {
  struct Entry {
    fs::file_time_type time;
    int64_t bytes;
    fs::path path;
  };
  std::vector<Entry> entries;
  std::error_code ignored;
  int64_t sum = 0;
  for (fs::directory_iterator it(folder, ignored), end; it != end && !ignored; it.increment(ignored)) {
    if (!it->is_regular_file(ignored)) continue;
    entries.push_back({it->last_write_time(ignored), static_cast<int64_t>(it->file_size(ignored)), it->path()});
    sum += entries.back().bytes;
  }
  std::ranges::sort(entries, {}, &Entry::time);
  for (const Entry& entry : entries) {
    if (sum <= bytes_max) return;
    fs::remove(entry.path, ignored);
    sum -= entry.bytes;
  }
}

}  // namespace

std::string HeaderCache::file_of(const std::string& address) const {
  Fnv1a hash;
  hash.add(address);
  return fmt::format("{}/{:016x}.head", folder_, hash.value());
}

std::optional<CachedHead> HeaderCache::find(const std::string& address) const {
  if (folder_.empty()) return std::nullopt;
  std::ifstream in(file_of(address), std::ios::binary);
  std::string line(kFirstLineMax, '\0');
  if (!in || !in.getline(line.data(), static_cast<std::streamsize>(line.size()))) return std::nullopt;
  line.resize(static_cast<size_t>(in.gcount()) - 1);
  const auto json = nlohmann::ordered_json::parse(line, nullptr, false);
  JsonFields fields(json, "header");
  std::string of;
  int64_t format = 0, head_bytes = 0;
  CachedHead cached;
  fields.read("format", format, 0);
  fields.read("address", of);
  fields.read("validator", cached.validator);
  fields.read("file_bytes", cached.head.file_bytes, 1);
  fields.read("head_bytes", head_bytes, 1);
  if (!fields.error().empty() || format != kFormat || of != address || head_bytes > cached.head.file_bytes) return std::nullopt;
  const auto begin = in.tellg();
  in.seekg(0, std::ios::end);
  if (in.tellg() - begin != head_bytes) return std::nullopt;
  in.seekg(begin);
  cached.head.path = address;
  cached.head.bytes.resize(static_cast<size_t>(head_bytes));
  if (!in.read(reinterpret_cast<char*>(cached.head.bytes.data()), head_bytes)) return std::nullopt;
  return cached;
}

void HeaderCache::save(const std::string& address, const CachedHead& cached, int64_t bytes_max) const {
  if (folder_.empty() || cached.validator.empty() || address.find('?') != std::string::npos) return;
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
  const nlohmann::ordered_json json = {{"format", kFormat},
                                       {"address", valid_utf8(address)},
                                       {"validator", valid_utf8(cached.validator)},
                                       {"file_bytes", cached.head.file_bytes},
                                       {"head_bytes", cached.head.bytes.size()}};
  const std::string line = json.dump() + "\n";
  Result<AtomicFile> file = AtomicFile::create(file_of(address), static_cast<int64_t>(line.size() + cached.head.bytes.size()));
  if (line.size() > kFirstLineMax || !file || !file->write(std::as_bytes(std::span(line))) || !file->write(cached.head.bytes))
    return;
  if (file->commit()) tidy(folder_, bytes_max);
}

}  // namespace lupo
