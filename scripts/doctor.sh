# shellcheck shell=bash disable=SC2154  # lab sets engine and images
# What `./lab doctor` says of this machine. Read by lab, whose functions it uses: find_engine, check_versions, die.

look_at_machine() {
  local image note wrong=0
  find_engine
  [ "$engine" = here ] || die 3 "the engine is $engine: ./lab up $([ "$engine" = stopped ] && echo starts || echo installs) it"
  check_versions
  echo "engine  Docker Engine $(engine_version), Compose $(docker compose version --short), storage $(docker info --format '{{.Driver}}')"
  for image in python:3.13-slim alpine "${images[@]}"; do
    if ! has_images "$image"; then
      note="MISSING: ./lab up gets or builds it" wrong=1
    else
      note=here
      case "$image" in
        two-bridges-*) ;; # inherits its base's label
        *) note=$(docker image inspect --format '{{with index .Config.Labels "two-bridges.stand-in"}}stand-in {{.}}{{else}}here{{end}}' "$image") ;;
      esac
    fi
    printf 'image   %s: %s\n' "$image" "$note"
  done
  note=$(docker compose ps --format 'pair    {{.Service}}: {{.Status}}')
  echo "${note:-pair    not running: ./lab up starts it}"
  echo "port    $(webapp_port) on 127.0.0.1 (WEBAPP_PORT)"
  [ $wrong = 0 ] || die 3 "something is missing: ./lab up makes it good"
}
