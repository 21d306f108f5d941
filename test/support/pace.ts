// The pace of a client that sends requests beside something that lasts for seconds, such as a replacement of
// all workers. It leaves the cores to the tested process and to other tests.
import { setTimeout as sleep } from 'node:timers/promises';

/** Pause after a response. Four clients still begin hundreds of requests a second. */
export const PACE_MS = 4;

export const pace = (): Promise<void> => sleep(PACE_MS);
