// `GET /workers/:id/profile?seconds=N`: a CPU profile of a worker, as a `.cpuprofile` for the DevTools of a
// browser. A worker has one profile at a time: two would slow it down twice and would show each other.

import type { AllWorkers } from '../cluster/all-workers.js';
import { cpuProfile } from '../cluster/cpu-profile.js';
import { InspectorError } from '../cluster/thread-inspector.js';
import { HttpError, NotFoundError, UnavailableError, ValidationError } from '../errors.js';
import type { AdminResponse, AdminRoute } from './admin-route.js';
import { wholeNumberIn } from './query-number.js';

const SECONDS = { least: 1, most: 60, usual: 5 };

export function profileRoute(supervisor: Pick<AllWorkers, 'workers'>): AdminRoute {
  /** The end of each running profile by its worker, on the clock of `performance.now()`. */
  const running = new Map<number, number>();

  const profile = async (worker: number, threadId: number, seconds: number, signal: AbortSignal) => {
    const ends = running.get(worker);
    if (ends !== undefined) {
      const waitSeconds = Math.max(1, Math.ceil((ends - performance.now()) / 1000));
      throw new UnavailableError('OVERLOADED', `Worker ${worker} is being profiled.`, waitSeconds);
    }
    running.set(worker, performance.now() + seconds * 1000);
    try {
      return await cpuProfile(threadId, seconds * 1000, signal);
    } catch (error) {
      throw error instanceof InspectorError ? failureOf(error, worker) : error;
    } finally {
      running.delete(worker);
    }
  };

  return {
    method: 'GET',
    path: '/workers/:id/profile',
    query: ['seconds'],
    handler: async ({ params, query, signal }): Promise<AdminResponse> => {
      const seconds = secondsOf(query.get('seconds'));
      const thread = supervisor.workers.find(({ worker }) => String(worker) === params.id);
      if (thread === undefined) throw new NotFoundError('There is no worker of this id.');
      const { worker, threadId } = thread;
      return {
        status: 200,
        text: await profile(worker, threadId, seconds, signal),
        headers: {
          'content-type': 'application/json',
          'content-disposition': `attachment; filename="worker-${worker}.cpuprofile"`,
        },
      };
    },
  };
}

function secondsOf(text: string | null): number {
  const { least, most, usual } = SECONDS;
  const seconds = text === null ? usual : wholeNumberIn(text);
  if (seconds >= least && seconds <= most) return seconds;
  throw new ValidationError([
    { path: '/seconds', message: `must be a whole number from ${least} to ${most}` },
  ]);
}

function failureOf(error: InspectorError, worker: number): HttpError {
  switch (error.code) {
    case 'THREAD_GONE':
      return new UnavailableError('NO_WORKER', `The thread of worker ${worker} has ended.`, 1, error);
    case 'NO_REPLY':
      return new HttpError(
        'DEADLINE_EXCEEDED',
        `Worker ${worker} has not replied: it runs native code that does not return, or gets no CPU time.`,
        { cause: error },
      );
    case 'SESSION_CLOSED':
      return new HttpError('CLIENT_CLOSED', 'The client has left.', { cause: error });
    case 'REFUSED':
    case 'BAD_REPLY':
      return new HttpError('INTERNAL', 'The profiler of the worker refused.', { cause: error });
  }
}
