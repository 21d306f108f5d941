// Tasks that tests run in the threads of the CPU pool.
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
