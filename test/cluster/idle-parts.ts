// The parts of a worker that does nothing, for threads of tests about the worker's side of the protocol.
import type { WorkerParts } from '#src/cluster/worker-side.js';

export const IDLE_PARTS: Omit<WorkerParts, 'drain'> = {
  isStalled: () => false,
  examine: () => undefined,
  recover() {},
  accountsFor: () => false,
  accountsForRejection: () => false,
  close() {},
  serviceReady: async () => {},
};
