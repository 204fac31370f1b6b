#!/usr/bin/env bash
# Runs a command on a Docker Engine of another version, beside the host's engine. Run by ./lab; needs root.
#   scripts/engines.sh NAME COMMAND [ARG...]   NAME: floor (Debian 13's) or newest (Debian testing's),
#                                              and floor-2 to newest-9 for more of them at once
# The engine's packages are unpacked in .lab/engines/NAME, not installed. It has a network (tb-NAME), mounts,
# processes and files (/var/lib/two-bridges-engines/NAME) of its own, and a way out through NAT. COMMAND runs
# in there, so its docker0, its 127.0.0.1 and its Docker are that engine's; all of it goes when COMMAND ends.
# LAB_DOCKERD_OPTIONS: more options for its dockerd, such as --feature containerd-snapshotter=true.
# Exit: COMMAND's own; 2 bad arguments; 3 the machine lacks something; 129, 130, 143 interrupted.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/netns.sh"
source "$root/scripts/debian.sh"

packages=(docker.io docker-cli docker-compose docker-buildx containerd)
images=(python:3.13-slim alpine)

die() { # CODE LINE
  printf 'lab: engine: %s\n' "$2" >&2
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
cgroup=two-bridges-engine-$name socket=$dir/run/docker.sock
part=$files.part$number path=$files/engine/usr/bin:$files/engine/usr/sbin:$PATH
nat=(POSTROUTING -s "$net.0/24" ! -o "$ns" -m comment --comment "$ns" -j MASQUERADE)
out=(FORWARD -i "$ns" -m comment --comment "$ns" -j ACCEPT)
back=(FORWARD -o "$ns" -m comment --comment "$ns" -j ACCEPT)

able() {
  [ "$(uname -s)" = Linux ] || die 3 "expected Linux, and this is $(uname -s)"
  [ "$(id -u)" = 0 ] || die 3 "only root can start an engine: sudo ./lab test --engine $name"
  lacking "docker.io, docker-cli, runc, iproute2, iptables, util-linux" \
    apt-get dpkg docker runc ip iptables nsenter unshare setsid
}

room() { # PATH MEGABYTES
  local free
  free=$(df -Pk "$1" | awk 'NR==2 {print int($4/1024)}')
  [ "$free" -ge "$2" ] || die 3 "the disk is full: $free MB free at $1, expected $2 MB; make room (df -h shows where)"
}

# With a state of apt's of its own, so that nothing of the host's is read but its mirror, or changed.
fetch() {
  local mirror
  mirror=$(debian_mirror)
  [ -e $keyring ] || die 3 "$keyring is missing: expected Debian's keys (Debian: debian-archive-keyring)"
  room "$root" 1000
  mkdir -p "$part"/{apt/lists/partial,apt/archives/partial,debs,engine}
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$part/apt/sources"
  cat >"$part/apt/conf" <<CONF
Dir::State "$part/apt"; Dir::State::status "/dev/null"; Dir::Cache "$part/apt";
Dir::Etc::SourceList "$part/apt/sources"; Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null"; Dir::Etc::PreferencesParts "/dev/null";
Acquire::Languages "none"; Acquire::Retries "2"; APT::Sandbox::User "root"; APT::Update::Error-Mode "any";
CONF
  echo "- fetching ${packages[*]} of Debian $suite"
  { APT_CONFIG=$part/apt/conf apt-get -qq update && (cd "$part/debs" && APT_CONFIG=$part/apt/conf apt-get -qq download "${packages[@]}"); } ||
    die 3 "no packages of Debian $suite from $mirror: expected a mirror in reach; LAB_DEBIAN_MIRROR names another"
  for deb in "$part"/debs/*.deb; do dpkg -x "$deb" "$part/engine"; done
  rm -rf "$part/apt" "$part/debs"
  mv -T "$part" "$files" 2>/dev/null || [ -e "$files" ] # another of this name may have been faster
}

child=''
remove() {
  if [ -n "$child" ]; then # it may have files of the host's to take back
    kill -TERM -- "-$child" 2>/dev/null || true
    (until_done "what ran on the engine $name is still running" ended) || true
  fi
  rm -rf "$part"
  unplug "$ns"
  while iptables -w -t nat -D "${nat[@]}" 2>/dev/null; do :; done
  while iptables -w -D "${out[@]}" 2>/dev/null || iptables -w -D "${back[@]}" 2>/dev/null; do :; done
  clear_away "$cgroup" "$dir"
}

# shellcheck disable=SC2329  # until_done calls it
ended() { ! kill -0 -- "-$child"; }

up() {
  mkdir -p "$dir"/{lib/apt,lib/dpkg,run,cgroup}
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
  # Its programs lie over the host's, and its /sys shows its own network.
  # shellcheck disable=SC2086  # a word for each
  PATH=$path start "$ns" "$dir/log" "cd '$dir' && mount --bind run /run &&
    mount --rbind /var/lib/apt lib/apt && mount --rbind /var/lib/dpkg lib/dpkg && mount --rbind lib /var/lib &&
    mkdir -p /usr/libexec/docker &&
    mount --bind '$files/engine/usr/libexec/docker' /usr/libexec/docker &&
    mount --rbind /sys/fs/cgroup cgroup && mount -t sysfs sysfs /sys && mount --rbind cgroup /sys/fs/cgroup" \
    --cgroup-parent "/$cgroup" ${LAB_DOCKERD_OPTIONS:-} 9>&-
  await "$ns" "$socket" "$dir/log"
}

inside() { # COMMAND...
  local first
  for first in $(pids "$ns"); do [ "$(cat "/proc/$first/comm")" != dockerd ] || break; done
  env -u DOCKER_HOST PATH="$path" LAB_CGROUP="$cgroup/two-bridges-nodes" nsenter --target "$first" --net --mount --uts --pid --wd="$root" "$@"
}

able
mkdir -p /var/lib/two-bridges-engines
exec 9>"$dir.lock"
flock -n 9 || die 3 "the engine $name runs already, for another test: wait for it to end"
[ -e "$dir" ] || not_anothers "$ns"
guard
remove # what a run that was killed outright has left
[ -e "$files" ] || fetch
room /var/lib 2000
up
docker save "${images[@]}" | docker -H "unix://$socket" load --quiet >"$dir/log.load"
echo "- the engine $name: $(inside docker version --format 'Docker Engine {{.Server.Version}}'), $(inside docker compose version), beside the host's"
set -m # in a group of its own: a signal reaches it once, from here
inside "$@" </dev/null 9>&- &
child=$!
set +m
code=0
wait "$child" || code=$?
child=''
exit $code
