#!/bin/bash
# Exits with 0 when this node is ONLINE in the group: it answers, has caught up and accepts writes.
set -euo pipefail
MYSQL_PWD=$(<"$ROOT_PASSWORD_FILE") mysql --user=root --host=127.0.0.1 --batch --skip-column-names --execute \
  'SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid' |
  grep --quiet --line-regexp ONLINE
