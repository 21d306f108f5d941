// Tasks that task-pool.test.ts runs in the pool's threads.
import { execFileSync } from 'node:child_process';
import { threadId } from 'node:worker_threads';
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

/** In native code until its child is killed, whose id is written to the file. */
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
