// The operator's actions on workers: replacing all of them, and profiling one.

import type { AllWorkers } from '../cluster/all-workers.js';
import type { RollingReload } from '../cluster/rolling-reload.js';
import { HttpError, UnavailableError } from '../errors.js';
import type { AdminRoute } from './admin-route.js';
import { profileRoute } from './profile-route.js';

export function workerRoutes(
  supervisor: Pick<AllWorkers, 'workers' | 'stopping'>,
  reload: RollingReload,
): readonly AdminRoute[] {
  return [
    {
      method: 'POST',
      path: '/workers/reload',
      handler: () => {
        if (supervisor.stopping) throw new UnavailableError('DRAINING', 'The process is stopping.');
        if (reload.running) throw new HttpError('RELOAD_IN_PROGRESS', 'A reload is under way: see /workers.');
        void reload.begin();
        return { status: 202, json: { workers: supervisor.workers.length } };
      },
    },
    profileRoute(supervisor),
  ];
}
