#!/bin/bash
# Creates what a fresh clone lacks: random secrets and a self-signed test certificate, in the volume at /secrets.
# Runs in the mysql image, which has openssl. Existing files are never changed: to start again, remove the volumes.
# Each file can be read only by root and by the one user that needs it.
set -euo pipefail
umask 077
cd /secrets

# keep NAME UID VALUE: stores the value in the file NAME, completely or not at all.
keep() {
  echo "$3" >"$1.new"
  chown "$2" "$1.new"
  chmod 400 "$1.new"
  mv "$1.new" "$1"
  echo "created $1"
}

# The databases read all of these, as root, and create the accounts. MySQL allows at most 32 characters in the password of
# the replication account.
for name in root-password app-password migration-password keeper-password replication-password; do
  if [ ! -e "$name" ]; then
    value=$(openssl rand -hex 16)
    keep "$name" root "$value"
  fi
done
chown "$GROUP_UID" keeper-password replication-password
# An earlier release gave these to the keeper.
chown root root-password app-password

for name in session-secrets sync-secret; do
  if [ ! -e "$name" ]; then
    value=$(openssl rand -hex 32)
    keep "$name" "$WEB_UID" "$value"
  fi
done

urls() { # urls ACCOUNT PASSWORD
  local urls=
  for node in $NODES; do urls+="${urls:+,}mysql://$1:$2@$node:3306/roam"; done
  echo "$urls"
}
[ -e database-urls ] || keep database-urls "$WEB_UID" "$(urls roam "$(<app-password)")"
# The migrations are a user of their own, in the group of the web servers: they read the settings that those have, and those
# cannot read this.
[ -e migration-database-urls ] ||
  keep migration-database-urls "$MIGRATION_UID" "$(urls migrator "$(<migration-password)")"
chgrp "$WEB_UID" database-urls session-secrets sync-secret
chmod 440 database-urls session-secrets sync-secret

# The certificate of the MySQL servers. Its authority signs nothing else: the authority's key is deleted.
if [ ! -e mysql-tls.pem ]; then
  temporary=$(mktemp -d)
  names=
  for node in $NODES; do names+="${names:+,}DNS:$node"; done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=roam's databases" \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' \
    -keyout "$temporary/ca.key" -out "$temporary/ca.pem"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mysql \
    -keyout "$temporary/key.pem" -out "$temporary/request.pem"
  value=$(openssl x509 -req -in "$temporary/request.pem" -CA "$temporary/ca.pem" -CAkey "$temporary/ca.key" -days 3650 \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names"))
  value+=$'\n'$(<"$temporary/key.pem")
  authority=$(<"$temporary/ca.pem")
  rm -r "$temporary"
  keep mysql-ca.pem root "$authority"
  # Not a secret: every client of a MySQL server needs it.
  chmod 444 mysql-ca.pem
  keep mysql-tls.pem mysql "$value"
fi

if [ ! -e tls.pem ]; then
  # Certificate and key in one file, so that neither exists without the other.
  value=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' -addext 'extendedKeyUsage=serverAuth' -keyout - -out -)
  keep tls.pem "$NGINX_UID" "$value"
fi

# Not a secret: the project's name begins the names of its containers, by which nginx finds one web server.
keep project.conf "$NGINX_UID" "set \$project $PROJECT;"
