#include "base/address.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace lupo {

bool is_address(std::string_view text) {
  const std::string start = in_lower_case(text.substr(0, 8));
  return start.starts_with("http://") || start.starts_with("https://") || text.starts_with("hf:");
}

std::string percent_encoded(std::string_view path) {
  constexpr std::string_view kKept = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out;
  for (const char c : path)
    if (kKept.contains(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string how_to_fetch(std::string_view address) {
  if (address.starts_with("hf:")) return fmt::format("lupo plan {}  # says which files there are, and how to fetch one", address);
  std::string quoted;
  for (const char c : address) quoted += c == '\'' ? "%27" : std::string(1, c);
  return fmt::format("curl -fL -C - -O '{}'", quoted);
}

}  // namespace lupo
