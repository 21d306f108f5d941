// File operations that are under way in a thread when it ends. What Node.js opens for it meanwhile is never
// closed: a module that cannot be loaded left those open that were loaded beside it, dozens for each failed
// start of a thread. So a thread lets them end first. This file imports nothing of ours: it is there when all
// else cannot be loaded.
import { getActiveResourcesInfo } from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';

/** Local files take milliseconds. What hangs, on a file system of the network say, may hang for ever. */
const MOST_MS = 500;
/** One operation may follow another a turn later: a module is opened, read, closed, and imports others. */
const QUIET_TURNS = 3;

/** Resolves when no file operation of this thread is under way, after half a second at the latest. */
export async function fileOperationsEnded(mostMs = MOST_MS): Promise<void> {
  const until = performance.now() + mostMs;
  for (let quiet = 0; quiet < QUIET_TURNS && performance.now() < until; ) {
    await turn();
    quiet = isUnderWay() ? 0 : quiet + 1;
  }
}

const isUnderWay = (): boolean =>
  getActiveResourcesInfo().some((name) => /^(?:FSReq|CloseReq|FileHandle)/.test(name));
