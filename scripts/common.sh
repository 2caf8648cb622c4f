# shellcheck shell=bash
# What run.sh, test.sh and fetch-models.sh share: messages, packages, the Rust toolchain, the build. Sourced, not run.
# Everything it says goes to standard error, so that `./run.sh -- ARGS` leaves standard output to lupo.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
rust_min=1.85

# To build and to fetch a model.
build_packages=(
  ca-certificates cmake g++ ninja-build pkg-config python3-pip
  libcli11-dev libcurl4-openssl-dev libedit-dev libfmt-dev libgmock-dev libgtest-dev libpcre2-dev libsimde-dev libsqlite3-dev
  libutf8proc-dev nlohmann-json3-dev
)

say() { printf '\n== %s\n' "$*" >&2; }

# die WHAT FIX
die() {
  printf 'error[hardware/setup]: %s\nfix: %s\n' "$1" "$2" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "installing packages needs root, and there is no sudo" \
      "run this as root once: apt-get install ${build_packages[*]} cargo-web rustc-web"
  fi
}

require_debian_12() {
  local id='' version=''
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && printf '%s' "${ID:-}")
    version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
  fi
  [ "$id" = debian ] && [ "$version" = 12 ] && return
  cat >&2 <<END
This script sets up Debian 12; here is ${id:-an unknown system} ${version}. lupo needs Linux on x86-64 or aarch64 and:
  to build      CMake >= 3.25, Ninja, g++ >= 12 (C++23 with std::expected), pkg-config, Rust >= $rust_min with cargo
  libraries     fmt 9, nlohmann-json 3, CLI11 2, PCRE2 (8 bit), SQLite 3, utf8proc, libcurl 7.85, libedit,
                GoogleTest with GoogleMock, SIMDe
  for models    Python 3 with pip
With these in place:
  cmake --preset release && cmake --build --preset release
  build/release/bin/lupo run "\$(scripts/fetch-models.sh smollm2)" -p "Hello"
END
  exit 1
}

# install_packages NAME…: those that are missing, with one apt-get update. Asks dpkg each time: 20 ms, and never out of date.
install_packages() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  if [ -z "${apt_updated:-}" ]; then
    as_root apt-get update -qq -o Acquire::Retries=3 >&2 || true # a broken extra source must not stop us; install will tell
    apt_updated=1
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${missing[@]}" >&2 ||
    die "these packages could not be installed: ${missing[*]}" "see apt's message above; then run this again"
}

rust_is_recent() {
  local version
  version=$(cargo --version 2>/dev/null | awk '{print $2}')
  [ -n "$version" ] && [ "$(printf '%s\n' "$rust_min" "$version" | sort -V | head -n 1)" = "$rust_min" ]
}

# A cargo that is recent enough: one already here, or Debian's. rustc (1.63) is too old for the crates; Debian 12 carries a
# second, newer toolchain for browsers under the names rustc-web and cargo-web.
ensure_rust() {
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  rust_is_recent && return
  install_packages cargo-web rustc-web
  hash -r
  rust_is_recent || die "$(command -v cargo) is $(cargo --version 2>&1 | head -n 1), older than $rust_min" \
    "rustup update stable, or take the old cargo out of PATH"
}

# build PRESET [TARGET…]: configures when needed, builds.
build() {
  local preset=$1 dir=$root/build/$1 targets=()
  shift
  [ $# = 0 ] || targets=(--target "$@")
  cd "$root" || return
  if [ ! -f "$dir/build.ninja" ] || [ CMakePresets.json -nt "$dir/build.ninja" ]; then
    cmake --preset "$preset" >&2 || return
  fi
  cmake --build --preset "$preset" "${targets[@]}" >&2
}
