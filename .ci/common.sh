# What quickstart and test share: the Debian packages, installing them, and failing with one line.
# Sourced by bash, from the top of the source tree, after `set -Eeuo pipefail`.

# What the program needs to build and run. docs/dependencies.md says why each library is here.
readonly build_packages=(
  g++ cmake ninja-build pkg-config
  librdkafka-dev libyaml-cpp-dev rapidjson-dev libsimdjson-dev libcxxopts-dev
  libzstd-dev zlib1g-dev libssl-dev libxxhash-dev libcpp-httplib-dev)

# What the tests need beside that: libraries, a Java runtime and Maven for the real Kafka broker,
# and programs that look at our output from outside.
readonly test_packages=(
  doctest-dev libbenchmark-dev clang-format-14 clang-14 libclang-rt-14-dev
  default-jre-headless maven kcat
  python3 python3-jsonschema qemu-user locales valgrind zstd
  chromium chromium-driver curl python3-venv nginx openssl prometheus)

readonly log_dir=build/log

fail() {
  trap - ERR
  printf '%s: failed: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
trap 'fail "line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND"' ERR
trap 'trap - ERR; printf "\n%s: interrupted\n" "${0##*/}" >&2; exit 130' INT TERM

say() { printf '==> %s\n' "$*"; }

# logged NAME COMMAND...: runs it with its output in a file; shows the file's end only if it fails.
logged() {
  local log="$log_dir/$1.log"
  shift
  "$@" >"$log" 2>&1 && return 0
  tail -n 20 "$log" >&2
  fail "$* (the whole output is in $log)"
}

# build TARGET...: with ninja's progress on a terminal, in silence elsewhere.
build() {
  if [ -t 1 ]; then
    cmake --build build/release --target "$@" || fail "the build (its output is above)"
  else
    logged build cmake --build build/release --target "$@"
  fi
}

# as_root COMMAND...: as it is for root, through sudo for everybody else.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    -o Acquire::Retries=3 "$@"
}

# Whether `dpkg` has the package, whole and configured.
installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_command COMMAND PACKAGE...: as need, unless the command is there from elsewhere.
need_command() {
  local command=$1
  shift
  command -v "$command" >/dev/null || need "$@"
}

# need PACKAGE...: installs those that are missing; silent when there are none.
need() {
  mkdir -p "$log_dir"
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail "this is not a Debian system; install the equivalents of: $*"
  local missing=() package
  for package in "$@"; do installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0

  say "Installing Debian packages: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      fail "not root and no sudo; as root, run: apt-get install ${missing[*]}"
    # Asked for here, so that the question for the password is not lost in a log file.
    sudo -v || fail "sudo refused; as root, run: apt-get install ${missing[*]}"
  fi
  # The package lists of a fresh system are absent, those of an old one name files that are gone:
  # fetch them only then.
  if apt install --no-install-recommends "${missing[@]}" >"$log_dir/apt.log" 2>&1; then return 0; fi
  logged apt-update apt update
  logged apt apt install --no-install-recommends "${missing[@]}"
}
