# shellcheck shell=bash disable=SC2034,SC2154  # lab sets state, and reads end_with
# What `./lab test` runs. Read by lab, whose functions it uses: step, must, die, bad, prepare, build.

run_tests() { # [PART [ARG...]]
  local part=${1:-all} failed=
  [ $# = 0 ] || shift
  [[ " all ${parts[*]} " == *" $part "* ]] || die 2 "test: no part '$part': expected ${parts[*]}"
  case "$part" in all | lint) [ $# = 0 ] || bad "test${part#all}" "$1" ;; esac
  venv
  [[ " $bare " == *" $part "* ]] || prepare
  [[ " $bare lint " == *" $part "* ]] || build
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
  local bin=$state/venv/bin forms=.github/ISSUE_TEMPLATE failed=0 more
  local scripts=(lab .ci/run scripts/*.sh) pages=(./*.md docs) overrides=(docs/extend/*/compose.*.yaml)
  local dockerfiles=(Dockerfile .devcontainer/Dockerfile scripts/*.Dockerfile)
  # labs: theirs too
  scripts+=(labs/*.sh) pages+=(labs) overrides+=(compose.default-bridge.yaml deploy/swarm/stack.yaml)
  dockerfiles+=(labs/tools.Dockerfile bench/Dockerfile)
  # :labs
  "$bin/ruff" check . || failed=1
  "$bin/ruff" format --check . || failed=1
  "$bin/mypy" || failed=1
  "$bin/shellcheck" -x -P SCRIPTDIR "${scripts[@]}" || failed=1
  "$bin/shfmt" -i 2 -ci -d "${scripts[@]}" || failed=1
  "$bin/hadolint" "${dockerfiles[@]}" || failed=1
  "$bin/yamllint" --strict . || failed=1
  "$bin/check-jsonschema" --builtin-schema vendor.compose-spec compose.yaml || failed=1
  # An override's !reset is Compose's own tag: what Compose makes of both files is checked.
  for more in "${overrides[@]}"; do
    [ -e "$more" ] || continue # a fork may have removed it
    docker compose -f compose.yaml -f "$more" config --format json |
      "$bin/check-jsonschema" --builtin-schema vendor.compose-spec - || failed=1
  done
  "$bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml || failed=1
  "$bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml || failed=1
  "$bin/check-jsonschema" --builtin-schema vendor.github-issue-forms $forms/*.yml || failed=1
  "$bin/zizmor" --offline --persona pedantic --quiet .github || failed=1
  "$bin/codespell" --check-hidden --skip '.git,.lab,.*_cache,requirements*.txt' || failed=1
  # Not: long lines, commands without output, a directive right above its block, <details>.
  "$bin/pymarkdown" -d md013,md014,md031,md033 --set 'plugins.md010.code_blocks=$!False' \
    --set 'plugins.md024.siblings_only=$!True' scan -r "${pages[@]}" || failed=1
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

test_e2e() { pytest tests/e2e -n 2 --dist loadfile "$@"; }
