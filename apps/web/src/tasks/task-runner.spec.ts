// The runner of background tasks: when it runs them, how much of the work at once, and how it ends.
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { TaskRunner, type Task } from './task-runner.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const warn = jest.fn();
const write = jest.fn(async () => ({ affectedRows: 1 }));
const batch = jest.fn(async () => 0);
const everyMs = 60_000;
/** @param tookMs of the fake clock */
const batchOf = (items: number, tookMs: number) => async () => {
  jest.advanceTimersByTime(tookMs);
  return items;
};
const task: Task = { name: 'a-task', everyMs, leased: true, batch };
const start = (tasks: readonly Task[]) => {
  const runner = new TaskRunner({ write } as never, 'web1', { warn }, tasks);
  runner.onApplicationBootstrap();
  return runner;
};
beforeEach(() => {
  jest.clearAllMocks();
});

it('runs a task again and again, also after a failure, which it logs', async () => {
  batch.mockRejectedValueOnce(new Error('out of reach'));
  const runner = start([task]);
  await jest.advanceTimersByTimeAsync(everyMs - 1);
  expect(batch).not.toHaveBeenCalled();
  await jest.advanceTimersByTimeAsync(everyMs + 1);
  expect(batch).toHaveBeenCalledTimes(1);
  expect(warn).toHaveBeenCalledWith(expect.anything(), expect.stringContaining('a-task failed'));
  await jest.advanceTimersByTimeAsync(2 * everyMs);
  expect(batch.mock.calls.length).toBeGreaterThanOrEqual(2);
  expect(warn).toHaveBeenCalledTimes(1);
  await runner.onApplicationShutdown();
});

it('does batches until nothing is left, but no longer than half its lease', async () => {
  const runner = start([]);
  const run = async () => {
    const running = runner.run(task);
    await jest.advanceTimersByTimeAsync(everyMs);
    return running;
  };
  batch.mockResolvedValueOnce(500).mockResolvedValueOnce(20);
  expect(await run()).toBe(520);
  // With its rest each takes a tenth of the task's time.
  batch.mockImplementation(batchOf(500, everyMs / 200));
  expect(await run()).toBe(5 * 500);
  batch.mockImplementation(async () => 0);
});

it('rests after a batch for nineteen times as long as that took, so that requests hardly meet it', async () => {
  const runner = start([]);
  batch.mockImplementationOnce(batchOf(500, 10));
  const running = runner.run(task);
  await jest.advanceTimersByTimeAsync(189);
  expect(batch).toHaveBeenCalledTimes(1);
  await jest.advanceTimersByTimeAsync(1);
  expect(batch).toHaveBeenCalledTimes(2);
  expect(await running).toBe(500);
});

it('does not rest when the server ends', async () => {
  const runner = start([]);
  batch.mockImplementationOnce(batchOf(500, 1000));
  const running = runner.run(task);
  await jest.advanceTimersByTimeAsync(1);
  await runner.onApplicationShutdown();
  expect(await running).toBe(500);
  expect(batch).toHaveBeenCalledTimes(1);
});

it('takes no lease for a task that every server runs for itself', async () => {
  await start([]).run({ ...task, leased: false });
  expect(batch).toHaveBeenCalledTimes(1);
  expect(write).not.toHaveBeenCalled();
});

it('stops between two batches at the end of the server, and runs nothing afterwards', async () => {
  jest.spyOn(Math, 'random').mockReturnValueOnce(0);
  const runner = start([task]);
  let finish: (items: number) => void = () => undefined;
  batch.mockImplementationOnce(() => new Promise((resolve) => (finish = resolve)));
  await jest.advanceTimersByTimeAsync(everyMs);
  let hasEnded = false;
  const ended = runner.onApplicationShutdown().then(() => (hasEnded = true));
  await jest.advanceTimersByTimeAsync(1);
  expect(hasEnded).toBe(false);
  finish(500);
  await ended;
  await jest.advanceTimersByTimeAsync(4 * everyMs);
  expect([batch.mock.calls.length, write.mock.calls.length]).toEqual([1, 1]);
});
