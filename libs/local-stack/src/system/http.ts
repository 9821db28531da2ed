// The one HTTP question that the stack asks: is there an answer.

/** Whether a request gets an answer within 2 s, of status `wanted` where one is given. */
export async function answers(url: string, wanted?: number): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: 'close' } });
    await response.body?.cancel();
    return wanted === undefined || response.status === wanted;
  } catch {
    return false;
  }
}
