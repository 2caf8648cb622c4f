// What the operating system says of the CPU where the CPU itself cannot be asked.
#pragma once

namespace lupo {

// The word AT_HWCAP of Linux (uapi asm/hwcap.h of the architecture); 0 elsewhere.
unsigned long hwcap();

}  // namespace lupo
