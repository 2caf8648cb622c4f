#!/usr/bin/env bash
# check-isa-symbols.sh OBJECT…: the objects of one instruction set each. Such an object may export one symbol, its kernel table,
# and no weak one: the linker may keep any copy of a weak function, and a CPU without the set would then run this one.
set -euo pipefail

failed=0
for object in "$@"; do
  symbols=$("${NM:-nm}" --defined-only --extern-only --format=posix "$object")
  strong=$(grep -cE ' [TDRBSG] ' <<<"$symbols" || true)
  weak=$(grep -E ' [WVu] ' <<<"$symbols" || true)
  if [ "$strong" = 1 ] && [ -z "$weak" ]; then
    printf 'ok    %s\n' "${object##*/}"
  else
    printf 'WRONG %s: %s global symbols, want 1; weak ones, want none:\n%s\n' "${object##*/}" "$strong" "$weak"
    failed=1
  fi
done
[ $# -gt 0 ] || failed=1
exit "$failed"
