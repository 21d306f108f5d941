// Tasks that tests run in the threads of the CPU pool.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { MessagePort, parentPort, threadId } from 'node:worker_threads';
import type { TaskContext } from '#src/api/service-definition.js';
import { BusinessError, HttpError } from '#src/errors.js';

export const thread = (): number => threadId;

export const echo = (input: unknown): unknown => input;

export const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

/** Node.js keeps small Buffers in one common ArrayBuffer. */
export const pooledBytes = (text: string): Uint8Array => Buffer.from(text);

export function decline(): never {
  throw new BusinessError('PAYMENT_DECLINED', 'No funds.', { details: { left: 3 } });
}

export function unavailable(): never {
  throw new HttpError('OVERLOADED', 'Later.', { headers: { 'retry-after': '7' } });
}

export function fail(): never {
  throw new RangeError('out of paper');
}

/** Posts to `channel` that it runs, and then never ends. */
export function spin(channel: string): never {
  tell(channel);
  for (;;);
}

/** Posts to `channel` that it runs, and ends when it receives a message. */
export async function untilTold(channel: string): Promise<string> {
  const ears = new BroadcastChannel(channel);
  const told = new Promise((resolve) => {
    ears.onmessage = resolve;
  });
  ears.postMessage('running');
  await told;
  ears.close();
  return 'told';
}

/** Stays in native code until its child process is killed, whose id is written to the file. */
export function untilKilled(file: string): void {
  execFileSync('sh', ['-c', 'echo $$ > "$0" && exec sleep 60', file]);
}

export function exit(): void {
  process.exit(3);
}

export const notAFunction = 42;

function tell(channel: string): void {
  const mouth = new BroadcastChannel(channel);
  mouth.postMessage('running');
  mouth.close();
}

export const sum = (last: number): number => {
  let result = 0;
  for (let n = 1; n <= last; n++) result += 1;
  return result;
};

/** Keeps more and more objects until its thread has no heap left. */
export function hoard(): never {
  const kept: unknown[] = [];
  for (;;) kept.push({ at: kept.length, text: `entry ${kept.length}` });
}

export const double = ({ n }: { readonly n: number }): { readonly doubled: number } => ({ doubled: 2 * n });

export const contextOf = (_input: null, { traceparent }: TaskContext): unknown => ({ traceparent });

export const sumOf = ({ bytes: of }: { readonly bytes: Uint8Array | null }): number =>
  of?.reduce((total, one) => total + one, 0) ?? 0;

const kept: { bytes: Uint8Array } = { bytes: new Uint8Array() };

export function passOn(
  { bytes: of, isMarked }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly isMarked: boolean },
  { transfer }: TaskContext,
): unknown {
  kept.bytes = of;
  const result = { bytes: of, left: of.length };
  return isMarked ? transfer(result, [of.buffer]) : result;
}

export const passOnTwice = (of: Uint8Array<ArrayBuffer>, { transfer }: TaskContext): unknown =>
  transfer({ of }, [of.buffer, of.buffer]);

/** The bytes that this thread has left of those that `passOn` has returned last. */
export const bytesLeft = (): number => kept.bytes.length;

export async function reportThenWait(channel: string, { progress }: TaskContext): Promise<string> {
  const waiting = untilTold(channel);
  progress({ at: 'start' });
  return waiting;
}

export function reportMany(count: number, { progress }: TaskContext): number {
  for (let n = 1; n <= count; n++) progress(n);
  return count;
}

/** Returns how many milliseconds it has reported. */
export async function reportFor(ms: number, { progress }: TaskContext): Promise<number> {
  const begun = performance.now();
  while (performance.now() < begun + ms) {
    progress(performance.now());
    await new Promise(setImmediate);
  }
  return performance.now() - begun;
}

export function reportThenChange(_input: null, { progress }: TaskContext): void {
  const status = { row: 0 };
  progress(status);
  status.row = 1;
  progress(status);
  status.row = 2;
}

export function reportThenMove(length: number, { progress }: TaskContext): Uint8Array {
  const made = new Uint8Array(length);
  progress(made);
  progress(made);
  return made;
}

export function reportThenMoveMarked(length: number, { progress, transfer }: TaskContext): Float64Array {
  const made = new Float64Array(length);
  progress(made);
  progress(made);
  return transfer(made, [made.buffer]);
}

/** Keeps so many MiB of objects until it returns. */
export function keepMb(mib: number): number {
  const kept: number[][] = [];
  for (let n = 0; n < mib; n++) kept.push(new Array<number>(131_072).fill(n + 0.5));
  return kept.length;
}

const cache: number[][] = [];

/** Keeps so many MiB of objects for ever, and returns the thread. */
export function cacheMb(mib: number): number {
  for (let n = 0; n < mib; n++) cache.push(new Array<number>(131_072).fill(n + 0.5));
  return threadId;
}

