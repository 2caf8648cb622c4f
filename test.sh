#!/usr/bin/env bash
# ./test.sh        sets itself up and runs the suite: release build with all labels, the shell scripts, the Rust crate, the
#                  kernels on AArch64 under qemu, the fast label under sanitizers, each fuzz target for 20 s
# ./test.sh fast   the quick label alone
# ./test.sh all    the suite with five minutes for each fuzz target
# Every step runs, also after one failed; the closing lines say which failed and count the tests.
# shellcheck disable=SC2317 # the functions are called through step
set -uo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "$0")/scripts/common.sh"
cd "$root" || exit 1

test_packages=(ccache clang-19 g++-aarch64-linux-gnu libclang-rt-19-dev qemu-user shellcheck valgrind)
fuzz_seconds=20
jobs=$(nproc)
logs=$root/build/test-logs
passed=0
failed=0
summary=()

# step NAME COMMAND…: runs it with errexit in a subshell, keeps its log, counts its tests (a step without ctest is one test).
step() {
  local name=$1 began=$SECONDS rc tests bad line verdict=ok
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
  # What failed, GoogleTest's lines and ctest's: "[  FAILED  ] Suite.Case, where … (5 ms)", "<tab>362 - Suite (Failed)"
  while read -r line; do summary+=("        $line"); done < <(
    sed -nE -e 's/^\[  FAILED  \] ([^ ]*[^ ,]),? .*\([0-9]+ ms\)$/\1/p' -e 's/^\t *[0-9]+ - (.* \(.*\))$/\1/p' \
      "$logs/$name.log"
  )
}

# A child that runs out of its address space must see malloc fail, as it does elsewhere: AddressSanitizer's own report of that
# wants memory while it holds a lock, and never ends.
run_ctest() {
  ASAN_OPTIONS=allocator_may_return_null=1 \
    ctest --test-dir "$root/build/$1" --output-on-failure --no-tests=error --timeout 300 "${@:2}"
}

shell_scripts() { shellcheck -x run.sh test.sh .ci/run scripts/*.sh; }

bridge() { CARGO_TARGET_DIR=$root/build/cargo cargo test --release --locked --manifest-path bridge/Cargo.toml; }

# Every fuzz target: its corpus first, then fresh input for a while. What breaks it stays in build/fuzz/found.
fuzz() {
  local source name new found=$root/build/fuzz/found
  for source in tests/fuzz/fuzz_*.cpp; do
    name=$(basename "${source#*/fuzz_}" .cpp)
    new=$root/build/fuzz/new/$name
    mkdir -p "$found" "$new"
    printf 'fuzz_%s for %s s\n' "$name" "$fuzz_seconds"
    build/fuzz/bin/fuzz_"$name" -max_total_time="$fuzz_seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
      -artifact_prefix="$found/$name-" "$new" "tests/fuzz/corpus/$name" 2>&1 | tail -n 20
  done
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
step bridge bridge
step fast-release run_ctest release -L fast -j "$jobs"
step model-release run_ctest release -LE fast
for preset in aarch64 asan; do
  step "build-$preset" build "$preset"
  step "fast-$preset" run_ctest "$preset" -L fast -j "$jobs"
done
step build-tsan build tsan
step fast-tsan run_ctest tsan -L fast
step build-fuzz build fuzz
[ "$mode" = usual ] || fuzz_seconds=300
step fuzz fuzz
finish
