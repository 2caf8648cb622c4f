// What the operating system says of the CPU where the CPU itself cannot be asked, and what must be asked of it before use.
#pragma once

namespace lupo {

// The words AT_HWCAP and AT_HWCAP2 of Linux (uapi asm/hwcap.h of the architecture); 0 elsewhere.
unsigned long hwcap();
unsigned long hwcap2();

// Asks for the tile registers of AMX for all threads of the process; false where there are none or they are refused.
bool request_tiles();

}  // namespace lupo
