// Ends the process with an exit code even if a thread of it does not end.
//
// `process.exit` first ends every thread and waits for what Node.js has handed to its pool of system threads.
// With a thread that does not end by itself this goes wrong in two ways. JavaScript is terminated while the
// thread has its HTTP core open, which aborts the process (SIGABRT, exit code 134). And native code, a file
// system or a name server that hangs is waited for without end. So if anything still runs, the process is
// ended without Node.js (hard-exit), and in any case a guard thread kills it if it is still there some time
// later.
import { once } from 'node:events';
import { url as inspectorUrl } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { blockThreadScript } from './block-thread.js';
import { exitByReplacement, exitByWasi } from './hard-exit.js';
import { parkThreads } from './park-threads.js';
import { isThreadRunning, otherThreads } from './proc.js';
import { undefinedOnError } from './undefined-on-error.js';

/** A system thread computes if it is seen running in each of LOOKS looks, LOOK_MS apart. */
const [LOOKS, LOOK_MS] = [5, 10] as const;
/** Time until the threads are blocked. */
const PARK_MS = 100;
/**
 * How long the exit waits for the guard to start, which usually takes a few hundredths of a second. After
 * that time the exit continues without it.
 */
const GUARD_START_MS = 300;
/**
 * Time after which the guard kills a process that waits in its last moment, e.g. in exit(3) for a file
 * system.
 */
const LAST_MS = 500;
/** The same where nothing runs any more: only a listener of `exit` can hold up the exit then. */
const UNHURRIED_MS = 2_000;
/** The least of that, whatever is left for the exit: the listeners of `exit` have to run. */
const LEAST_MS = 100;
/** The guard waits in pieces; of a pause of the process at most MAX_PIECE_MS are counted. */
const PIECE_MS = 50;
const MAX_PIECE_MS = 300;
const GUARD = 'multilane-guard';

/** Threads that this thread has started and that still run, also those that code of a service has started. */
const threads = new Set<Worker>();
process.on('worker', (thread) => {
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
});

let exiting: Promise<never> | undefined;

/**
 * Ends the process with this code. Runs the listeners of `exit`, in which log lines are written.
 * @param isStuck a thread still runs and cannot be made to end
 * @param withinMs time that is left for the exit, in milliseconds. It takes 2 s at most, and half a second if
 *   anything still runs
 */
export function exitProcess(code: number, isStuck: boolean, withinMs = UNHURRIED_MS): Promise<never> {
  exiting ??= exitOnce(code, isStuck, Math.max(LEAST_MS, Math.min(withinMs, UNHURRIED_MS)));
  return exiting;
}

async function exitOnce(code: number, isStuck: boolean, withinMs: number): Promise<never> {
  const isHeldUp = isStuck || (await isBusy());
  const lastMs = isHeldUp ? Math.min(LAST_MS, withinMs) : withinMs;
  await Promise.race([startGuard(lastMs).catch(() => undefined), delay(GUARD_START_MS)]);
  undefinedOnError(() => process.emit('exit', code));
  process.removeAllListeners('exit');
  if (!isHeldUp) process.exit(code);
  undefinedOnError(() => exitByReplacement(code));
  // exit(3) frees memory that other threads may be using, so they are blocked first. Those in native code run
  // no code of ours.
  undefinedOnError(() => parkThreads(GUARD));
  await delay(PARK_MS);
  undefinedOnError(() => exitByWasi(code));
  process.kill(process.pid, 'SIGKILL');
  // Process 1 of a container does not receive that signal from inside the container.
  process.abort();
}

/**
 * Whether `process.exit` may have to wait: for a thread, a debugger, a file or a name that the system is
 * looking up, or a system thread that computes.
 */
const isBusy = async (): Promise<boolean> =>
  threads.size > 0 ||
  inspectorUrl() !== undefined ||
  process.getActiveResourcesInfo().some((name) => /^(FSReq|GetAddrInfo|GetNameInfo)/.test(name)) ||
  (await isComputing());

/**
 * Whether a system thread computes. Hashing, key generation and the work of addons in the pool are in no list
 * of Node.js, but the kernel shows that their threads run. The threads of V8 run as well, for moments only.
 */
async function isComputing(): Promise<boolean> {
  let running = otherThreads().filter(isThreadRunning);
  for (let look = 0; look < LOOKS && running.length > 0; look++) {
    await delay(LOOK_MS);
    running = running.filter(isThreadRunning);
  }
  return running.length > 0;
}

/**
 * Starts a thread that kills the process if it is still there after this time. Resolves once the thread runs.
 * While exit(3) runs, Node.js aborts the process instead of doing anything for a thread; that ends the
 * process as well.
 */
async function startGuard(ms: number): Promise<void> {
  // The start of the thread is part of the time, so the time counts from here on.
  const script = `const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
    for (let leftMs = ${ms}, atMs = ${Number(process.hrtime.bigint()) / 1e6}; leftMs > 0; ) {
      ${blockThreadScript(PIECE_MS)};
      leftMs -= Math.min(nowMs() - atMs, ${MAX_PIECE_MS});
      atMs = nowMs();
    }
    process.kill(process.pid, 'SIGKILL');`;
  const guard = new Worker(script, { eval: true, name: GUARD });
  await once(guard, 'online');
}
