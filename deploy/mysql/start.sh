#!/bin/bash
# Starts one MySQL node of the group; its host name ends in its number (mysql1, mysql2 …).
# A node never forms or joins the group by itself: that is done by the service `group`, which sees all of them.
set -euo pipefail

# The first start makes the data directory here, not in the image's entrypoint: nothing of it may enter the binary log,
# because a node with transactions of its own cannot join the group. What an interrupted attempt left is made anew.
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

settings=(
  --server-id="${HOSTNAME##*[!0-9]}"
  --report-host="$HOSTNAME"
  --skip-name-resolve
  --mysqlx=OFF
  --relay-log=relay
  --transaction-isolation=READ-COMMITTED
  --default-time-zone=+00:00
  # Outside of the group nothing may be written; the group itself opens its members.
  --super-read-only=ON

  --gtid-mode=ON
  --enforce-gtid-consistency=ON
  --plugin-load-add=group_replication.so
  --plugin-load-add=mysql_clone.so
  --group-replication-start-on-boot=OFF
  --group-replication-group-name="$GROUP_NAME"
  --group-replication-local-address="$HOSTNAME:33061"
  --group-replication-group-seeds="$GROUP_SEEDS"

  # Every node writable; nobody waits for another, the web servers see to reading what was written.
  --group-replication-single-primary-mode=OFF
  --group-replication-enforce-update-everywhere-checks=ON
  --group-replication-consistency=EVENTUAL
  # A node that is gone is let go at once: meanwhile the others could not commit.
  --group-replication-member-expel-timeout=0
  # Cut off from the majority: give up after 5 s and take no more writes, until the service `group` takes it back.
  --group-replication-unreachable-majority-timeout=5
  --group-replication-exit-state-action=READ_ONLY
  --group-replication-autorejoin-tries=0
  # Further behind than this many transactions, a node copies another instead of replaying them.
  --group-replication-clone-threshold=100000

  # Nobody is spoken to in the clear, and nodes speak only to nodes of the same authority.
  --ssl-ca=/secrets/mysql-ca.pem
  --ssl-cert=/secrets/mysql-tls.pem
  --ssl-key=/secrets/mysql-tls.pem
  --require-secure-transport=ON
  --group-replication-ssl-mode=VERIFY_CA
  --group-replication-recovery-use-ssl=ON
  --group-replication-recovery-ssl-ca=/secrets/mysql-ca.pem
  --group-replication-recovery-ssl-verify-server-cert=ON
  --group-replication-recovery-get-public-key=ON
  # Its bound, not its size; the default is 1 GB.
  --group-replication-message-cache-size=134217728
)
exec docker-entrypoint.sh mysqld "${settings[@]}"
