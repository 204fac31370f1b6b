# shellcheck shell=bash disable=SC2034,SC2154  # lab sets state, and reads end_with
# What `./lab test` runs. Read by lab, whose functions it uses: step, must, die, bad, prepare, build.

parts=(lint unit deploy e2e chaos browser labs)

run_tests() { # [--engine NAME] [PART [ARG...]]
  local part=${1:-all} failed=
  if [ "$part" = --engine ]; then
    venv
    on_engine "${2:-}" test "${@:3}"
  fi
  [ $# = 0 ] || shift
  case "$part" in
    all | lint) [ $# = 0 ] || bad "test${part#all}" "$1" ;;
    unit | deploy | e2e | chaos | browser | labs) ;;
    *) die 2 "test: unknown part '$part': expected ${parts[*]}" ;;
  esac
  venv
  case "$part" in unit | deploy) ;; *) prepare ;; esac
  case "$part" in all | e2e | chaos | browser | labs) build ;; esac
  [ "$part" = all ] || parts=("$part")
  for part in "${parts[@]}"; do timed "$part" "$@" || failed="$failed $part"; done
  [ -z "$failed" ] || die 1 "failed:$failed"
}

timed() { # PART ARG...
  local code=0 started=$SECONDS
  echo "== $1 =="
  "test_$1" "${@:2}" || code=$?
  echo "== $1: $([ $code = 0 ] && echo passed || echo FAILED) in $((SECONDS - started)) s =="
  return $code
}

venv() {
  need_python
  local wanted
  wanted="$(python3 -V) $(cksum <requirements-dev.txt)"
  [ "$(cat "$state/venv/stamp" 2>/dev/null)" = "$wanted" ] && return
  rm -rf "$state/venv"
  python3 -c 'import ensurepip' 2>/dev/null || apt_get "python3 has no venv module" python3-venv
  must "making the virtual environment" python3 -m venv "$state/venv"
  must "installing the test tools" "$state/venv/bin/pip" install --no-input --require-hashes -r requirements-dev.txt
  echo "$wanted" >"$state/venv/stamp"
}

apt_get() { # COMPLAINT PACKAGE, or another that has it
  [ "$(id -u)" = 0 ] || die 3 "$1: install it (Debian: apt-get install $2)"
  command -v apt-get >/dev/null || die 3 "$1: install it"
  # shellcheck disable=SC2016  # for the shell inside
  must "installing $2" sh -c 'apt-get update; export DEBIAN_FRONTEND=noninteractive
    for package; do apt-get install --yes --no-install-recommends "$package" && exit; done; exit 1' sh "${@:2}"
}

test_lint() {
  local bin=$state/venv/bin scripts=(lab .ci/run scripts/*.sh labs/*.sh) forms=.github/ISSUE_TEMPLATE failed=0 more
  "$bin/ruff" check . || failed=1
  "$bin/ruff" format --check . || failed=1
  "$bin/mypy" || failed=1
  "$bin/shellcheck" -x -P SCRIPTDIR "${scripts[@]}" || failed=1
  "$bin/shfmt" -i 2 -ci -d "${scripts[@]}" || failed=1
  "$bin/hadolint" Dockerfile labs/tools.Dockerfile .devcontainer/Dockerfile || failed=1
  "$bin/yamllint" --strict . || failed=1
  "$bin/check-jsonschema" --builtin-schema vendor.compose-spec compose.yaml || failed=1
  # An override's !reset is Compose's own tag: what Compose makes of both files is checked.
  for more in compose.default-bridge.yaml deploy/swarm/stack.yaml; do
    docker compose -f compose.yaml -f $more config --format json |
      "$bin/check-jsonschema" --builtin-schema vendor.compose-spec - || failed=1
  done
  "$bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml || failed=1
  "$bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml || failed=1
  "$bin/check-jsonschema" --builtin-schema vendor.github-issue-forms $forms/*.yml || failed=1
  "$bin/zizmor" --offline --persona pedantic --quiet .github || failed=1
  "$bin/codespell" --check-hidden --skip '.git,.lab,.*_cache,requirements*.txt' || failed=1
  # Not: long lines, commands without output, a directive right above its block, <details>.
  "$bin/pymarkdown" -d md013,md014,md031,md033 --set 'plugins.md010.code_blocks=$!False' \
    --set 'plugins.md024.siblings_only=$!True' scan -r ./*.md docs labs || failed=1
  return $failed
}

# pytest clean-up runs on an interrupt only, and bash would not pass one on to a foreground child.
pytest() { # ARG...
  local code=0 end_with=INT
  launch "$state/venv/bin/pytest" "$@"
  wait "$child" || code=$?
  child=
  return $code
}

test_unit() { pytest tests/unit -n 2 "$@"; }

# kubectl renders deploy/kubernetes for the tests; no cluster is needed.
test_deploy() {
  command -v kubectl >/dev/null || apt_get "kubectl is missing" kubectl kubernetes-client
  pytest tests/deploy -n 2 "$@"
}

test_e2e() { pytest tests/e2e -n 2 --dist loadfile "$@"; }

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
  local code=0
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
  pytest labs tests/pages -n 2 --dist loadgroup "$@" || code=$?
  undo
  return $code
}
