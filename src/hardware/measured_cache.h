// Measured figures of this machine, kept between runs in the user's cache folder: one file for a machine and a build of lupo.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/env.h"
#include "base/result.h"
#include "hardware/machine.h"

namespace lupo {

// $LUPO_CACHE, $XDG_CACHE_HOME/lupo or ~/.cache/lupo (XDG base directory specification: a path that is not absolute does not
// count); "" when none is set.
std::string cache_folder(const Env& env);

// What measured figures hold for: the processor, the memory, limits and nodes of a machine, the system's /etc/machine-id and this
// executable, as 16 hexadecimal digits (FNV-1a). Free memory and what was measured before are no part of it.
std::string measurement_key(const Machine& machine, const Env& env);

struct CachedMeasured {
  Measured measured;
  double seconds = 0;        // spent on it
  int64_t unix_seconds = 0;  // when
  double busy = 0;           // fraction of the processors that others used then
};

// Nothing when there is none, or when the file is not what save_measured() wrote for this key: then it is measured anew.
std::optional<CachedMeasured> load_measured(const std::string& folder, const std::string& key);

// Replaces the file as a whole. Errors of AtomicFile.
Result<void> save_measured(const std::string& folder, const std::string& key, const CachedMeasured& cached);

}  // namespace lupo
