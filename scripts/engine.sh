#!/usr/bin/env bash
# Puts a Docker Engine on a bare Debian or Ubuntu machine, and starts it. Run by ./lab; needs root.
#   scripts/engine.sh plan      one line: what install would do (exit 3: not on this system)
#   scripts/engine.sh install   install the engine, its command line, Compose and Buildx with apt
#   scripts/engine.sh start     start the installed engine and wait until it answers
set -euo pipefail

packages=(docker.io docker-cli docker-compose docker-buildx containerd)
dockerd_log=${LAB_DOCKERD_LOG:-/var/log/two-bridges-dockerd.log}

system() {
  # shellcheck source=/dev/null
  (. /etc/os-release 2>/dev/null && echo "${ID:-?} ${VERSION_ID:-?} ${VERSION_CODENAME:-?}") || echo '? ? ?'
}
read -r id version codename < <(system)

case "$id-$version" in
  debian-12) from="Debian 13's suite (trixie), pinned below everything else" ;;
  debian-13) from="Debian's own suite" ;;
  ubuntu-*) from="Ubuntu's own suite" packages=(docker.io docker-compose-v2 docker-buildx) ;;
  *) from= ;;
esac

plan() {
  if [ -z "$from" ]; then
    echo "no Docker Engine here, and ./lab installs one only on Debian 12, Debian 13 and Ubuntu (this is $id $version): follow docs.docker.com/engine/install, then run ./lab again"
    return 3
  fi
  echo "install Docker Engine with apt: ${packages[*]} from $from"
}

# Debian 12's own engine is older than the floor; 13's runs on 12 with 12's own runc and libraries.
add_trixie() {
  local mirror
  # shellcheck disable=SC2016  # apt's own variable
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Release: $codename" | head -n 1)
  if [ -z "$mirror" ]; then
    echo "engine.sh: apt's sources name no Debian mirror for $codename: add one to /etc/apt/sources.list.d" >&2
    return 3
  fi
  cat >/etc/apt/sources.list.d/two-bridges-trixie.sources <<SOURCES
# Written by the Two Bridges lab (scripts/engine.sh): Docker Engine for Debian 12.
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  cat >/etc/apt/preferences.d/two-bridges-trixie <<PREFERENCES
# Written by the Two Bridges lab (scripts/engine.sh): only these packages come from trixie.
Package: *
Pin: release n=trixie
Pin-Priority: 1

Package: ${packages[*]}
Pin: release n=trixie
Pin-Priority: 990
PREFERENCES
}

install() {
  plan
  export DEBIAN_FRONTEND=noninteractive
  dpkg --configure -a # an earlier run may have been cut off half-way
  apt-get update
  if [ "$id-$version" = debian-12 ]; then
    add_trixie
    apt-get update
  fi
  apt-get install --yes --no-upgrade --no-install-recommends "${packages[@]}" iptables ca-certificates
}

start() {
  local launched=
  if [ -d /run/systemd/system ]; then
    systemctl enable --now docker
    launched=yes
  fi
  for _ in $(seq 120); do
    docker version >/dev/null 2>&1 && return
    # By its pid file: one that is still stopping is waited for, and a node of lab 09 is another's.
    if [ -z "$launched" ] && ! pgrep -x -F /run/docker.pid dockerd >/dev/null 2>&1; then
      echo "no systemd: starting dockerd by hand, its log is $dockerd_log"
      setsid dockerd >>"$dockerd_log" 2>&1 </dev/null &
      launched=yes
    fi
    sleep 0.5
  done
  echo "engine.sh: dockerd did not answer within 60 s; the end of $dockerd_log:" >&2
  tail -n 5 "$dockerd_log" >&2 || true
  return 3
}

case "${1:-}" in
  plan | install | start) "$1" ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
