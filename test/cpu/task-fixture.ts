// Tasks that tests run in the threads of the CPU pool.
import { execFileSync } from 'node:child_process';
import { threadId } from 'node:worker_threads';
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

export async function reportFor(ms: number, { progress }: TaskContext): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    // The value is read when it is sent.
    progress({
      get at() {
        return performance.now();
      },
    });
    await new Promise(setImmediate);
  }
}

export const reportFunction = (_input: null, { progress }: TaskContext): void => progress({ fn: () => 1 });

type Views = Readonly<Record<'a' | 'b', Uint8Array>> & { readonly buffer: ArrayBuffer };

export const shareBuffer = ({ a, b, buffer }: Views): boolean => a.buffer === buffer && b.buffer === buffer;
