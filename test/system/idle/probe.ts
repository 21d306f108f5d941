// Requests at a fixed rate, whatever the server does (open loop), each timed from the moment it was due.
import { setTimeout as sleep } from 'node:timers/promises';
import { Wire } from '#test/support/wire.js';

export interface Rate {
  readonly perSecond: number;
  readonly seconds: number;
}

/** @returns the 99th percentile in ms @throws Error when a request gets another status than 200 */
export async function probeP99(url: string, path: string, { perSecond, seconds }: Rate): Promise<number> {
  const free: Wire[] = [];
  const ask = async (due: number): Promise<number> => {
    const wire = free.pop() ?? (await Wire.open(url));
    const response = await wire.request('GET', path);
    const took = performance.now() - due;
    if (response?.status !== 200) throw new Error(`the response to the probe was ${response?.status}`);
    // A worker with more connections than its share announces the end of some of them.
    if (response.closes) wire.destroy();
    else free.push(wire);
    return took;
  };
  const requests: Promise<number>[] = [];
  const start = performance.now();
  const count = perSecond * seconds;
  while (requests.length < count) {
    const due = start + (requests.length * 1000) / perSecond;
    if (performance.now() >= due) requests.push(ask(due));
    else await sleep(1);
  }
  const sorted = (await Promise.all(requests)).sort((a, b) => a - b);
  for (const wire of free) wire.destroy();
  return sorted[Math.floor(count * 0.99)]!;
}
