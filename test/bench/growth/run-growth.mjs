// `npm run bench -- --growth`: what a session costs where there are few and where there are millions.
import { FileGrowth } from './file.mjs';
import { figuresOf, sweepFigures } from './figures.ts';
import { MysqlGrowth } from './mysql.mjs';
import { SyncGrowth } from './sync.mjs';
import { growthTable, markdown, sizeName, sweepTable } from './tables.ts';

const METHODS = { mysql: MysqlGrowth, file: FileGrowth, sync: SyncGrowth };

/** Fills and measures one method after the other, and prints its tables. */
export async function measureGrowth({ methods, sizesOf, rounds, durable, say, onStart }) {
  const results = [];
  for (const method of methods) {
    const growth = new METHODS[method]({ sizes: sizesOf(method), rounds, durable, say });
    onStart(() => growth.stop());
    say(`${method}: filling`);
    await growth.fill();
    say(`${method}: measuring`);
    const result = await growth.measure();
    say(`${method}: measured`);
    await growth.stop();
    results.push(print(method, result));
  }
  return results;
}

function print(method, { samples, sweeps = [], bytes, facts = [], settings }) {
  const figures = figuresOf(samples);
  console.log(`\n${method}\n\n${growthTable(figures)}`);
  if (sweeps.length > 0) console.log(`\n${sweepTable(sweeps)}`);
  const lines = bytes.map(({ size, perSession }) => [sizeName(size), sizeName(perSession)]);
  console.log(`\n${markdown(['sessions', 'bytes per session'], lines)}`);
  for (const fact of facts) console.log(`\n${fact}`);
  return { method, figures, sweeps: sweeps.map(sweepFigures), bytes, facts, settings };
}
