// nginx's part of what routes declare: which location a request goes to, and what that location allows.
import { policyOf, type RoutePolicy } from './policy.js';
import type { RouteTable } from './route-table.js';

/** The files to include, by name: the first inside `http`, the second inside `server`. */
export type NginxInclude = ReadonlyMap<'routes-map.conf' | 'routes-locations.conf', string>;

const note = '# Written by `npm run routes` from the declarations of the handlers (docs/write-a-route.md).\n';

export function nginxInclude(table: RouteTable): NginxInclude {
  const policies = [policyOf('GET'), policyOf('POST'), policyOf('POST', { repeatable: true })];
  const named = new Map(
    [...policies, ...table.entries.map(({ policy }) => policy)].map((each) => [nameOf(each), each]),
  );
  const rules = table.entries.map(({ pattern, policy }) => `  '~${pattern}' ${nameOf(policy)};\n`);
  const map = `${note}# $path is the address that a web server gets, without its query.
map "$request_method $path" $route {
${rules.join('')}  '~^(?:GET|HEAD) ' safe;
  default once;
}
`;
  const locations = note + [...named].map(([name, policy]) => location(name, policy)).join('');
  return new Map([
    ['routes-map.conf', map],
    ['routes-locations.conf', locations],
  ]);
}

/** The name of a location says what holds in it. */
function nameOf(policy: RoutePolicy): string {
  const { isRepeatable, isSafe, timeMs, bodyBytes, idleMs, isStream, takesEveryType, isSocket } = policy;
  const usual = policyOf('GET');
  return [
    isRepeatable ? (isSafe ? 'safe' : 'repeatable') : 'once',
    ...(timeMs === usual.timeMs ? [] : [`time-${timeMs}`]),
    ...(takesEveryType || bodyBytes !== usual.bodyBytes ? [`body-${bodyBytes}`] : []),
    ...(idleMs === usual.idleMs ? [] : [`idle-${idleMs}`]),
    ...(isStream ? [isSocket ? 'socket' : 'stream'] : []),
  ].join('-');
}

function location(name: string, policy: RoutePolicy): string {
  const { isRepeatable, isSafe, bodyBytes, idleMs, isStream } = policy;
  const own = [
    `client_max_body_size ${bodyBytes};`,
    `proxy_read_timeout ${idleMs}ms;`,
    ...(isStream ? ['proxy_buffering off;'] : []),
  ];
  if (isRepeatable) {
    const repeats = `proxy_next_upstream error timeout ${isSafe ? '' : 'non_idempotent '}http_504;`;
    return block(`= /.route/${name}`, ['internal;', ...own, repeats, 'proxy_pass http://$backend$target;']);
  }
  // A level with an error page of its own has none of those around it.
  const once = [
    ...own,
    'proxy_next_upstream off;',
    'error_page 413 @too_large_$page;',
    `error_page 421 502 504 = @again_${name};`,
    'error_page 529 =429 @too_many_$page;',
  ];
  return (
    block(`= /.route/${name}`, ['internal;', ...once, 'proxy_pass http://$backend$target;']) +
    block(`@again_${name}`, [
      '# To another server, if the last one has not begun it.',
      'if ($may_have_begun) {',
      '  return 530;',
      '}',
      'if ($has_tries_left = 0) {',
      '  return 531;',
      '}',
      ...once,
      'error_page 530 =502 @unknown_$page;',
      'error_page 531 =503 @unavailable_$page;',
      'proxy_pass http://$another$target;',
    ])
  );
}

function block(name: string, lines: readonly string[]): string {
  return `\nlocation ${name} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}
