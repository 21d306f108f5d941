// The last moment of the process. `process.exit` ends every thread first, and waits for what Node.js has
// handed to its pool of system threads. With a thread that does not end by itself that goes wrong in two
// ways: JavaScript is terminated with its HTTP core open (SIGABRT, exit 134), and native code, a file system
// or a name server that hangs is waited for without end. So where anything still runs, the process ends past
// Node.js.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import type { WASI as Wasi } from 'node:wasi';
import { Worker } from 'node:worker_threads';
import { blockThreadScript } from './block-thread.js';
import { parkThreads } from './park-threads.js';

interface Replaceable {
  /** Node 22.15 and newer: execve(2). */
  execve?(file: string, args: readonly string[], env: object): never;
  /** Node 20.16 and newer. */
  getBuiltinModule?(name: 'node:wasi'): { readonly WASI: typeof Wasi } | undefined;
}

/** The types that are used here have no WebAssembly. */
interface WithWebAssembly {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object, imports: object) => object;
  };
}

/** A system thread computes when it is seen to run in each of so many looks, so far apart. */
const [LOOKS, LOOK_MS] = [5, 10] as const;
/** Time for threads to stop where they are. */
const PARK_MS = 100;
/** A thread starts in a few hundredths of a second; with none the process ends all the same. */
const GUARD_MS = 300;
/** What waits in the last moment, such as exit(3) for a file system that hangs, is given up after this. */
const LAST_MS = 500;
/** The same where nothing still runs: only a listener of `exit` can hold that up. */
const UNHURRIED_MS = 2_000;
/** Whatever is left of an end: the listeners of `exit` have to run. */
const LEAST_MS = 100;
/** The guard waits in pieces; of a pause of the process only so much is taken for time that has passed. */
const PIECE_MS = 50;
const MOST_OF_PIECE_MS = 300;
const GUARD = 'multilane-guard';

/** Threads that this one has started, whoever in it. */
const threads = new Set<Worker>();
process.on('worker', (thread) => {
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
});

let ending: Promise<never> | undefined;

/**
 * Ends the process with this code. Runs the listeners of `exit`, in which logs are written.
 * @param isStuck a thread still runs and cannot be told to end
 * @param withinMs what is left for it; it takes 2 s at most, and half a second where anything still runs
 */
export function exitProcess(code: number, isStuck: boolean, withinMs = UNHURRIED_MS): Promise<never> {
  ending ??= exitOnce(code, isStuck, Math.max(LEAST_MS, Math.min(withinMs, UNHURRIED_MS)));
  return ending;
}

async function exitOnce(code: number, isStuck: boolean, withinMs: number): Promise<never> {
  const isHeld = isStuck || (await isBusy());
  const lastMs = isHeld ? Math.min(LAST_MS, withinMs) : withinMs;
  await Promise.race([guarded(lastMs).catch(() => undefined), delay(GUARD_MS)]);
  attempt(() => process.emit('exit', code));
  process.removeAllListeners('exit');
  if (!isHeld) process.exit(code);
  // Replaced by a program that does nothing but end with this code: all threads are gone at once. Node.js
  // itself, since there may be no shell, and a program that cannot be started would abort.
  const self = process.platform === 'linux' ? '/proc/self/exe' : process.execPath;
  attempt(() => (process as Replaceable).execve?.(self, ['node', '-e', `process.exit(${code})`], {}));
  // Older: exit(3) ends the process with all its threads as they are. It frees what they may be using, so
  // they are stopped where they are first; those in native code run none of ours.
  attempt(() => parkThreads(GUARD));
  await delay(PARK_MS);
  attempt(() => exitAtOnce(code));
  process.kill(process.pid, 'SIGKILL');
  // Process 1 of a container does not hear that from inside.
  process.abort();
}

/**
 * `process.exit` may have to wait: for a thread, a debugger, a file or name that the system is looking up, or
 * a system thread that computes.
 */
const isBusy = async (): Promise<boolean> =>
  threads.size > 0 ||
  inspectorUrl() !== undefined ||
  process.getActiveResourcesInfo().some((name) => /^(FSReq|GetAddrInfo|GetNameInfo)/.test(name)) ||
  (await isComputing());

/**
 * Hashes, keys and what addons do in the pool are in no list of Node.js, but the kernel sees their threads
 * run. The threads of V8 run as well, for moments.
 */
async function isComputing(): Promise<boolean> {
  let running = systemThreads().filter(runs);
  for (let look = 0; look < LOOKS && running.length > 0; look++) {
    await delay(LOOK_MS);
    running = running.filter(runs);
  }
  return running.length > 0;
}

/** None where there is no /proc, or no descriptor to read it. */
const systemThreads = (): readonly string[] =>
  (attempt(() => readdirSync('/proc/self/task')) ?? []).filter((thread) => thread !== String(process.pid));

function runs(thread: string): boolean {
  const stat = attempt(() => readFileSync(`/proc/self/task/${thread}/stat`, 'latin1')) ?? '';
  return ['R', 'D'].includes(stat.charAt(stat.lastIndexOf(')') + 2));
}

/** Another way follows when one is not there. */
function attempt<T>(way: () => T): T | undefined {
  try {
    return way();
  } catch {
    return undefined; // callers go on without it
  }
}

/**
 * Kills the process when it is still there later, from a thread that does nothing until then. Resolves once
 * it runs. While exit(3) runs, Node.js aborts the process instead of doing anything for a thread: that is an
 * end as well.
 */
async function guarded(ms: number): Promise<void> {
  // Its own start is part of the time, so it counts from here on.
  const script = `const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
    for (let leftMs = ${ms}, atMs = ${Number(process.hrtime.bigint()) / 1e6}; leftMs > 0; ) {
      ${blockThreadScript(PIECE_MS)};
      leftMs -= Math.min(nowMs() - atMs, ${MOST_OF_PIECE_MS});
      atMs = nowMs();
    }
    process.kill(process.pid, 'SIGKILL');`;
  const guard = new Worker(script, { eval: true, name: GUARD });
  await once(guard, 'online');
}

/** Of all that Node.js offers, WASI alone calls exit(3) without ending the threads first. */
function exitAtOnce(code: number): void {
  const { WASI } = (process as Replaceable).getBuiltinModule?.('node:wasi') ?? {};
  if (WASI === undefined) return;
  const wasi = new WASI({ version: 'preview1', returnOnExit: false });
  const { Instance, Module } = (globalThis as unknown as WithWebAssembly).WebAssembly;
  wasi.start(new Instance(new Module(programOf(code)), wasi.getImportObject()));
}

/**
 * A WebAssembly module whose `_start` calls `proc_exit(code)`:
 * https://webassembly.github.io/spec/core/binary/
 */
function programOf(code: number): Uint8Array {
  const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
  const section = (id: number, ...bytes: number[]): number[] => [id, bytes.length, ...bytes];
  /** Signed LEB128 of 0..255. */
  const number = code < 64 ? [code] : [(code & 0x7f) | 0x80, code >> 7];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // Types: (i32) -> () and () -> ().
    ...section(1, 2, 0x60, 1, 0x7f, 0, 0x60, 0, 0),
    ...section(2, 1, ...text('wasi_snapshot_preview1'), ...text('proc_exit'), 0, 0),
    ...section(3, 1, 1),
    ...section(5, 1, 0, 1),
    ...section(7, 2, ...text('memory'), 2, 0, ...text('_start'), 0, 1),
    // i32.const code, call 0, end.
    ...section(10, 1, 5 + number.length, 0, 0x41, ...number, 0x10, 0, 0x0b),
  ]);
}
