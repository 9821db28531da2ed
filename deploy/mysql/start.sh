#!/bin/bash
# Starts one MySQL node of the group; its host name ends in its number (mysql1, mysql2 …).
# A node never forms or joins the group by itself. The service `group` does that, because it sees all nodes.
set -euo pipefail

# The first start creates the data directory here, not in the image's entrypoint. Nothing of it may enter the binary
# log, because a node with transactions of its own cannot join the group. An interrupted attempt starts again.
data=/var/lib/mysql
if [ ! -d $data/mysql ] || [ -e $data/.unfinished ]; then
  rm -rf ${data:?}/*
  touch $data/.unfinished
  chown mysql:mysql $data
  password=$(<"$ROOT_PASSWORD_FILE")
  statements=$(mktemp -p /dev/shm)
  chown mysql "$statements"
  cat >"$statements" <<SQL
SET SESSION sql_log_bin = OFF;
ALTER USER root@localhost IDENTIFIED BY '$password';
CREATE USER root@'%' IDENTIFIED BY '$password';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
SQL
  mysqld --initialize-insecure --user=mysql --init-file="$statements"
  rm "$statements" $data/.unfinished
fi

# The other accounts, at each start and before anybody can connect: so a node of an earlier release, or one with a new
# password, has them too. Each has the rights that its user needs. Those to write to tables are given to the web servers'
# account by the migrations.
accounts=/dev/shm/accounts.sql
client() { # client NAME PASSWORD-FILE
  local password
  password=$(<"$2")
  echo "CREATE USER IF NOT EXISTS $1@'%' IDENTIFIED BY '$password';"
  echo "ALTER USER $1@'%' IDENTIFIED BY '$password';"
}
(
  umask 077
  {
    echo 'SET SESSION sql_log_bin = OFF;'
    echo 'CREATE DATABASE IF NOT EXISTS roam;'
    client replication "$REPLICATION_PASSWORD_FILE"
    echo "GRANT REPLICATION SLAVE, BACKUP_ADMIN, CONNECTION_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO replication@'%';"
    client keeper "$KEEPER_PASSWORD_FILE"
    echo "GRANT CONNECTION_ADMIN, GROUP_REPLICATION_ADMIN, REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN ON *.* TO keeper@'%';"
    client roam "$APP_PASSWORD_FILE"
    echo "GRANT SELECT ON roam.* TO roam@'%';"
    client migrator "$MIGRATION_PASSWORD_FILE"
    echo "GRANT ALL PRIVILEGES ON roam.* TO migrator@'%' WITH GRANT OPTION;"
    echo "GRANT REPLICATION CLIENT ON *.* TO roam@'%', migrator@'%';"
    echo "GRANT SELECT ON performance_schema.* TO roam@'%', migrator@'%', keeper@'%';"
    # A node outside the group must not accept writes; the group makes its members writable.
    echo 'SET GLOBAL super_read_only = ON;'
  } >"$accounts"
  chown mysql "$accounts"
)

settings=(
  --init-file="$accounts"
  --server-id="${HOSTNAME##*[!0-9]}"
  --report-host="$HOSTNAME"
  --skip-name-resolve
  # Each web server opens at most 51.
  --max-connections=400
  --mysqlx=OFF
  --relay-log=relay
  --transaction-isolation=READ-COMMITTED
  --default-time-zone=+00:00

  --gtid-mode=ON
  --enforce-gtid-consistency=ON
  --plugin-load-add=group_replication.so
  --plugin-load-add=mysql_clone.so
  --group-replication-start-on-boot=OFF
  --group-replication-group-name="$GROUP_NAME"
  --group-replication-local-address="$HOSTNAME:33061"
  --group-replication-group-seeds="$GROUP_SEEDS"

  # Every node is writable. Reads do not wait for other nodes; the web servers make sure that they read new enough data.
  --group-replication-single-primary-mode=OFF
  --group-replication-enforce-update-everywhere-checks=ON
  --group-replication-consistency=EVENTUAL
  # The group expels a lost node at once: until then the other nodes cannot commit.
  --group-replication-member-expel-timeout=0
  # A node without a majority stops accepting writes after 5 s, until the service `group` has it join again.
  --group-replication-unreachable-majority-timeout=5
  --group-replication-exit-state-action=READ_ONLY
  --group-replication-autorejoin-tries=0
  # A node that lacks more transactions than this copies another node instead of replaying them.
  --group-replication-clone-threshold=100000

  # All connections use TLS, and nodes accept only nodes with a certificate of the same authority.
  --ssl-ca=/secrets/mysql-ca.pem
  --ssl-cert=/secrets/mysql-tls.pem
  --ssl-key=/secrets/mysql-tls.pem
  --require-secure-transport=ON
  --group-replication-ssl-mode=VERIFY_CA
  --group-replication-recovery-use-ssl=ON
  --group-replication-recovery-ssl-ca=/secrets/mysql-ca.pem
  --group-replication-recovery-ssl-verify-server-cert=ON
  --group-replication-recovery-get-public-key=ON
  # An upper limit; the default is 1 GB.
  --group-replication-message-cache-size=134217728
)
exec docker-entrypoint.sh mysqld "${settings[@]}"
