#!/usr/bin/env bash
# The first run. On Debian 12: installs what is missing, builds lupo, fetches a small model once, says what this machine can do
# with it and answers one question.   ./run.sh -- ARGS: builds and runs `lupo ARGS` instead.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/scripts/common.sh"

case ${1:-} in
  '' | --) ;;
  *)
    printf '%s\n' 'usage: ./run.sh              set up, build, fetch a small model, doctor, one answer' \
      '       ./run.sh -- ARGS…    set up, build, then lupo ARGS…' >&2
    [ "$1" = --help ] || [ "$1" = -h ] || exit 2
    exit 0
    ;;
esac

require_debian_12
install_packages "${build_packages[@]}"
ensure_rust
[ -x "$root/build/release/bin/lupo" ] || say "building lupo (a few minutes the first time)"
(build release lupo)
lupo=$root/build/release/bin/lupo

if [ "${1:-}" = -- ]; then
  shift
  exec "$lupo" "$@"
fi

model=$("$root/scripts/fetch-models.sh" smollm2)
say "lupo doctor $model"
"$lupo" doctor "$model"
prompt='In one short paragraph: why is the sky blue?'
say "lupo run $model -p '$prompt'"
"$lupo" run "$model" -p "$prompt"
