// `GET /flights?worker=ID`: the recent requests of a worker, first those in flight. While the worker is
// replaced it has two threads, and the requests of both are listed.
import type { AllWorkers } from '../cluster/all-workers.js';
import { NotFoundError, ValidationError } from '../errors.js';
import { readWorker } from '../memory/worker-row.js';
import {
  learnRoutes,
  type NamedRequestMemory,
  type RecentRequest,
  recentFlights,
  withRoutes,
} from '../telemetry/recent-requests.js';
import type { AdminRoute } from './admin-route.js';

export function flightsRoute(
  supervisor: Pick<AllWorkers, 'threads'>,
  memory: NamedRequestMemory,
): AdminRoute {
  const isThere = ({ slot, worker, generation }: AllWorkers['threads'][number]): boolean => {
    // The slot of a thread that has ended may belong to a thread of another worker.
    const row = readWorker(memory.block, slot);
    return row.worker === worker && row.generation === generation;
  };
  return {
    method: 'GET',
    path: '/flights',
    query: ['worker'],
    handler: async ({ query }) => {
      const worker = workerOf(query.get('worker'));
      const threadsNow = () => supervisor.threads.filter((thread) => thread.worker === worker);
      for (const { slot } of threadsNow()) await learnRoutes(memory, slot);
      const threads = threadsNow();
      if (threads.length === 0) throw new NotFoundError('There is no worker of this id.');
      const items = threads
        .filter(isThere)
        .flatMap(({ slot }) => withRoutes(memory, slot, recentFlights(memory, slot)))
        .sort((a, b) => isOver(a) - isOver(b) || a.ageMs - b.ageMs);
      return { status: 200, json: { worker, items } };
    },
  };
}

const isOver = ({ status }: RecentRequest): number => (status === null ? 0 : 1);

function workerOf(text: string | null): number {
  if (text !== null && /^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new ValidationError([{ path: '/worker', message: 'must be the id of a worker, as in /workers' }]);
}
