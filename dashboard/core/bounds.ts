// What is bounded in the process, and how much of each limit is used: the bars of the page of limits.
import { count } from './format.js';
import type { Limits } from './types.js';

export interface Bound {
  readonly name: string;
  readonly used: number;
  readonly limit: number | null;
  readonly unit?: 'bytes';
  readonly note?: string;
  /** True: a full bar is no fault. */
  readonly isHarmless?: boolean;
}

export function boundsOf({
  concurrency,
  bodies,
  streams,
  bulkheads,
  databaseConnections,
}: Limits): readonly Bound[] {
  const { held, most, waiting } = databaseConnections;
  return [
    { name: 'Requests in flight', used: concurrency.inFlight, limit: concurrency.maxInFlight },
    { name: 'Pending bodies', used: bodies.pending, limit: bodies.maxPending },
    { name: 'Buffered bodies', used: bodies.bufferedBytes, limit: bodies.maxBufferedBytes, unit: 'bytes' },
    {
      name: 'Open streams',
      used: streams.open,
      limit: streams.max,
      note: `${count(streams.maxPerAddress)} for each address`,
    },
    {
      name: 'Database connections',
      used: held,
      limit: most,
      // Pools keep idle connections, so all may be held while nothing runs.
      isHarmless: waiting === 0,
      note: waiting > 0 ? `${count(waiting)} pools wait` : 'with idle ones',
    },
    ...bulkheads.map(({ name, held: used, limit }) => ({ name: `Bulkhead ${name}`, used, limit })),
  ];
}
