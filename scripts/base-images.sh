#!/usr/bin/env bash
# Gets the base images: from the engine, else from the registry, else built here as stand-ins.
#   scripts/base-images.sh [IMAGE...]     default: python:3.13-slim alpine; docs/extend.md takes postgres:17
# A stand-in has the image's own name and is made from Debian's packages; it says what it is in
# its label two-bridges.stand-in. An image that is already there is never replaced.
# Exit: 0 all there, 2 an image that has no stand-in, 3 one can neither be pulled nor built.
set -euo pipefail

suite=trixie # Debian 13: its Python is 3.13, its busybox 1.37, as in the images it stands in for

source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

die() { # CODE LINE
  printf 'base-images.sh: %s\n' "$2" >&2
  exit "$1"
}

main() {
  local image
  for image in "$@"; do
    case "$image" in
      python:3.13-slim | alpine | postgres:17) ;;
      *) die 2 "$image: expected python:3.13-slim, alpine or postgres:17" ;;
    esac
  done
  for image in "$@"; do
    if docker image inspect "$image" >/dev/null 2>&1; then
      echo "$image is here$(stand_in_of "$image")"
    elif echo "pulling $image" && docker pull --quiet "$image"; then
      echo "$image pulled"
    else
      echo "no registry gives $image: building a stand-in from Debian's packages"
      prepare
      "build_${image%%:*}" "$image"
    fi
  done
}

stand_in_of() {
  docker image inspect --format '{{with index .Config.Labels "two-bridges.stand-in"}}, as a stand-in: {{.}}{{end}}' "$1"
}

prepare() {
  [ -z "${mirror:-}" ] || return 0
  { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } ||
    die 3 "a stand-in is built as root on Debian or Ubuntu; else load the image by hand (docker load) or name a registry mirror to the engine"
  mirror=$(debian_mirror)
  if ! command -v mmdebstrap >/dev/null; then
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends mmdebstrap debian-archive-keyring
  fi
  work=$(mktemp -d "${TMPDIR:-/tmp}/two-bridges-base.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

debian() {
  TMPDIR=$work mmdebstrap --mode=root --aptopt='Acquire::Languages "none"' "$@" "$suite" \
    --keyring=$keyring - "$mirror"
}

import() { # NAME CHANGE...
  local image=$1 change changes=()
  shift
  for change in "$@" "LABEL two-bridges.stand-in=\"made from Debian $suite packages, no registry\""; do
    changes+=(--change "$change")
  done
  docker import "${changes[@]}" - "$image"
}

build_python() {
  # As in the real image: no manuals, `python` on the PATH, pip may install into the system.
  # The host's certificates go in, so that pip trusts a TLS-inspecting proxy where the host does.
  # shellcheck disable=SC2016  # $1 is for the hook's own shell
  debian --variant=apt --include=python3,python3-pip,python3-venv,ca-certificates \
    --dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/doc/* \
    --dpkgopt=path-exclude=/usr/share/locale/* \
    --customize-hook='ln -s /usr/bin/python3 "$1/usr/local/bin/python"' \
    --customize-hook='rm -f "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED' \
    --customize-hook='cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"' \
    >"$work/python.tar"
  import "$1" 'ENV LANG=C.UTF-8' 'CMD ["python3"]' <"$work/python.tar"
}

build_alpine() {
  local root=$work/alpine applet
  mkdir -p "$work/deb" "$root"/{bin,sbin,usr/bin,usr/sbin,etc,root,tmp,var,proc,sys,dev,run}
  debian --variant=extract --include=busybox-static | tar -x -C "$work/deb"
  cp "$work/deb/usr/bin/busybox" "$root/bin/busybox"
  for applet in $("$root/bin/busybox" --list-full); do
    [ "$applet" = bin/busybox ] || ln -sf /bin/busybox "$root/$applet"
  done
  chmod 1777 "$root/tmp"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:root' >"$root/etc/group"
  tar -c -C "$root" --owner=0 --group=0 . | import "$1" 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' 'CMD ["/bin/sh"]'
}

build_postgres() {
  main python:3.13-slim
  docker build --quiet --tag "$1" - <"$(dirname "${BASH_SOURCE[0]}")/postgres.Dockerfile"
}

if [ $# = 0 ]; then set -- python:3.13-slim alpine; fi
main "$@"
