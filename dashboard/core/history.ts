// The last minutes of the live figures, for charts. They are kept in the page: the process keeps no history.
import { feed } from './feed.js';
import { Points } from './points.js';
import type { Overview, Worker } from './types.js';

/** Workers of which a history is kept. */
const MAX_WORKERS = 256;

/** Requests and errors a second, and the latencies p50 and p99. */
export const traffic = new Points(4);

feed.figures('overview').subscribe(() => {
  const { data, at } = feed.figures('overview').value!;
  const { requests, latencyMs } = data as Overview;
  traffic.push(at / 1000, requests.perSecond, requests.errorsPerSecond, latencyMs.p50, latencyMs.p99);
});

const workers = new Map<string, Points>();

const keyOf = ({ id, generation }: Pick<Worker, 'id' | 'generation'>): string => `${id}.${generation}`;

/** Utilization, delay and heap of a worker. */
export const workerHistory = (worker: Pick<Worker, 'id' | 'generation'>): Points =>
  workers.get(keyOf(worker)) ?? new Points(3);

feed.figures('workers').subscribe(() => {
  const { data, at } = feed.figures('workers').value!;
  const list = (data as readonly Worker[]).slice(0, MAX_WORKERS);
  const present = new Set(list.map(keyOf));
  for (const key of workers.keys()) if (!present.has(key)) workers.delete(key);
  for (const worker of list) {
    const key = keyOf(worker);
    const history = workers.get(key) ?? new Points(3);
    workers.set(key, history);
    history.push(at / 1000, worker.loopUtilization, worker.loopDelayP99Ms, worker.heapUsedMb);
  }
});
