#include "base/hwcap.h"

#ifdef __linux__
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace lupo {

#ifdef __linux__
unsigned long hwcap() { return getauxval(AT_HWCAP); }
unsigned long hwcap2() { return getauxval(AT_HWCAP2); }
#else
unsigned long hwcap() { return 0; }
unsigned long hwcap2() { return 0; }
#endif

bool request_tiles() {
#if defined(__linux__) && defined(__x86_64__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA: uapi asm/prctl.h
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace lupo
