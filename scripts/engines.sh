#!/usr/bin/env bash
# Runs a command on a Docker Engine of another version, beside the host's engine. Run by ./lab; needs root.
#   scripts/engines.sh NAME COMMAND [ARG...]   NAME: floor (Debian 13's) or newest (Debian testing's),
#                                              and floor-2 to newest-9 for more of them at once
# The engine's packages are unpacked in .lab/engines/NAME, not installed. It has a network (tb-NAME), mounts,
# processes and files (/var/lib/two-bridges-engines/NAME) of its own, and a way out through NAT. COMMAND runs
# in there, so its docker0, its 127.0.0.1 and its Docker are that engine's; all of it goes when COMMAND ends.
# Exit: COMMAND's own; 2 bad arguments; 3 the machine lacks something; 129, 130, 143 interrupted.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packages=(docker.io docker-cli docker-compose docker-buildx containerd)
images=(python:3.13-slim alpine)
cgroup=two-bridges-engines

die() { # CODE LINE
  printf 'engines.sh: %s\n' "$2" >&2
  exit "$1"
}

name=${1:-}
number=${name##*[!0-9]}
case "$name" in
  floor | floor-[2-9]) suite=trixie net=10.109.1${number:-1} ;;
  newest | newest-[2-9]) suite=testing net=10.109.2${number:-1} ;;
  *) die 2 "engine '$name': expected floor or newest" ;;
