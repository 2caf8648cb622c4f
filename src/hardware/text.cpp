#include "hardware/text.h"

#include <algorithm>
#include <charconv>

namespace lupo {

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks(" \t\n\0", 4);
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

int64_t integer_or(std::string_view text, int64_t otherwise) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? value : otherwise;
}

std::string read_trimmed(const Env& env, const std::string& path) { return trimmed(env.read_text(path).value_or("")); }

int64_t read_integer_or(const Env& env, const std::string& path, int64_t otherwise) {
  return integer_or(read_trimmed(env, path), otherwise);
}

int64_t read_hex(const Env& env, const std::string& path) {
  const std::string text = read_trimmed(env, path);
  if (!text.starts_with("0x") || text.size() > 10) return 0;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size() && value >= 0 ? value : 0;
}

int64_t meminfo_bytes(std::string_view meminfo, std::string_view key) {
  const std::string wanted = std::string(key) + ":";
  size_t at = meminfo.find(wanted);
  while (at != std::string_view::npos && at > 0 && meminfo[at - 1] != '\n' && meminfo[at - 1] != ' ')
    at = meminfo.find(wanted, at + 1);
  if (at == std::string_view::npos) return 0;
  const int64_t kib = integer_or(trimmed(meminfo.substr(at + wanted.size(), 40)), 0);
  return std::clamp(kib, int64_t{0}, int64_t{1} << 50) * 1024;
}

std::string uevent_value(std::string_view uevent, std::string_view key) {
  const std::string wanted = std::string(key) + "=";
  size_t at = uevent.find(wanted);
  while (at != std::string_view::npos && at > 0 && uevent[at - 1] != '\n') at = uevent.find(wanted, at + 1);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = uevent.substr(at + wanted.size());
  return trimmed(rest.substr(0, rest.find('\n')));
}

}  // namespace lupo
