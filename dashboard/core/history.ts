// The last minutes of the live figures, for charts. They are kept in the page: the process keeps no history.
import { feed } from './feed.js';
import type { Overview, Worker } from './types.js';

/** One point a second: five minutes. */
const POINTS = 300;
/** Workers of which a history is kept. */
const MAX_WORKERS = 256;

/** Columns of equal length; the first has the times in seconds since 1970. */
export class History {
  readonly #columns: (number | null)[][];

  constructor(values: number) {
    this.#columns = Array.from({ length: values + 1 }, () => []);
  }

  push(at: number, ...values: readonly (number | null)[]): void {
    for (const [index, column] of this.#columns.entries()) {
      column.push(index === 0 ? at : (values[index - 1] ?? null));
      if (column.length > POINTS) column.shift();
    }
  }

  get columns(): readonly (readonly (number | null)[])[] {
    return this.#columns;
  }
}

/** Requests and errors a second, and the latencies p50 and p99. */
export const traffic = new History(4);

feed.figures('overview').subscribe(() => {
  const { data, at } = feed.figures('overview').value!;
  const { requests, latencyMs } = data as Overview;
  traffic.push(at / 1000, requests.perSecond, requests.errorsPerSecond, latencyMs.p50, latencyMs.p99);
});

const workers = new Map<string, History>();

const keyOf = ({ id, generation }: Pick<Worker, 'id' | 'generation'>): string => `${id}.${generation}`;

/** Utilization, delay and heap of a worker. */
export const workerHistory = (worker: Pick<Worker, 'id' | 'generation'>): History =>
  workers.get(keyOf(worker)) ?? new History(3);

feed.figures('workers').subscribe(() => {
  const { data, at } = feed.figures('workers').value!;
  const list = (data as readonly Worker[]).slice(0, MAX_WORKERS);
  const present = new Set(list.map(keyOf));
  for (const key of workers.keys()) if (!present.has(key)) workers.delete(key);
  for (const worker of list) {
    const key = keyOf(worker);
    const history = workers.get(key) ?? new History(3);
    workers.set(key, history);
    history.push(at / 1000, worker.loopUtilization, worker.loopDelayP99Ms, worker.heapUsedMb);
  }
});
