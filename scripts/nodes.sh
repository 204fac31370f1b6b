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

source "$(dirname "${BASH_SOURCE[0]}")/netns.sh"

unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy # nodes have no way out
nodes=(1 2 3)
bridge=tb-nodes
cgroup=${LAB_CGROUP:-two-bridges-nodes} # set by engines.sh: nodes on several engines at once
dir=/var/lib/two-bridges-nodes          # made first and removed last: without it, nothing here is ours
rule=(FORWARD -i "$bridge" -o "$bridge" -m comment --comment two-bridges-nodes -j ACCEPT)

die() { # CODE LINE
  printf 'lab: nodes: %s\n' "$2" >&2
  exit "$1"
}

able() {
  [ "$(uname -s)" = Linux ] || die 3 "expected Linux, and this is $(uname -s): use a virtual machine"
  [ "$(id -u)" = 0 ] || die 3 "only root can start engines: sudo ./lab nodes up"
  lacking "docker.io, docker-cli, iproute2, iptables, util-linux" dockerd docker ip iptables nsenter unshare
}

state() { # N: its part in a Swarm, such as inactive; empty when it does not answer
  timeout 10 docker -H "unix://$dir/node$1/docker.sock" info --format '{{.Swarm.LocalNodeState}}' 2>/dev/null || true
}

up() {
  local n code=0
  [ -e $dir ] || not_anothers $bridge "${nodes[@]/#/tb-node}"
  # A signal that comes while the directory is made is acted on right after.
  trap 'code=130' INT
  trap 'code=143' TERM
  trap 'code=129' HUP
  mkdir $dir 2>/dev/null ||
    die 3 "$dir is already there, from an earlier ./lab nodes up: expected none; ./lab nodes down removes it"
  guard
  [ $code = 0 ] || exit $code
  ip link add $bridge type bridge
  ip link set $bridge up
  # From port to port of a bridge frames pass the host's firewall too, and Docker's policy drops them.
  iptables -w -I "${rule[@]}"
  for n in "${nodes[@]}"; do
    plug "$n"
    mkdir "$dir/node$n"
    # A name server that refuses at once: one out of reach takes seconds.
    start "tb-node$n" "$dir/node$n/log" "mount -t tmpfs tmpfs /run" --data-root "$dir/node$n/data" \
      --exec-root /run/docker --pidfile /run/docker.pid -H "unix://$dir/node$n/docker.sock" \
      --dns 127.0.0.1 --cgroup-parent "/$cgroup"
  done
  for n in "${nodes[@]}"; do await "tb-node$n" "$dir/node$n/docker.sock" "$dir/node$n/log"; done
  status
  trap - EXIT INT TERM HUP
}

plug() { # N: a network of its own, and a cable to the bridge
  ip netns add "tb-node$1"
  ip link add "tb-node$1" master $bridge type veth peer name eth0 netns "tb-node$1"
  ip link set "tb-node$1" up
  ip -n "tb-node$1" link set lo up
  ip -n "tb-node$1" link set eth0 up
  ip -n "tb-node$1" addr add "10.109.0.$1/24" dev eth0
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
  unplug "${nodes[@]/#/tb-node}" $bridge
  while iptables -w -D "${rule[@]}" 2>/dev/null; do :; done
  clear_away "$cgroup" $dir
}

case "${1:-}" in
  up | down | status | able)
    [ $# = 1 ] || die 2 "unexpected argument '$2': expected none"
    able
    [ "$1" = able ] || "$1"
    ;;
  *) die 2 "'${1:-}': expected up, down or status" ;;
esac
