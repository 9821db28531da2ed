// How often each fault is done: once, or as often as FAULT_ROUNDS says.

export const rounds = Number(process.env.FAULT_ROUNDS ?? 1);
