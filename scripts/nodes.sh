#!/usr/bin/env bash
# Three machines in one: Docker engines that share nothing but a wire. Run by ./lab nodes; needs root.
#   scripts/nodes.sh up        start them, and wait until each answers
#   scripts/nodes.sh down      remove them with all that they hold, also what a killed `up` has left
#   scripts/nodes.sh status    one line for each node
#   scripts/nodes.sh able      whether this machine can run them
# Node N is an engine with a network (tb-nodeN), mounts, processes and a host name of its own, and its
# files in /var/lib/two-bridges-nodes/nodeN. The wire is the bridge tb-nodes, without an address on the
# host. To talk to node N: docker -H unix:///var/lib/two-bridges-nodes/nodeN/docker.sock
# Exit codes are those of ./lab; status gives 1 when a node does not answer.
set -euo pipefail

nodes=(1 2 3)
dir=/var/lib/two-bridges-nodes
bridge=tb-nodes
cgroup=two-bridges-nodes
rule=(FORWARD -i $bridge -o $bridge -m comment --comment two-bridges-nodes -j ACCEPT)

die() { # CODE LINE
  printf 'lab: nodes: %s\n' "$2" >&2
  exit "$1"
}

able() {
  local command missing=
  [ "$(uname -s)" = Linux ] || die 3 "expected Linux, and this is $(uname -s): use a virtual machine"
  [ "$(id -u)" = 0 ] || die 3 "only root can start engines: sudo ./lab nodes up"
  for command in dockerd docker ip iptables nsenter unshare; do
    command -v $command >/dev/null || missing="$missing $command"
  done
  [ -z "$missing" ] || die 3 "not on the PATH:$missing (Debian: docker.io, docker-cli, iproute2, iptables, util-linux)"
}

engine() { timeout 10 docker -H "unix://$dir/node$1/docker.sock" "${@:2}"; } # N COMMAND...

version() { engine "$1" version --format '{{.Server.Version}}' 2>/dev/null; } # N

pids() { ip netns pids "tb-node$1" 2>/dev/null; } # N: what runs in its network, so never another engine

up() {
  local n code=0
  # A signal that comes while the directory is made, which is the claim, is acted on right after.
  trap 'code=130' INT
  trap 'code=143' TERM
  trap 'code=129' HUP
  mkdir "$dir" 2>/dev/null ||
    die 3 "$dir is already there, from an earlier ./lab nodes up: expected none; ./lab nodes down removes it"
  trap 'code=$?; trap "" INT TERM HUP; remove; exit $code' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  [ $code = 0 ] || exit $code
  ip link add $bridge type bridge
  ip link set $bridge up
  # Frames from port to port of a bridge pass the host's firewall too, where Docker's policy drops them.
  iptables -w -I "${rule[@]}"
  for n in "${nodes[@]}"; do
    plug "$n"
    start "$n"
  done
  for n in "${nodes[@]}"; do await "$n"; done
  trap - EXIT INT TERM HUP
  status
}

plug() { # N: a network of its own, and a cable to the bridge
  ip netns add "tb-node$1"
  ip link add "tb-node$1" master $bridge type veth peer name eth0 netns "tb-node$1"
  ip link set "tb-node$1" up
  ip -n "tb-node$1" link set lo up
  ip -n "tb-node$1" link set eth0 up
  ip -n "tb-node$1" addr add "10.109.0.$1/24" dev eth0
}

# nsenter, as `ip netns exec` hides the cgroups. Processes of its own (--pid): they end with their
# first, which is a shell, to reap the others. A new /run: with no containerd in it, dockerd starts one.
start() { # N
  mkdir "$dir/node$1"
  # shellcheck disable=SC2016  # for the shell inside
  env --default-signal -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy \
    setsid nsenter --net="/run/netns/tb-node$1" \
    unshare --mount --uts --pid --fork --mount-proc --kill-child \
    sh -c 'hostname "$0" && mount -t tmpfs tmpfs /run && dockerd "$@"; exit' "node$1" \
    --config-file /dev/null --data-root "$dir/node$1/data" --exec-root /run/docker \
    --pidfile /run/docker.pid -H "unix://$dir/node$1/docker.sock" \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$cgroup" --dns 127.0.0.1 \
    >"$dir/node$1/log" 2>&1 </dev/null &
}

await() { # N
  local child=$! tries
  for tries in $(seq 150); do
    version "$1" >/dev/null && return
    sleep 0.2
    [ "$tries" -lt 10 ] || [ -n "$(pids "$1")" ] || break
  done
  tail -n 5 "$dir/node$1/log" | sed 's/^/    /' >&2
  die 1 "the engine of node$1 does not answer: expected it within 30 s; above is the end of its log"
}

status() {
  local n code=0
  [ -d "$dir" ] || die 1 "there are none: ./lab nodes up starts them"
  for n in "${nodes[@]}"; do
    printf 'node%s  10.109.0.%s  ' "$n" "$n"
    if version "$n" >/dev/null; then
      echo "engine $(version "$n"), swarm $(engine "$n" info --format '{{.Swarm.LocalNodeState}}')"
    else
      code=1
      echo "no answer"
    fi
  done
  return $code
}

down() {
  local what
  what=$(there)
  remove
  echo "${what:-nothing to remove}"
}

there() {
  { [ ! -e $dir ] && [ ! -e /sys/class/net/$bridge ]; } || echo "removed the nodes and all that they held"
}

remove() {
  local n
  for n in "${nodes[@]}"; do
    until_gone "node$n still runs" end "$n"
    [ ! -e "/run/netns/tb-node$n" ] || ip netns del "tb-node$n"
    [ ! -e "/sys/class/net/tb-node$n" ] || ip link del "tb-node$n"
  done
  [ ! -e /sys/class/net/$bridge ] || ip link del $bridge
  while iptables -w -D "${rule[@]}" 2>/dev/null; do :; done
  until_gone "a cgroup of the nodes is still in use" end_cgroups
  until_gone "$dir is still in use" rm -rf $dir
}

until_gone() { # COMPLAINT COMMAND...: again while it fails, for at most 20 s
  local tries
  for tries in $(seq 100); do
    "${@:2}" 2>/dev/null && return
    sleep 0.2
  done
  die 1 "$1 after $tries tries: look at it, then run ./lab nodes down again"
}

end() { # N
  local found
  found=$(pids "$1") || return 0
  [ -n "$found" ] || return 0
  # shellcheck disable=SC2086  # one word each
  kill -KILL $found || true
  return 1
}

end_cgroups() {
  find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + || return
  [ -z "$(find /sys/fs/cgroup -type d -name $cgroup)" ]
}

case "${1:-}" in
  up | down | status | able)
    [ $# = 1 ] || die 2 "unexpected argument '$2': expected none"
    [ "$1" = able ] || able
    "$1"
    ;;
  *) die 2 "'${1:-}': expected up, down or status" ;;
esac