esac
shift
[ $# != 0 ] || die 2 "expected a command after '$name'"
files=$root/.lab/engines/${name%-*} dir=/var/lib/two-bridges-engines/$name ns=tb-$name
socket=$dir/run/docker.sock
nat=(POSTROUTING -s "$net.0/24" ! -o "$ns" -m comment --comment "$ns" -j MASQUERADE)
out=(FORWARD -i "$ns" -m comment --comment "$ns" -j ACCEPT)
back=(FORWARD -o "$ns" -m comment --comment "$ns" -j ACCEPT)

able() {
  local command missing=
  [ "$(uname -s)" = Linux ] || die 3 "expected Linux, and this is $(uname -s)"
  [ "$(id -u)" = 0 ] || die 3 "only root can start an engine: sudo ./lab test --engine $name"
  for command in apt-get dpkg docker runc ip iptables nsenter unshare; do
    command -v $command >/dev/null || missing="$missing $command"
  done
  [ -z "$missing" ] || die 3 "not on the PATH:$missing (Debian: docker.io, docker-cli, runc, iproute2, iptables)"
}

# With a state of apt's of its own, so that nothing of the host's is read but its mirror, or changed.
fetch() {
  local part=$files.part mirror
  [ ! -e "$files" ] || return 0
  rm -rf "$part"
  mkdir -p "$part"/{apt/lists/partial,apt/archives/partial,debs,engine}
  # shellcheck disable=SC2016  # apt's own variable
  mirror=${LAB_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)}
  [ -n "$mirror" ] || die 3 "apt's sources name no Debian mirror: set LAB_DEBIAN_MIRROR to the address of one"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$part/apt/sources"
  cat >"$part/apt/conf" <<CONF
Dir::State "$part/apt"; Dir::State::status "/dev/null"; Dir::Cache "$part/apt";
Dir::Etc::SourceList "$part/apt/sources"; Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null"; Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none"; APT::Sandbox::User "root";
CONF
  echo "fetching ${packages[*]} of Debian $suite"
  APT_CONFIG=$part/apt/conf apt-get -qq update
  (cd "$part/debs" && APT_CONFIG=$part/apt/conf apt-get -qq download "${packages[@]}")
  for deb in "$part"/debs/*.deb; do dpkg -x "$deb" "$part/engine"; done
  rm -rf "$part/apt" "$part/debs"
  mv "$part" "$files"
}

pids() { ip netns pids "$ns" 2>/dev/null || true; } # what is in its network, so no other engine

# Again while it fails, as what was killed takes a moment to go.
until_done() { # COMPLAINT COMMAND...
  for _ in $(seq 150); do
    ! "${@:2}" 2>/dev/null || return 0
    sleep 0.2
  done
  die 1 "$1: expected it gone; the next run tries again"
}

end() {
  local found
  found=$(pids)
  [ -n "$found" ] || return 0
  # shellcheck disable=SC2086  # a word for each
  kill -KILL $found
  return 1 # look again
}

end_cgroups() {
  local ours=(-type d '(' -name "$cgroup-$name" -o -path "*/$cgroup-$name/*" ')')
  find /sys/fs/cgroup -depth "${ours[@]}" -exec rmdir {} + || return
  [ -z "$(find /sys/fs/cgroup "${ours[@]}")" ]
}

remove() {
  until_done "the engine $name is still running" end
  [ ! -e "/sys/class/net/$ns" ] || ip link del "$ns"
  [ ! -e "/run/netns/$ns" ] || ip netns del "$ns"
  while iptables -w -t nat -D "${nat[@]}" 2>/dev/null; do :; done
  while iptables -w -D "${out[@]}" 2>/dev/null || iptables -w -D "${back[@]}" 2>/dev/null; do :; done
  until_done "a cgroup of the engine $name is still in use" end_cgroups
  until_done "$dir is still in use" rm -rf "$dir"
}

up() {
  mkdir -p "$dir"/{data,containerd,run}
  ip netns add "$ns"
  ip link add "$ns" type veth peer name eth0 netns "$ns"
  ip addr add "$net.1/24" dev "$ns"
  ip link set "$ns" up
  ip -n "$ns" link set lo up
  ip -n "$ns" link set eth0 up
  ip -n "$ns" addr add "$net.2/24" dev eth0
  ip -n "$ns" route add default via "$net.1"
  iptables -w -t nat -I "${nat[@]}"
  iptables -w -I "${out[@]}"
  iptables -w -I "${back[@]}"
  # A new /run: dockerd finds no containerd there and starts its own. Its programs lie over the host's.
  # shellcheck disable=SC2016  # for the shell inside
  (env --default-signal PATH="$files/engine/usr/bin:$files/engine/usr/sbin:$PATH" \
    setsid nsenter --net="/run/netns/$ns" unshare --mount --uts --pid --fork --mount-proc --kill-child \
    sh -c 'hostname "$0" && mount --bind "$1/run" /run && mkdir -p /var/lib/docker /usr/libexec/docker &&
      mount --bind "$1/data" /var/lib/docker && mount --bind "$2/usr/libexec/docker" /usr/libexec/docker &&
      echo ready >"$1/ready" && dockerd --config-file /dev/null --exec-opt native.cgroupdriver=cgroupfs \
        --cgroup-parent "/$3"; exit' \
    "$ns" "$dir" "$files/engine" "$cgroup-$name" >"$dir/log" 2>&1 </dev/null 9>&- &)
  local tries
  for tries in $(seq 150); do
    ! docker -H "unix://$socket" version >/dev/null 2>&1 || return 0
    sleep 0.2
    [ "$tries" -lt 10 ] || [ -n "$(pids)" ] || break # it has ended
  done
  tail -n 5 "$dir/log" | sed 's/^/    /' >&2
  die 1 "the engine $name does not answer: expected it within 30 s; above is the end of its log"
}

inside() { # COMMAND...
  local first
  for first in $(pids); do [ "$(cat "/proc/$first/comm")" != dockerd ] || break; done
  env -u DOCKER_HOST PATH="$files/engine/usr/bin:$files/engine/usr/sbin:$PATH" \
    nsenter --target "$first" --net --mount --uts --pid --wd="$root" "$@"
}

give_up() { # CODE
  trap '' INT TERM HUP
  remove
  exit "$1"
}

able
mkdir -p /var/lib/two-bridges-engines
exec 9>"$dir.lock"
flock -n 9 || die 3 "the engine $name runs already, for another test: wait for it to end"
fetch
trap 'give_up $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
remove # what a run that was killed outright has left
up
docker save "${images[@]}" | docker -H "unix://$socket" load --quiet
inside "$@"
