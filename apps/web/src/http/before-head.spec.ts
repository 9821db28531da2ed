// The hooks before a response's head run for every way to send it, the last one first.
import { expect, it } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { beforeHead } from './before-head.js';

it.each(['writeHead', 'json', 'write'] as const)(
  'each sees the status that the next one made of it: %s',
  async (way) => {
    const seen: number[] = [];
    const app = express().use((_request, response) => {
      for (const to of [504, 503])
        beforeHead(response, (status) => {
          seen.push(status);
          return to;
        });
      response.statusCode = 200;
      if (way === 'json') response.json({});
      else if (way === 'write') response.write('x', () => response.end());
      else response.writeHead(200, { 'X-Own': 'kept' }).end();
    });
    const answer = await supertest(app).get('/');
    expect([answer.status, seen]).toEqual([504, [200, 503]]);
    if (way === 'writeHead') expect(answer.headers['x-own']).toBe('kept');
  },
);
