// Human-readable quantities. Binary units for memory (MiB, GiB), decimal for rates (GB/s).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lupo {

inline constexpr int64_t kKiB = int64_t{1} << 10;
inline constexpr int64_t kMiB = int64_t{1} << 20;
inline constexpr int64_t kGiB = int64_t{1} << 30;

// "93.8 MiB", "1.25 GiB", "512 B".
std::string format_bytes(int64_t bytes);
// A bar of so many cells, that share of them full: 0 … 1.
std::string format_bar(double filled, int cells = 20);
// "135 M", "30.5 B", "7.2 K": counts of parameters or tokens.
std::string format_count(int64_t count);

}  // namespace lupo
