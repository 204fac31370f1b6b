# shellcheck shell=bash disable=SC2034  # who reads it names its keyring
# Debian's packages from a mirror of another suite than the host's: what base-images.sh and engines.sh share.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

debian_mirror() { # prints its address
  # shellcheck disable=SC2016  # apt's own variable
  local found=${LAB_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)}
  [ -n "$found" ] || die 3 "apt's sources name no Debian mirror: set LAB_DEBIAN_MIRROR to the address of one"
  echo "$found"
}
