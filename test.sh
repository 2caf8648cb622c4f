#!/usr/bin/env bash
# ./test.sh        sets itself up and runs the suite: release build, all labels, the shell scripts
# ./test.sh fast   the quick label alone
# ./test.sh all    also the kernels on AArch64 under qemu, the fast label under sanitizers, each fuzz target for a while
# Every step runs, also after one failed; the closing lines say which failed and count the tests.
# shellcheck disable=SC2317 # the functions are called through step
set -uo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/scripts/common.sh"
cd "$root" || exit 1

test_packages=(ccache shellcheck)
fuzz_seconds=20
jobs=$(nproc)
logs=$root/build/test-logs
passed=0
failed=0
summary=()

# step NAME COMMAND…: runs it with errexit in a subshell, keeps its log, counts its tests (a step without ctest is one test).
step() {
  local name=$1 began=$SECONDS rc tests bad verdict=ok
  shift
  say "$name"
  (
    set -e
    "$@"
  ) 2>&1 | tee "$logs/$name.log"
  rc=${PIPESTATUS[0]}
  # ctest's last line: "98% tests passed, 2 tests failed out of 100"
  read -r bad tests < <(
    sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests failed out of ([0-9]+)$/\1 \2/p' "$logs/$name.log" | tail -n 1
  )
  [ -n "${tests:-}" ] || { tests=1 && bad=$((rc != 0)); }
  [ "$rc" = 0 ] || [ "$bad" != 0 ] || { tests=$((tests + 1)) && bad=1; }
  [ "$rc" = 0 ] || verdict=FAILED
  failed=$((failed + bad))
  passed=$((passed + tests - bad))
  summary+=("$(printf '%-7s %-28s %4d tests %5d s' "$verdict" "$name" "$tests" $((SECONDS - began)))")
}

run_ctest() { ctest --test-dir "$root/build/$1" --output-on-failure --no-tests=error --timeout 300 "${@:2}"; }

shell_scripts() { shellcheck -x run.sh test.sh .ci/run scripts/*.sh; }

# Every fuzz target: its corpus first, then fresh input for a while.
fuzz() {
  local target found=0
  build fuzz
  for target in build/fuzz/bin/fuzz_*; do
    found=1
    local corpus=tests/fuzz/corpus/${target##*/fuzz_} seeds=()
    [ -d "$corpus" ] && seeds=("$corpus")
    mkdir -p "build/fuzz/new/${target##*/}"
    printf '%s for %s s\n' "$target" "$fuzz_seconds"
    "$target" -max_total_time="$fuzz_seconds" -rss_limit_mb=1024 -timeout=5 -print_final_stats=1 \
      "build/fuzz/new/${target##*/}" "${seeds[@]}" 2>&1 | tail -n 20
  done
  [ "$found" = 1 ]
}

finish() {
  say "summary"
  printf '%s\n' "${summary[@]}"
  printf '\n%d%% tests passed, %d tests failed out of %d\n' $((passed * 100 / (passed + failed))) "$failed" $((passed + failed))
  [ "$failed" = 0 ]
  exit
}

mode=${1:-usual}
case $mode in
  usual | all | fast) ;;
  *)
    printf 'usage: ./test.sh [fast | all]\n' >&2
    exit 2
    ;;
esac

require_debian_12
mkdir -p "$logs"
install_packages "${build_packages[@]}"
ensure_rust
step build-release build release
if [ "$mode" = fast ]; then
  step fast-release run_ctest release -L fast -j "$jobs"
  finish
fi

install_packages "${test_packages[@]}"
step models scripts/fetch-models.sh
step shell-scripts shell_scripts
step fast-release run_ctest release -L fast -j "$jobs"
step model-release run_ctest release -LE fast
if [ "$mode" = all ]; then
  install_packages clang-19 g++-aarch64-linux-gnu libclang-rt-19-dev qemu-user
  step build-aarch64 build aarch64
  step fast-aarch64 run_ctest aarch64 -L fast -j "$jobs"
  step build-asan build asan
  step fast-asan run_ctest asan -L fast -j "$jobs"
  step fuzz fuzz
fi
finish
