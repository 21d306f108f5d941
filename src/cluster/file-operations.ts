// Waits for the file operations of a thread before it ends. When a thread ends while Node.js opens a file for
// it, that file is never closed. Each start of a thread that failed because of one module would leave dozens
// of files open: those of the modules that were being loaded at the same time. This file imports nothing of
// the runtime, so it can be loaded when everything else cannot.
import { getActiveResourcesInfo } from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';

/** Local files take milliseconds. An operation that hangs, e.g. on a network file system, may never end. */
const MOST_MS = 500;
/**
 * The number of turns of the loop without a file operation after which none is expected any more. An
 * operation may follow another a turn later: a module is opened, read and closed, and imports others.
 */
const QUIET_TURNS = 3;

/** Resolves when no file operation of this thread is in progress, at the latest after `mostMs`. */
export async function fileOperationsEnded(mostMs = MOST_MS): Promise<void> {
  const until = performance.now() + mostMs;
  for (let quiet = 0; quiet < QUIET_TURNS && performance.now() < until; ) {
    await turn();
    quiet = isInProgress() ? 0 : quiet + 1;
  }
}

const isInProgress = (): boolean =>
  getActiveResourcesInfo().some((name) => /^(?:FSReq|CloseReq|FileHandle)/.test(name));
