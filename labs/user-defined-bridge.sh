#!/usr/bin/env bash
# The pair on a bridge of its own, in plain docker commands: the client finds the webapp by name.
# Run it from anywhere: labs/user-defined-bridge.sh. It removes what it made, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
  local word
  printf '\n$'
  for word in "$@"; do
    case "$word" in *[\ \;\&]*) word="'$word'" ;; esac
    printf ' %s' "$word"
  done
  printf '\n'
  "$@"
}

clean_up() {
  trap '' INT TERM HUP
  printf '\nCleaning up.\n'
  # Twice: Ctrl-C may have cut off a docker run whose container comes a moment later.
  for pause in 0.5 0; do
    docker rm --force own-webapp own-client
    docker network rm own-bridge
    sleep "$pause"
  done >/dev/null 2>&1 || true
}

for taken in own-webapp own-client; do
  if docker container inspect "$taken" >/dev/null 2>&1; then
    echo "a container named $taken is already there: expected none; docker rm -f $taken removes it" >&2
    exit 3
  fi
done
if docker network inspect own-bridge >/dev/null 2>&1; then
  echo "a network named own-bridge is already there: expected none; docker network rm own-bridge removes it" >&2
  exit 3
fi
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Compose labels what it builds, so plain docker build would make other images of the same names.
run docker compose build --quiet

# A bridge that you define. Every container on it gets the embedded DNS server as its resolver.
run docker network create --driver bridge --label two-bridges own-bridge

run docker run --detach --label two-bridges --network own-bridge --name own-webapp two-bridges-webapp
run docker exec own-webapp sh -c 'for i in $(seq 30); do python -m webapp.check && exit; sleep 0.3; done; exit 1'

# The resolver is Docker's own, at 127.0.0.11, and it knows the names of this network.
run docker exec own-webapp grep nameserver /etc/resolv.conf

# By name: this succeeds.
run docker run --rm --label two-bridges --network own-bridge --name own-client \
  two-bridges-client http://own-webapp:8000/
