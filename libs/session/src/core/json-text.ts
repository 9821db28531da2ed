// Tells whether JSON represents a value without loss, so that two values can be compared by their texts.
import { hasExtra, isPlain, isPlainArray } from './json-value.js';

/**
 * Whether `JSON.stringify` leaves out and changes nothing of the enumerable properties that have names, and makes a text of
 * about this length at most. False is no more than a doubt: a value that is undefined, for example, may be left out.
 */
export function canBeText(holder: object, length: number): boolean {
  return roomAfterProperties(holder, length) >= 0;
}

/** How many characters the text may have beside this value's, which are counted too low; negative where it cannot be compared. */
function roomAfter(value: unknown, room: number): number {
  switch (typeof value) {
    case 'string':
      return room - value.length;
    case 'boolean':
      return room - 1;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? room - 1 : -1;
    case 'object':
      if (value === null) return room - 1;
      if (Array.isArray(value)) return isPlainArray(value) ? roomAfterItems(value, room) : -1;
      if (Object.getOwnPropertySymbols(value).length > 0) return -1;
      return isPlain(value) ? roomAfterProperties(value, room) : -1;
    default:
      return -1;
  }
}

function roomAfterProperties(holder: object, room: number): number {
  let rest = room - 1;
  const names = Object.keys(holder);
  for (let index = 0; index < names.length && rest >= 0; index++) {
    const name = names[index];
    rest = roomAfter((holder as Record<string, unknown>)[name], rest - name.length);
  }
  return rest;
}

function roomAfterItems(array: readonly unknown[], room: number): number {
  let rest = room - 1;
  for (let index = 0; index < array.length && rest >= 0; index++) rest = roomAfter(array[index], rest);
  return rest >= 0 && !hasExtra(array) ? rest : -1;
}
