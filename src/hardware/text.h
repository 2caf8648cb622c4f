// Small texts of /proc and /sys: trimmed, as integers, as lists of words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/env.h"

namespace lupo {

std::string trimmed(std::string_view text);  // without blanks, newlines and NULs at its ends

// The integer that the text begins with; decimal.
int64_t integer_or(std::string_view text, int64_t otherwise);

// Of a file; "" and `otherwise` when it cannot be read.
std::string read_trimmed(const Env& env, const std::string& path);
int64_t read_integer_or(const Env& env, const std::string& path, int64_t otherwise);
// "0x10de", in [0, 0xffffffff]; 0 when it is none.
int64_t read_hex(const Env& env, const std::string& path);

// "Key:  123 kB" of meminfo, or of a process's status or smaps, in bytes; 0 without it. `key` begins a line or follows a blank
// ("Node 0 MemTotal:").
int64_t meminfo_bytes(std::string_view meminfo, std::string_view key);

// "KEY=value" of a uevent; "" without it.
std::string uevent_value(std::string_view uevent, std::string_view key);

}  // namespace lupo