/** Runs for so many milliseconds without returning to the event loop. */
export function burn(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** Posts to every port of this thread that it can find. */
export function postNull(): number {
  const owner = process as unknown as { _getActiveHandles(): unknown[] };
  const ports = owner._getActiveHandles().filter((one) => one instanceof MessagePort);
  for (const port of ports) for (const message of [null, 1, {}, { taskId: -1 }]) port.postMessage(message);
  return ports.length;
}

/** Posts many exceptions as if they came from tasks that have ended. */
export function postLeftovers(count: number): void {
  for (let n = 0; n < count; n++) parentPort?.postMessage({ type: 'leftover', message: `number ${n}` });
}

/** Ends the process of the thread when it has returned. */
export function exitLater(): void {
  setImmediate(() => process.exit(7));
}

/** Has handlers as programs of their own have them, and leaves behind what they are for. */
export function exitOnUncaught(): number {
  for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, () => process.exit(1));
  setImmediate(() => {
    void Promise.reject(new Error('a rejection that was left behind'));
    throw new Error('an exception that was left behind');
  });
  return threadId;
}

/** Removes all handlers of the thread. */
export function removeHandlers(): number {
  process.removeAllListeners('uncaughtException');
  setImmediate(() => {
    throw new Error('an exception that was left behind');
  });
  return threadId;
}

/** Ends its thread when it has returned, in a way that nothing can catch. */
export function endLater(): void {
  setTimeout(() => (process as unknown as { reallyExit(code: number): void }).reallyExit(1), 20);
}

/** Leaves a callback behind that works for `ms` and then ends the thread. */
export function leaveEnd(ms: number): void {
  setTimeout(() => {
    burn(ms);
    (process as unknown as { reallyExit(code: number): void }).reallyExit(1);
  }, 5);
}

/** Ends its thread, with a listener that fails. */
export function exitWithListener(): void {
  process.on('exit', () => {
    throw new Error('a listener of exit');
  });
  process.exit(3);
}

/** Leaves exceptions behind in microtasks, of which Node.js 20 does not tell the task. */
export function leaveMicrotask(count: number): void {
  setTimeout(() =>
    queueMicrotask(() => {
      throw new Error(`microtask ${count}`);
    }),
  );
}

export function throwWithoutStack(): never {
  Error.prepareStackTrace = () => {
    throw new Error('no stack');
  };
  throw new Error('the true reason');
}

/** Changes a function that the thread itself needs. */
export function change(name: 'hrtime' | 'Map' | 'Atomics' | 'structuredClone'): number {
  const broken = (): never => {
    throw new Error('changed by a task');
  };
  if (name === 'hrtime') process.hrtime = broken as never;
  if (name === 'structuredClone') globalThis.structuredClone = (value) => JSON.parse(JSON.stringify(value));
  if (name === 'Map') Map.prototype.get = broken;
  if (name === 'Atomics') Atomics.compareExchange = () => 5 as never;
  return threadId;
}

export function failWithCause(): never {
  throw new Error('could not render', { cause: new Error('no font', { cause: new RangeError('no file') }) });
}

export const reportFunction = (_input: null, { progress }: TaskContext): void => progress({ fn: () => 1 });

type Views = Readonly<Record<'a' | 'b', Uint8Array>> & { readonly buffer: ArrayBuffer };

export const shareBuffer = ({ a, b, buffer }: Views): boolean => a.buffer === buffer && b.buffer === buffer;

/** Leaves a timer behind that works for `ms` again and again, and a promise that never ends. */
export function leaveWork(ms: number): number {
  const work = (): void => burn(ms);
  setInterval(work, 1).unref();
  return threadId;
}

/** Leaves the losers of a race behind, as tasks with a time limit of their own do; they do nothing. */
export async function race(): Promise<number> {
  const late = new Promise((resolve) => void setTimeout(resolve, 60_000));
  await Promise.race([Promise.resolve(), late]);
  return threadId;
}

/** Goes on after its end, step by step, as the loser of a race does. */
export function leaveLoop(ms: number): number {
  void (async () => {
    for (;;) {
      burn(ms);
      await new Promise((resolve) => void setTimeout(resolve, 1));
    }
  })();
  return threadId;
}

/** Goes on after its end in callbacks of files, as streams of files do. */
export function leaveFiles(ms: number): number {
  const again = (): void =>
    readFile('/dev/null', () => {
      process.nextTick(burn, ms);
      again();
    });
  again();
  return threadId;
}

export async function waitOn(ms: number): Promise<number> {
  await new Promise((resolve) => void setTimeout(resolve, ms));
  return threadId;
}

/** Posts to `channel` that it has run. */
export function shout(channel: string): void {
  tell(channel);
}

export function leaveEndless(): void {
  setTimeout(() => {
    for (;;);
  });
}

export function leaveMicrotasks(): void {
  const again = (): void => void Promise.resolve().then(again);
  setTimeout(again);
}

export function leaveShout(channel: string): void {
  setTimeout(() => tell(channel), 5);
}

export function changeIterator(): void {
  Array.prototype[Symbol.iterator] = () => {
    throw new Error('changed by a task');
  };
}

export function changeOwn(): void {
  Object.hasOwn = () => {
    throw new Error('changed by a task');
  };
}

let connection: Promise<Socket> | undefined;

async function connected(): Promise<Socket> {
  const server = createServer((client) => client.on('data', (data) => client.write(data)));
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').unref();
  await once(socket, 'connect');
  return socket;
}

/** Asks a server over a connection that all tasks of the thread share; its response takes `ms` to read. */
export async function askServer(ms: number): Promise<number> {
  connection ??= connected();
  const socket = await connection;
  await new Promise<void>((resolve) => {
    socket.once('data', () => {
      burn(ms);
      resolve();
    });
    socket.write('a question');
  });
  return threadId;
}
