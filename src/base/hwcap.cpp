#include "base/hwcap.h"

#ifdef __linux__
#include <sys/auxv.h>
#endif

namespace lupo {

#ifdef __linux__
unsigned long hwcap() { return getauxval(AT_HWCAP); }
#else
unsigned long hwcap() { return 0; }
#endif

}  // namespace lupo
