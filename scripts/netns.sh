# shellcheck shell=bash
# Docker engines in namespaces of their own: what nodes.sh and engines.sh share. Both have a `die` and a `remove`.

lacking() { # PACKAGES COMMAND...: ends where one is not there
  local command missing=
  for command in "${@:2}"; do
    command -v "$command" >/dev/null || missing="$missing $command"
  done
  [ -z "$missing" ] || die 3 "not on the PATH:$missing (Debian: $1)"
}

not_anothers() { # NAME...: ends where a network has one of these names
  local name
  for name; do
    { [ ! -e "/sys/class/net/$name" ] && [ ! -e "/run/netns/$name" ]; } ||
      die 3 "a network of the name $name is already there, and not the lab's: expected none; rename or remove it"
  done
}

guard() { # from here on, however the script ends, it removes
  trap 'give_up $?' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}

give_up() { # CODE
  trap '' INT TERM HUP
  # Here and not on the signal: a Ctrl-C ends the command under way too, and so us, before its trap runs.
  [ "$1" -le 128 ] || echo "lab: interrupted" >&2
  remove
  exit "$1"
}

pids() { ip netns pids "$1" 2>/dev/null || true; } # NAMESPACE: what is in this network, so of no other engine

# With --pid all of an engine's processes end with their first, a shell, which reaps them meanwhile.
# nsenter, as `ip netns exec` hides the cgroups. A /run of its own: dockerd finds no containerd there and starts one.
start() { # NAMESPACE LOG SETUP DOCKERD-OPTION...
  # Inside before anything is in the background: so whoever cleans up finds it by its network.
  # shellcheck disable=SC2016  # for the shells inside
  nsenter --net="/run/netns/$1" sh -c '"$@" >"$0" 2>&1 </dev/null &' "$2" env --default-signal \
    setsid unshare --mount --uts --pid --fork --mount-proc --kill-child \
    sh -c 'hostname "$0" && eval "$1" && shift && dockerd "$@"; exit' "${1#tb-}" "$3" \
    --config-file /dev/null --exec-opt native.cgroupdriver=cgroupfs "${@:4}"
}

await() { # NAMESPACE SOCKET LOG
  local tries
  for tries in $(seq 150); do
    ! timeout 10 docker -H "unix://$2" version >/dev/null 2>&1 || return 0
    sleep 0.2
    [ "$tries" -lt 10 ] || [ -n "$(pids "$1")" ] || break # it has ended
  done
  tail -n 5 "$3" | sed 's/^/    /' >&2
  die 1 "the engine of ${1#tb-} does not answer: expected it within 30 s; above is the end of its log"
}

unplug() { # NAME...: networks with what runs in them, and links
  local name
  for name; do until_done "${name#tb-} is still running" end "$name"; done
  for name; do
    [ ! -e "/sys/class/net/$name" ] || ip link del "$name"
    [ ! -e "/run/netns/$name" ] || ip netns del "$name"
  done
}

clear_away() { # CGROUP DIRECTORY
  until_done "the cgroup $1 is still in use" end_cgroups "$1"
  until_done "$2 is still in use" rm -rf "$2"
}

until_done() { # COMPLAINT COMMAND...: again while it fails, as what was killed takes a moment to go
  for _ in $(seq 600); do
    ! "${@:2}" 2>/dev/null || return 0
    sleep 0.2
  done
  die 1 "$1 after two minutes: expected it gone; the same command tries again"
}

end() { # NAMESPACE
  local found
  found=$(pids "$1")
  [ -n "$found" ] || return 0
  # shellcheck disable=SC2086  # a word for each
  kill -KILL $found
  return 1 # look again
}

end_cgroups() { # NAME
  local ours=(-type d '(' -path "*/$1" -o -path "*/$1/*" ')')
  find /sys/fs/cgroup -depth "${ours[@]}" -exec rmdir {} + || return
  [ -z "$(find /sys/fs/cgroup "${ours[@]}")" ]
}
