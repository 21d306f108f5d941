// Ends the process with an exit code even if a thread of it does not end.
//
// `process.exit` first ends every thread and waits for what Node.js has handed to its pool of system threads.
// With a thread that does not end by itself this goes wrong in two ways. JavaScript is terminated while the
// thread has its HTTP core open, which aborts the process (SIGABRT, exit code 134). And native code, a file
// system or a name server that hangs is waited for without end. So if anything still runs, the process is
// ended without Node.js (hard-exit), and in any case a guard thread kills it if it is still there some time
// later.
import { url as inspectorUrl } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import type { Worker } from 'node:worker_threads';
import { ExitGuard, GUARD_NAME } from './exit-guard.js';
import { exitByReplacement, prepareWasiExit } from './hard-exit.js';
import { parkThreads } from './park-threads.js';
import { isThreadRunning, otherThreads } from './proc.js';
import { undefinedOnError } from './undefined-on-error.js';

/** A system thread computes if it is seen running in each of LOOKS looks, LOOK_MS apart. */
const [LOOKS, LOOK_MS] = [5, 10] as const;
/** Least time between the order to block and exit(3), for systems that do not show which threads run. */
const PARK_MS = 100;
/**
 * Longest wait for the threads to be blocked. On a busy machine they may have to wait for a processor for
 * hundreds of milliseconds; a thread in native code may run for longer than any wait.
 */
const REST_MS = 1_000;
/**
 * How long the exit waits at least for the guard to start, which usually takes a few hundredths of a second.
 * After the wait the listeners of `exit` run without it.
 */
const GUARD_START_MS = 300;
/** Time after which the guard kills a process that waits in exit(3), e.g. for a file system. */
const LAST_MS = 700;
/** Longest time of an exit. */
const MOST_MS = 2_000;
/** The least time of an exit, whatever is left for the exit: the listeners of `exit` have to run. */
const LEAST_MS = 100;

/** Threads that this thread has started and that still run, also those that code of a service has started. */
const threads = new Set<Worker>();
/** Those of them that do not run JavaScript yet, as far as this thread knows. */
const starting = new Set<Worker>();
process.on('worker', (thread) => {
  threads.add(thread);
  starting.add(thread);
  thread.once('online', () => starting.delete(thread));
  thread.once('exit', () => {
    threads.delete(thread);
    starting.delete(thread);
  });
});

let exiting: Promise<never> | undefined;

/**
 * Ends the process with this code. Runs the listeners of `exit`, in which log lines are written.
 * @param isStuck a thread still runs and cannot be made to end
 * @param withinMs time that is left for the exit, in milliseconds. It takes 2 s at most
 */
export function exitProcess(code: number, isStuck: boolean, withinMs = MOST_MS): Promise<never> {
  exiting ??= exitOnce(code, isStuck, Math.max(LEAST_MS, Math.min(withinMs, MOST_MS)));
  return exiting;
}

async function exitOnce(code: number, isStuck: boolean, withinMs: number): Promise<never> {
  const untilMs = performance.now() + withinMs;
  const leftMs = (): number => untilMs - performance.now();
  const isHeldUp = isStuck || (await isBusy());
  const guard = new ExitGuard(leftMs(), LEAST_MS);
  await Promise.race([guard.started, delay(Math.max(GUARD_START_MS, leftMs() - REST_MS))]);
  undefinedOnError(() => process.emit('exit', code));
  process.removeAllListeners('exit');
  if (!isHeldUp) process.exit(code);
  undefinedOnError(() => exitByReplacement(code));
  // exit(3) frees memory that running threads may be using, most of all those that are starting, so they are
  // blocked first. Those in native code run no code of ours.
  undefinedOnError(() => parkThreads(GUARD_NAME));
  // What makes the own threads of V8 work comes before the wait, and from here on they optimize no code.
  // The listeners of `warning` would write that WASI is experimental.
  setFlagsFromString('--no-opt');
  process.removeAllListeners('warning');
  const exitNow = undefinedOnError(() => prepareWasiExit(code));
  await delay(PARK_MS);
  const areAtRest = await threadsAtRest(Math.min(REST_MS, Math.max(leftMs() / 2, leftMs() - LAST_MS)));
  // The guard is not blocked, and it must not be starting either.
  await Promise.race([guard.started, delay(leftMs())]);
  // A thread that starts during exit(3) crashes the process, which looks like a fault of native code.
  if (!guard.isStarting && (areAtRest || starting.size === 0)) {
    guard.shortenTo(LAST_MS);
    undefinedOnError(() => exitNow?.());
  }
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
 * Resolves once no system thread but this one runs in LOOKS looks in a row, at the latest after `mostMs`. On
 * a busy machine threads that are to be blocked have to wait for a processor first; to the kernel they run
 * meanwhile.
 * @returns whether none runs
 */
async function threadsAtRest(mostMs: number): Promise<boolean> {
  const untilMs = performance.now() + mostMs;
  const isQuiet = (): boolean => !otherThreads().some(isThreadRunning);
  let quiet = Number(isQuiet());
  while (quiet < LOOKS && performance.now() < untilMs) {
    await delay(LOOK_MS);
    quiet = isQuiet() ? quiet + 1 : 0;
  }
  return quiet >= LOOKS;
}
