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
bridge=tb-nodes
cgroup=two-bridges-nodes
dir=/var/lib/two-bridges-nodes # made first and removed last: without it, nothing here is ours
rule=(FORWARD -i "$bridge" -o "$bridge" -m comment --comment two-bridges-nodes -j ACCEPT)

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
  [ -z "$missing" ] ||
    die 3 "not on the PATH:$missing (Debian: docker.io, docker-cli, iproute2, iptables, util-linux)"
}

state() { # N: its part in a Swarm, such as inactive; empty when it does not answer
  timeout 10 docker -H "unix://$dir/node$1/docker.sock" info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null || true
}

pids() { ip netns pids "tb-node$1" 2>/dev/null; } # N: what is in its network, so no other engine

up() {
  local n code=0
  for n in $bridge "${nodes[@]/#/tb-node}"; do
    [ -e $dir ] || { [ ! -e "/sys/class/net/$n" ] && [ ! -e "/run/netns/$n" ]; } ||
      die 3 "a network of the name $n is already there, and not the lab's: expected none; rename or remove it"
  done
  # A signal that comes while the directory is made is acted on right after.
  trap 'code=130' INT
  trap 'code=143' TERM
  trap 'code=129' HUP
  mkdir $dir 2>/dev/null ||
    die 3 "$dir is already there, from an earlier ./lab nodes up: expected none; ./lab nodes down removes it"
  trap 'give_up $?' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  [ $code = 0 ] || exit $code
  ip link add $bridge type bridge
  ip link set $bridge up
  # From port to port of a bridge frames pass the host's firewall too, and Docker's policy drops them.
  iptables -w -I "${rule[@]}"
  for n in "${nodes[@]}"; do
    plug "$n"
    start "$n"
  done
  for n in "${nodes[@]}"; do await "$n"; done
  status
  trap - EXIT INT TERM HUP
}

give_up() { # CODE
  trap '' INT TERM HUP
  # Here and not on the signal: a Ctrl-C ends the command under way too, and so us, before its trap runs.
  [ "$1" -le 128 ] || echo "lab: interrupted" >&2
  remove
  exit "$1"
}

plug() { # N: a network of its own, and a cable to the bridge
  ip netns add "tb-node$1"
  ip link add "tb-node$1" master $bridge type veth peer name eth0 netns "tb-node$1"
  ip link set "tb-node$1" up
  ip -n "tb-node$1" link set lo up
  ip -n "tb-node$1" link set eth0 up
  ip -n "tb-node$1" addr add "10.109.0.$1/24" dev eth0
}

# nsenter, as `ip netns exec` hides the cgroups. --pid: all of a node's processes end with their first,
# a shell, which reaps them meanwhile. A new /run: dockerd finds no containerd there and starts its own.
# No way out, so no proxy, and a name server that refuses at once: one out of reach takes seconds.
start() { # N
  mkdir "$dir/node$1"
  # Inside before anything is in the background: so whoever cleans up finds it by its network.
  # shellcheck disable=SC2016  # for the shells inside
  nsenter --net="/run/netns/tb-node$1" sh -c '"$@" >"$0" 2>&1 </dev/null &' "$dir/node$1/log" \
    env --default-signal -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy \
    setsid unshare --mount --uts --pid --fork --mount-proc --kill-child \
    sh -c 'hostname "$0" && mount -t tmpfs tmpfs /run && dockerd "$@"; exit' "node$1" \
    --config-file /dev/null --data-root "$dir/node$1/data" --exec-root /run/docker \
    --pidfile /run/docker.pid -H "unix://$dir/node$1/docker.sock" --dns 127.0.0.1 \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$cgroup"
}

await() { # N
  local tries
  for tries in $(seq 150); do
    [ -z "$(state "$1")" ] || return 0
    sleep 0.2
    [ "$tries" -lt 10 ] || [ -n "$(pids "$1")" ] || break # it has ended
  done
  tail -n 5 "$dir/node$1/log" | sed 's/^/    /' >&2
  die 1 "the engine of node$1 does not answer: expected it within 30 s; above is the end of its log"
}

status() {
  local n found code=0
  [ -e $dir ] || die 1 "there are none: ./lab nodes up starts them"
  for n in "${nodes[@]}"; do
    found=$(state "$n")
    [ -n "$found" ] || code=1
    echo "node$n  10.109.0.$n  ${found:+swarm }${found:-no answer}"
  done
  return $code
}

down() {
  if [ ! -e $dir ]; then
    echo "no nodes: nothing to remove"
    return
  fi
  remove
  echo "removed the nodes and all that they held"
}

remove() {
  local n
  for n in "${nodes[@]}"; do until_done "node$n is still running" end "$n"; done
  for n in "${nodes[@]/#/tb-node}" $bridge; do
    [ ! -e "/sys/class/net/$n" ] || ip link del "$n"
    [ ! -e "/run/netns/$n" ] || ip netns del "$n"
  done
  while iptables -w -D "${rule[@]}" 2>/dev/null; do :; done
  until_done "a cgroup of the nodes is still in use" end_cgroups
  until_done "$dir is still in use" rm -rf $dir
}

until_done() { # COMPLAINT COMMAND...: again while it fails, as what was killed takes a moment to go
  local tries
  for tries in $(seq 100); do
    ! "${@:2}" 2>/dev/null || return 0
    sleep 0.2
  done
  die 1 "$1 after $tries tries: expected it gone; ./lab nodes down tries again"
}

end() { # N
  local found
  found=$(pids "$1") || return 0
  [ -n "$found" ] || return 0
  # shellcheck disable=SC2086  # a word for each
  kill -KILL $found
  return 1 # look again
}

end_cgroups() {
  local ours=(-type d '(' -name "$cgroup" -o -path "*/$cgroup/*" ')')
  find /sys/fs/cgroup -depth "${ours[@]}" -exec rmdir {} + || return
  [ -z "$(find /sys/fs/cgroup "${ours[@]}")" ]
}

case "${1:-}" in
  up | down | status | able)
    [ $# = 1 ] || die 2 "unexpected argument '$2': expected none"
    able
    [ "$1" = able ] || "$1"
    ;;
  *) die 2 "'${1:-}': expected up, down or status" ;;
esac
