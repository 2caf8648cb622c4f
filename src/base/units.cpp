#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lupo {

std::string format_bytes(int64_t bytes) {
  const double magnitude = std::abs(static_cast<double>(bytes));
  if (magnitude >= static_cast<double>(kGiB))
    return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / static_cast<double>(kGiB));
  if (magnitude >= static_cast<double>(kMiB))
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / static_cast<double>(kMiB));
  if (magnitude >= static_cast<double>(kKiB))
    return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / static_cast<double>(kKiB));
  return fmt::format("{} B", bytes);
}

std::string format_count(int64_t count) {
  const double n = static_cast<double>(count);
  if (n >= 1e12) return fmt::format("{:.2f} T", n / 1e12);
  if (n >= 1e9) return fmt::format("{:.2f} B", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.1f} M", n / 1e6);
  if (n >= 1e3) return fmt::format("{:.1f} K", n / 1e3);
  return fmt::format("{}", count);
}

std::string format_bar(double filled, int cells) {
  const int n = std::clamp(static_cast<int>(filled * cells + 0.5), 0, cells);
  std::string text;
  for (int i = 0; i < cells; ++i) text += i < n ? "█" : "░";
  return text;
}

}  // namespace lupo
