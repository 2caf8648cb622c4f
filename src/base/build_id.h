// Which build this is: what was measured with one need not hold for another.
#pragma once

#include <string>

namespace lupo {

// The linker's build ID in hexadecimal (NT_GNU_BUILD_ID, elf(5)); "" where it wrote none.
std::string build_id();

}  // namespace lupo
