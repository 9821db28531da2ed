// Shows the times of a page in the browser's zone and language; without this they are shown in UTC.
/* global document, navigator */
const styles = {
  day: { dateStyle: 'medium' },
  minute: { dateStyle: 'medium', timeStyle: 'short' },
  second: { dateStyle: 'medium', timeStyle: 'medium' },
};
const exact = new Intl.DateTimeFormat(navigator.languages, { dateStyle: 'full', timeStyle: 'long' });

for (const time of document.querySelectorAll('time[data-precision]')) {
  const at = new Date(time.dateTime);
  const format = new Intl.DateTimeFormat(navigator.languages, styles[time.dataset.precision]);
  time.textContent = format.format(at);
  time.title = exact.format(at);
  // The page itself is in English.
  time.lang = format.resolvedOptions().locale;
}
