// Which MySQL, nginx and Redis will do: reads what they print for --version.

/** The oldest MySQL whose Group Replication behaves as this project expects. */
const OLDEST_MYSQL = [8, 4] as const;

export type Verdict = { readonly version: string } | { readonly refused: string };

/** `mysqld --version`: MySQL 8.4 or later; MariaDB and older ones are refused with the reason. */
export function judgeMysql(text: string): Verdict {
  if (/mariadb/i.test(text))
    return {
      refused: 'it is MariaDB, which has no Group Replication and different GTIDs; MySQL 8.4 or later is needed',
    };
  const [, version = '', major, minor] = /\bVer ((\d+)\.(\d+)\.\d+)/.exec(text) ?? [];
  if (major === undefined) return { refused: `it does not report a MySQL version, but "${text.slice(0, 80)}"` };
  const [oldestMajor, oldestMinor] = OLDEST_MYSQL;
  if (Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor))
    return { refused: `it is MySQL ${version}; ${OLDEST_MYSQL.join('.')} or later is needed` };
  return { version };
}

/** `nginx -v`. */
export function judgeNginx(text: string): Verdict {
  const [, version] = /nginx\/(\d+\.\d+\.\d+)/.exec(text) ?? [];
  return version === undefined
    ? { refused: `it does not report an nginx version, but "${text.slice(0, 80)}"` }
    : { version };
}

/** `redis-server --version`, or Valkey's. */
export function judgeRedis(text: string): Verdict {
  const [, version] = /\b(?:Redis|Valkey) server v=(\d+\.\d+\.\d+)/i.exec(text) ?? [];
  return version === undefined
    ? { refused: `it does not report a Redis or Valkey version, but "${text.slice(0, 80)}"` }
    : { version };
}
