// Tasks that task-pool.test.ts runs in the pool's threads.
import { markAsUntransferable, threadId } from 'node:worker_threads';
import { BusinessError, HttpError } from '#src/errors.js';

export const thread = (): number => threadId;

export const echo = (input: unknown): unknown => input;

export const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

/** Node.js keeps small Buffers in one common ArrayBuffer. */
export const pooledBytes = (text: string): Uint8Array => Buffer.from(text);

const kept = new Uint8Array(100);
const part = kept.subarray(10, 20);

export const keptBytes = (): Uint8Array => kept;

export const keptPart = (): Uint8Array => part;

export const noBytes = (): Uint8Array => new Uint8Array(0);

const pinned = new Uint8Array(100);
markAsUntransferable(pinned.buffer);

/** Like the buffer of a WebAssembly memory, theirs cannot be detached. */
export const pinnedBytes = (): Uint8Array => pinned;

export function decline(): never {
  throw new BusinessError('PAYMENT_DECLINED', 'No funds.', { details: { left: 3 } });
}

export function unavailable(): never {
  throw new HttpError('OVERLOADED', 'Later.', { headers: { 'retry-after': '7' } });
}

export function fail(): never {
  throw new RangeError('out of paper');
}

export const unsendable = (): unknown => () => 'a function cannot cross threads';

/** Tells `channel` that it runs, then never gives its thread back. */
export function spin(channel: string): never {
  tell(channel);
  for (;;);
}

/** Tells `channel` that it runs, and ends when told so. */
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

export function exit(): void {
  process.exit(3);
}

export const notAFunction = 42;

function tell(channel: string): void {
  const mouth = new BroadcastChannel(channel);
  mouth.postMessage('running');
  mouth.close();
}
