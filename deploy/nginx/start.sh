#!/bin/sh
# Starts nginx in a container. Through Docker's published ports all clients may have the address of the network's gateway,
# so that address has no limits of its own: nginx.conf includes what this writes.
set -eu
hex=$(awk '$2 == "00000000" { print $3; exit }' /proc/net/route)
: >/tmp/gateway.conf
if [ -n "$hex" ]; then
  # The bytes are in reverse order.
  set -- $(echo "$hex" | sed 's/\(..\)\(..\)\(..\)\(..\)/0x\4 0x\3 0x\2 0x\1/')
  printf '%d.%d.%d.%d 1;\n' "$@" >/tmp/gateway.conf
fi
exec nginx -g 'daemon off;'
