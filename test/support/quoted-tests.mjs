// The tests that a page of docs/ quotes as “title”, and whether they passed.

/** The titles that a page quotes. It says “title” where it explains how it names tests. */
export function quoted(page) {
  return [...new Set([...page.matchAll(/“([^”]+)”/g)].map(([, title]) => title))].filter((title) => title !== 'title');
}

/**
 * What is wrong with these titles, by jest's results of all tests: none ran, or one did not pass.
 * @param maySkip whether a machine may lack what a test needs
 */
export function unproved(titles, results, maySkip) {
  return titles.flatMap((title) => {
    const pattern = new RegExp(`^${patternOf(title)}$`, 's');
    const named = results.filter((test) => [test.title, ...test.ancestorTitles].some((name) => pattern.test(name)));
    const failed = named.find(({ status }) => status === 'failed');
    // A machine may lack what one of several groups needs that run the same test.
    if (!failed && named.some(({ status }) => status === 'passed')) return [];
    const other = failed ?? named[0];
    if (maySkip && other?.status === 'pending') return [];
    return [`“${title}”: ${other ? `“${other.fullName}” is ${other.status}` : 'no such test ran'}`];
  });
}

/** What a title looks like in jest's report, as a regular expression: `%s` and `$name` are filled in from a table. */
export function patternOf(title) {
  return title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/%[a-z]|\\\$\w+/g, '.*');
}
