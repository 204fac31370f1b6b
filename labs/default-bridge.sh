#!/usr/bin/env bash
# The same pair on Docker's default bridge, in plain docker commands: by name it fails, by address
# it works. Run it from anywhere: labs/default-bridge.sh. It removes what it made, however it ends.
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
    docker rm --force default-webapp default-client
    sleep "$pause"
  done >/dev/null 2>&1 || true
}

for taken in default-webapp default-client; do
  if docker container inspect "$taken" >/dev/null 2>&1; then
    echo "a container named $taken is already there: expected none; docker rm -f $taken removes it" >&2
    exit 3
  fi
done
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Compose labels what it builds, so plain docker build would make other images of the same names.
run docker compose build --quiet

# No --network: the container goes on the default bridge, docker0.
run docker run --detach --label two-bridges --name default-webapp two-bridges-webapp
run docker exec default-webapp sh -c 'for i in $(seq 30); do python -m webapp.check && exit; sleep 0.3; done; exit 1'

# The resolver is the host's, and it has never heard of a container.
run docker exec default-webapp grep nameserver /etc/resolv.conf

# By name: this fails, with exit code 6.
if run docker run --rm --label two-bridges --name default-client \
  two-bridges-client http://default-webapp:8000/; then
  echo "the name resolved on the default bridge: expected that it does not" >&2
  exit 1
else
  code=$?
  echo "exit code $code"
  [ "$code" = 6 ] || exit 1
fi

# By address: this succeeds. The two containers reach each other; only the name is missing.
address=$(docker container inspect default-webapp --format '{{.NetworkSettings.Networks.bridge.IPAddress}}')
run docker run --rm --label two-bridges --name default-client two-bridges-client "http://$address:8000/"
