#!/usr/bin/env bash
# The two commands on a bare Debian 12: a debootstrap minbase with git and ca-certificates, a fresh
# clone of HEAD, ./quickstart twice, ./test --quick and ./test, each timed; or, with `engine`, what
# docs/verify.md says under "On a real engine", word by word. Needs root, debootstrap
# and some 4 GB in ${TMPDIR:-/tmp}; takes this machine's apt sources, resolver and certificates.
# Not part of ./test: it downloads a system.
#
# Usage: tests/bare/bare_machine.sh [root|user] [quickstart|all|engine]
#   user: as a user who may use sudo, rather than as root
set -Eeuo pipefail
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
who=${1:-root}
what=${2:-all}
case "$who $what" in
  "root quickstart" | "root all" | "root engine") ;;
  "user quickstart" | "user all" | "user engine") ;;
  *) echo "bare_machine.sh: usage: bare_machine.sh [root|user] [quickstart|all|engine]" >&2; exit 1 ;;
esac
[ "$(id -u)" -eq 0 ] || { echo "bare_machine.sh: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bare_machine.sh: needs debootstrap" >&2; exit 1; }

machine=$(mktemp -d "${TMPDIR:-/tmp}/playload-bare.XXXXXX")
chmod 755 "$machine"
mounted=()
leave() {
  trap - EXIT
  local index
  for ((index = ${#mounted[@]} - 1; index >= 0; index--)); do umount "${mounted[index]}"; done
  # Nothing of this machine may be mounted in there when it is removed.
  if grep -q " $machine/" /proc/mounts; then
    echo "bare_machine.sh: still mounted, left as it is: $machine" >&2
    exit 1
  fi
  rm -rf --one-file-system "$machine"
}
trap leave EXIT

# From the sources as the machine has them, in either of their two forms.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
  sed -n 's/^URIs: *\(.*\/debian\)\/* *$/\1/p; s/^deb \([^[ ]*\/debian\)\/* bookworm main.*/\1/p' |
  head -n 1) || true
[ -n "$mirror" ] || { echo "bare_machine.sh: apt's sources name no Debian mirror" >&2; exit 1; }
debootstrap --variant=minbase --include=git,ca-certificates bookworm "$machine" "$mirror" \
  >"$machine.log" 2>&1 || { tail -n 20 "$machine.log" >&2; exit 1; }
rm -f "$machine.log"

mount -t proc proc "$machine/proc"; mounted+=("$machine/proc")
mount --bind /dev "$machine/dev"; mounted+=("$machine/dev")
cp -L /etc/resolv.conf /etc/hosts "$machine/etc/"
cp -a /etc/apt/apt.conf.d/. "$machine/etc/apt/apt.conf.d/"
cp -a /usr/local/share/ca-certificates/. "$machine/usr/local/share/ca-certificates/"
chroot "$machine" update-ca-certificates >/dev/null 2>&1
# Lists as a fresh machine has them: none.
rm -rf "$machine"/var/lib/apt/lists/* "$machine"/etc/apt/sources.list
cp -a /etc/apt/sources.list.d/debian.sources "$machine/etc/apt/sources.list.d/" 2>/dev/null ||
  cp -a /etc/apt/sources.list "$machine/etc/apt/"
if [ -f "$HOME/.m2/settings.xml" ]; then
  install -D -m 644 "$HOME/.m2/settings.xml" "$machine/etc/skel/.m2/settings.xml"
  cp -a "$machine/etc/skel/.m2" "$machine/root/"
fi
# Where this machine's package managers look: PyPI, npm and crates.io, or their mirrors.
for config in /etc/pip.conf /etc/npmrc "$HOME/.npmrc" "$HOME/.cargo/config.toml"; do
  if [ -f "$config" ]; then
    install -D -m 644 "$config" "$machine/${config/#$HOME//root}"
  fi
done

# inside COMMAND...: in the machine, with nothing of this environment but the proxies.
inside() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    ${no_proxy:+no_proxy="$no_proxy"} \
    chroot "$machine" "$@"
}
git clone -q --no-local "$source_tree" "$machine/playload"
as=()
if [ "$who" = user ]; then
  { inside apt-get update && inside apt-get install -y --no-install-recommends sudo; } \
    >"$machine/sudo.log" 2>&1 || { tail -n 20 "$machine/sudo.log" >&2; exit 1; }
  inside useradd --create-home --home-dir /player player
  echo 'player ALL=(ALL) NOPASSWD: ALL' >"$machine/etc/sudoers.d/player"
  inside chown -R player: /playload
  as=(setpriv --reuid player --regid player --init-groups env HOME=/player)
fi

timed() {
  local began=$SECONDS status=0
  echo "--- $*"
  inside "${as[@]}" bash -c 'cd /playload && "$@"' bash "$@" || status=$?
  echo "--- $*: exit code $status after $((SECONDS - began)) s"
  [ "$status" -eq 0 ] || exit "$status"
}

timed ./quickstart
if [ "$what" = engine ]; then
  sudo=()
  [ "$who" = root ] || sudo=(sudo)
  timed "${sudo[@]}" apt-get install -q -y default-jdk-headless maven python3
  timed env PLAYLOAD=/playload/build/release/playload python3 -X utf8 tests/e2e/engines_test.py -v PageTest
  exit 0
fi
timed ./quickstart
[ "$what" = all ] || exit 0
timed ./test --quick
timed ./test
