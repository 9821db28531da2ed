// What counts as a picture.
import { describe, expect, it } from '@jest/globals';
import { imageTypeOf } from './image-type.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('the type of a picture', () => {
  it.each([
    ['image/png', '\x89PNG\r\n\x1a\n and more'],
    ['image/jpeg', '\xff\xd8\xff\xe0\x00\x10JFIF'],
    ['image/gif', 'GIF87a'],
    ['image/gif', 'GIF89a and more'],
    ['image/webp', 'RIFF\x10\x00\x00\x00WEBPVP8 '],
  ])('%s is known by its first bytes', (type, content) => {
    expect(imageTypeOf(bytes(content))).toBe(type);
  });

  it.each([
    ['nothing', ''],
    ['a page', '<!doctype html><script>alert(1)</script>'],
    ['a picture that may hold scripts', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['the first bytes behind others', ' GIF89a'],
    ['too few of them', '\x89PNG\r\n\x1a'],
    ['another file of the same container', 'RIFF\x10\x00\x00\x00WAVEfmt '],
  ])('%s is none', (_what, content) => {
    expect(imageTypeOf(bytes(content))).toBeUndefined();
  });
});
