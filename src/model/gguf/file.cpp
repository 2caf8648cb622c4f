// gguf::File: one file or all shards of a split one, as one list of tensors.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "base/address.h"
#include "base/mapped_file.h"
#include "base/printable.h"
#include "model/gguf/gguf.h"
#include "model/gguf/limits.h"
#include "model/gguf/reader.h"
#include "model/gguf/shards.h"

namespace lupo::gguf {

struct File::State {
  std::string path;
  std::vector<MappedFile> shards;  // empty when the bytes came from memory
  std::vector<Head> heads;         // else
  uint32_t version = 0, alignment = 0;
  Metadata metadata;
  std::vector<TensorInfo> tensors;
  std::vector<uint32_t> by_name;  // indices of tensors, sorted by name
  int64_t file_bytes = 0;

  Result<void> index_tensors();
  Result<void> open_shard(const std::string& shard_path, int index, int count);
  Result<void> add(Header header, const std::string& shard_path, int64_t bytes, int index, int count);
  Result<void> check_tensor_count(const std::string& first_path, int count) const;
  Result<void> check_split(const std::string& shard_path, const Metadata& shard, int index, int count) const;
  Result<void> check_all_present(const ShardName& name) const;
};

namespace {

std::unexpected<Error> split_fault(const std::string& path, const std::string& what, std::string fix) {
  return fail(Layer::model, "gguf-split", fmt::format("{}: {}", path, what), std::move(fix));
}

constexpr const char* kWholeSet = "put all parts of one download, with their original names, into one folder";

// Never less than what is here.
size_t whole_bytes(std::span<const std::byte> here, int64_t file_bytes) {
  return std::max(here.size(), static_cast<size_t>(std::max<int64_t>(0, file_bytes)));
}

}  // namespace

Result<void> File::State::index_tensors() {
  by_name.resize(tensors.size());
  std::iota(by_name.begin(), by_name.end(), 0u);
  const auto name = [&](uint32_t i) { return tensors[i].name; };
  std::ranges::sort(by_name, {}, name);
  const auto twice = std::ranges::adjacent_find(by_name, {}, name);
  if (twice == by_name.end()) return {};
  return fail(Layer::model, "gguf-duplicate",
              fmt::format("{}: tensor '{}' appears twice, as number {} and {}", path, printable(name(*twice), 128),
                          std::min(twice[0], twice[1]), std::max(twice[0], twice[1])),
              "get the model from another source, or convert it again");
}

// split.no counts from 0. A lone file may say nothing or 1 of 1.
Result<void> File::State::check_split(const std::string& shard_path, const Metadata& shard, int index, int count) const {
  if (count == 1 && !shard.find("split.count")) return {};
  constexpr int64_t kMax = UINT16_MAX;
  const auto found_count = shard.integer("split.count", 0, kMax);
  if (!found_count) return split_fault(shard_path, found_count.error().what, kWholeSet);
  if (*found_count != count && !(count == 1 && *found_count == 0))
    return split_fault(
        shard_path,
        fmt::format("key 'split.count' is {}, but its name says {} (a split file is named like model-00001-of-00003.gguf)",
                    *found_count, count),
        kWholeSet);
  if (count == 1) return {};
  const auto found_number = shard.integer("split.no", 0, kMax);
  if (!found_number) return split_fault(shard_path, found_number.error().what, kWholeSet);
  if (*found_number != index)
    return split_fault(shard_path,
                       fmt::format("key 'split.no' is {}, but its name says part {} of {}, so {} was expected", *found_number,
                                   index + 1, count, index),
                       kWholeSet);
  return {};
}

Result<void> File::State::open_shard(const std::string& shard_path, int index, int count) {
  TRY_ASSIGN(MappedFile file, MappedFile::open(shard_path));
  auto header = Reader(file.bytes(), file.bytes().size(), shard_path, index).read();
  TRY(file.check_intact());  // the better reason when the file was cut while it was parsed
  if (!header) return std::unexpected(std::move(header.error()));
  TRY(add(std::move(*header), shard_path, static_cast<int64_t>(file.bytes().size()), index, count));
  shards.push_back(std::move(file));
  return {};
}

Result<void> File::State::add(Header header, const std::string& shard_path, int64_t bytes, int index, int count) {
  TRY(check_split(shard_path, header.metadata, index, count));
  if (index == 0) {
    version = header.version;
    alignment = header.alignment;
    metadata = std::move(header.metadata);
  }
  if (tensors.size() + header.tensors.size() > kTensorsMax)
    return split_fault(shard_path,
                       fmt::format("with this part the model has {} tensors; the limit is {}",
                                   tensors.size() + header.tensors.size(), kTensorsMax),
                       kWholeSet);
  tensors.insert(tensors.end(), header.tensors.begin(), header.tensors.end());
  if (__builtin_add_overflow(file_bytes, bytes, &file_bytes))
    return split_fault(shard_path, "the parts have more than 2^63 - 1 bytes together", kWholeSet);
  return {};
}

Result<void> File::State::check_tensor_count(const std::string& first_path, int count) const {
  if (count == 1) return {};
  const auto total = metadata.integer("split.tensors.count", 0, INT32_MAX);
  if (!total) return split_fault(first_path, total.error().what, kWholeSet);
  if (*total == static_cast<int64_t>(tensors.size())) return {};
  return split_fault(
      path, fmt::format("key 'split.tensors.count' is {}, but the {} parts hold {} tensors", *total, count, tensors.size()),
      kWholeSet);
}

Result<void> File::State::check_all_present(const ShardName& name) const {
  std::vector<std::string> missing;
  std::error_code unused;
  for (int number = 1; number <= name.count && missing.size() < 4; ++number)
    if (std::string part = shard_path(name.stem, number, name.count); !std::filesystem::exists(part, unused))
      missing.push_back(std::move(part));
  if (missing.empty()) return {};
  return split_fault(
      path, fmt::format("is part {} of {}, and these are missing: {}", name.number, name.count, fmt::join(missing, ", ")),
      "download the missing parts into the same folder");
}

Result<File> File::open(const std::string& path) {
  if (is_address(path))
    return fail(Layer::model, "not-a-file",
                fmt::format("{}: an address on the network, where a file of this machine is wanted", path), how_to_fetch(path));
  auto state = std::make_unique<State>();
  state->path = path;
  const ShardName name = parse_shard_name(path).value_or(ShardName{path, 1, 1});
  if (name.count == 1) {
    TRY(state->open_shard(path, 0, 1));
  } else {
    if (static_cast<uint64_t>(name.count) > kShardsMax)
      return split_fault(path, fmt::format("its name says {} parts; the limit is {}", name.count, kShardsMax), kWholeSet);
    TRY(state->check_all_present(name));
    for (int i = 0; i < name.count; ++i) TRY(state->open_shard(shard_path(name.stem, i + 1, name.count), i, name.count));
  }
  TRY(state->check_tensor_count(shard_path(name.stem, 1, name.count), name.count));
  TRY(state->index_tensors());
  return File(std::move(state));
}

Result<File> File::from_bytes(std::vector<std::byte> bytes, const std::string& name) {
  const auto size = static_cast<int64_t>(bytes.size());
  std::vector<Head> one;  // not a list in braces, which would copy the bytes
  one.push_back({name, std::move(bytes), size});
  return from_heads(std::move(one));
}

Result<File> File::from_heads(std::vector<Head> heads) {
  auto state = std::make_unique<State>();
  if (heads.empty() || heads.size() > kShardsMax)
    return split_fault("model", fmt::format("{} parts; 1 to {} are possible", heads.size(), kShardsMax), kWholeSet);
  state->heads = std::move(heads);
  state->path = state->heads[0].path;
  const int count = static_cast<int>(state->heads.size());
  for (int i = 0; i < count; ++i) {
    const Head& head = state->heads[static_cast<size_t>(i)];
    TRY_ASSIGN(Header header, Reader(head.bytes, whole_bytes(head.bytes, head.file_bytes), head.path, i).read());
    TRY(state->add(std::move(header), head.path, head.file_bytes, i, count));
  }
  TRY(state->check_tensor_count(state->path, count));
  TRY(state->index_tensors());
  return File(std::move(state));
}

Result<size_t> header_bytes(std::span<const std::byte> bytes, int64_t file_bytes, const std::string& path) {
  TRY_ASSIGN(const Header header, Reader(bytes, whole_bytes(bytes, file_bytes), path, 0).read());
  return header.bytes;
}

File::File(std::unique_ptr<State> state) : state_(std::move(state)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

const std::string& File::path() const { return state_->path; }
uint32_t File::version() const { return state_->version; }
uint32_t File::alignment() const { return state_->alignment; }
const Metadata& File::metadata() const { return state_->metadata; }
std::span<const TensorInfo> File::tensors() const { return state_->tensors; }
int64_t File::file_bytes() const { return state_->file_bytes; }
int File::n_shards() const { return static_cast<int>(std::max(state_->shards.size(), state_->heads.size())); }

bool File::has_data() const {
  return std::ranges::all_of(state_->heads,
                             [](const Head& head) { return head.bytes.size() == whole_bytes(head.bytes, head.file_bytes); });
}

const TensorInfo* File::find(std::string_view name) const {
  const auto& [tensors, by_name] = std::tie(state_->tensors, state_->by_name);
  const auto found = std::ranges::lower_bound(by_name, name, {}, [&](uint32_t i) { return tensors[i].name; });
  return found != by_name.end() && tensors[*found].name == name ? &tensors[*found] : nullptr;
}

Result<void> File::check_intact() const {
  for (const MappedFile& shard : state_->shards) TRY(shard.check_intact());
  return {};
}

}  // namespace lupo::gguf
