// How often each fault is done, and how much the users ask meanwhile.
import { availableParallelism } from 'node:os';

/** FAULT_ROUNDS: the worst of so many rounds counts; one by default. */
export const rounds = Number(process.env.FAULT_ROUNDS ?? 1);

/** What one processor serves with databases, nginx and the users themselves on it, and room for what a fault costs. */
const PER_PROCESSOR = 75;

/** FAULT_RATE: requests per second. */
export const perSecond = Number(process.env.FAULT_RATE ?? Math.min(300, PER_PROCESSOR * availableParallelism()));
