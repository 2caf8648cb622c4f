#include "quant/type.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>

#include "quant_types.h"  // generated: includes every header of quant/types/ and lists their names as LUPO_QUANT_TYPES(X)

namespace lupo {
namespace {

constexpr auto kTypes = [] {
#define LUPO_TYPE_INFO(name) name::info,
  std::array types{LUPO_QUANT_TYPES(LUPO_TYPE_INFO)};
#undef LUPO_TYPE_INFO
  std::ranges::sort(types, {}, &TypeInfo::id);
  return types;
}();
static_assert(std::ranges::adjacent_find(kTypes, {}, &TypeInfo::id) == kTypes.end(), "two headers of quant/types/ share an id");

constexpr auto kById = [] {
  std::array<const TypeInfo*, static_cast<std::size_t>(kTypes.back().id) + 1> table{};
  for (const TypeInfo& info : kTypes) table[static_cast<std::size_t>(info.id)] = &info;
  return table;
}();

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

const TypeInfo* find_type(int64_t id) {
  return id >= 0 && id < static_cast<int64_t>(kById.size()) ? kById[static_cast<std::size_t>(id)] : nullptr;
}

const TypeInfo* find_type(std::string_view name) {
  const auto found = std::ranges::find_if(
      kTypes, [name](const TypeInfo& info) { return std::ranges::equal(info.name, name, {}, lower, lower); });
  return found == kTypes.end() ? nullptr : &*found;
}

std::span<const TypeInfo> all_types() { return kTypes; }

const TypeInfo& type_info(Type type) {
  const TypeInfo* info = find_type(static_cast<int64_t>(type));
  assert(info);
  return *info;
}

}  // namespace lupo
