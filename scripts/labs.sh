# shellcheck shell=bash disable=SC2034,SC2154  # lab sets state and words, and reads end_with
# What `./lab` does for the labs and for this project as a template: its words, and their parts of
# `./lab test`. Read by lab, whose functions it uses; `./lab rename NAME --without-labs` leaves it out.

parts=(lint unit deploy e2e chaos browser labs) bare="unit deploy"
words='  up        start the pair; on a bare Debian or Ubuntu, install the engine first
  down      stop the pair and remove its containers and its network
  compare   the same two images on both bridges, side by side
  trace     follow a packet through every interface: ./lab trace FROM TO
  draw      the networks and who is on them, as a picture: ./lab draw [NAME ...]
  doctor    this machine, or why a name fails: ./lab doctor CONTAINER NAME
  run       play a lab page step by step: ./lab run NN
  check     say which steps of the pages hold on this engine: ./lab check [NN]
  clean     remove what the labs made, and only that: ./lab clean [NN ...]
  break     set up a fault of lab 08 and show its symptom: ./lab break N
  fix       apply the solution of a fault of lab 08: ./lab fix N
  nodes     three engines, as the nodes of lab 09: ./lab nodes up|down|status
  record    write the outputs of a real run into a lab page: ./lab record NN
  bench     the sample measured beside its peers: ./lab bench [ROW ...]
  rename    make a fork yours: ./lab rename NAME [--dry-run] [--without-labs]
  test      everything that CI checks, or one part of it
  help      this list'

labs_word() { # WORD ARG...: returns where the word is one of lab's own
  case "$* " in
    *" -h "* | *" --help "*) labs_usage "$1" ;;
    "doctor ") ;;
    "compare "* | "trace "* | "draw "* | "doctor "* | "run "* | "check "* | "clean "* | "break "* | "fix "*) hand_over "$@" ;;
    "record "*" --engine "*) on_engine "${4:-}" record "$2" ;;
    "record "* | "bench "*) hand_over "$@" ;;
    "nodes "*) exec scripts/nodes.sh "${@:2}" ;;
    "rename "*) rename "${@:2}" && exit ;;
    "test --engine "*) source scripts/tests.sh && venv && on_engine "${3:-}" test "${@:4}" ;;
  esac
}

labs_usage() { # WORD
  case "$1" in
    up | down | help | -*) return ;;
    nodes) echo 'usage: ./lab nodes up|down|status

Three engines on this machine, as the nodes of lab 09; needs root on Linux.
  up       start them: node1 to node3, at 10.109.0.1 to 10.109.0.3
  down     remove them with all that they hold
  status   a line for each; exit 1 when one does not answer' ;;
    test)
      usage test
      echo "Before PART:
  --engine NAME   on an engine beside yours, in a network of its own, gone
                  afterwards; needs root on Debian: floor (Debian 13's: 26.1)
                  or newest (Debian testing's)"
      ;;
    rename) need_python && exec python3 scripts/rename.py -h ;;
    bench) need_python && exec python3 -m bench -h ;;
    compare | trace | draw | doctor | run | check | clean | break | fix | record) need_python && exec python3 -m labkit "$1" -h ;;
    *) return ;;
  esac
  exit
}

rename() { # ARG...
  need_python
  local before
  before=$(git status --porcelain 2>/dev/null) || before=none
  python3 scripts/rename.py "$@" || exit
  [ "$before" != "$(git status --porcelain)" ] || return 0
  source scripts/tests.sh # the renamed one
  # A shorter or longer name breaks lines elsewhere.
  if command -v ruff >/dev/null || (venv); then
    PATH=$PATH:$state/venv/bin ruff format --quiet .
  else
    echo "lab: lines may break elsewhere now: .lab/venv/bin/ruff format . once ./lab test unit has run" >&2
  fi
  echo "Now: git add --all && git commit, then ./lab up"
}

on_engine() { # NAME WORD ARG...: on an engine of another version, beside the host's
  case "$1" in floor | newest) ;; *) die 2 "$2: --engine '$1': expected floor or newest" ;; esac
  prepare # the host's engine gives the base images
  keep_log
  exec scripts/engines.sh "$1" ./lab "${@:2}"
}

hand_over() { # WORD ARG...: to labkit, or to bench
  local module=(labkit "$1")
  [ "$1" != bench ] || module=(bench)
  need_python
  python3 -m "${module[0]}" parse "${module[@]:1}" "${@:2}" || exit # what is wrong with them is told before anything is built
  case "$1" in
    run | record | compare | bench) { prepare && build; } >&2 ;; # the output is the word's own
    break) has_images alpine "${images[@]}" || { prepare && build; } >&2 ;;
  esac
  keep_log
  exec python3 -m "${module[@]}" "${@:2}"
}

# kubectl renders deploy/kubernetes for the tests; no cluster is needed.
test_deploy() {
  command -v kubectl >/dev/null || apt_get "kubectl is missing" kubectl kubernetes-client
  pytest tests/deploy -n 2 "$@"
}

# A failure says how to replay its sequence of faults.
test_chaos() { pytest tests/chaos -n 2 --dist loadfile "$@"; }

# The page in a real browser: its pictures are in .lab/artefacts.
test_browser() {
  [ -x /usr/bin/chromium ] || apt_get "chromium is missing" chromium
  pytest tests/browser -n 2 --dist loadfile "$@"
}

start_again() {
  compose_down || true # what was cut off half-way, or the engine is still removing it
  start_pair
}

# Pages that share names run one after the other (tests/support/pages.py says which). Lab 05 starts the very pair
# that `up` has started, so that one goes for now, and comes back on its port.
test_labs() {
  local code=0 pages=(labs)
  [[ " $* " != *" --long "* ]] || pages+=(docs/extend.md)
  # A network may be there without containers, left by whoever removed those.
  if [ -n "$(docker compose ps --all --quiet)$(docker network ls --quiet --filter "$(of_project)")" ]; then
    published=$(docker compose port webapp 8000 2>/dev/null) || published=
    undo() {
      local port=${published##*:}
      published= # once
      [ -z "$port" ] || WEBAPP_PORT=$port step "starting the pair again" start_again ||
        echo "lab: the pair did not come back: ./lab up starts it" >&2
    }
    must "removing the pair, as lab 05 starts it itself" compose_down
  fi
  pytest "${pages[@]}" tests/pages -n 2 --dist loadgroup "$@" || code=$?
  undo
  return $code
}
