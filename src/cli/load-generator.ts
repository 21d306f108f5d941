// The load generator of `multilane bench`: autocannon, which the project installs. It is no dependency of the
// package, because a deployment needs none.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CommandFailure } from './command-failure.js';

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  /** Seconds. */
  readonly duration: number;
  readonly pipelining: number;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** The members of autocannon's result that are read. Latencies are in milliseconds. */
export interface LoadResult {
  readonly duration: number;
  readonly requests: { readonly average: number; readonly total: number };
  readonly latency: Readonly<Record<'p50' | 'p90' | 'p99' | 'max', number>>;
  readonly throughput: { readonly average: number };
  readonly statusCodeStats?: Readonly<Record<string, { readonly count: number }>>;
  readonly errors: number;
  readonly timeouts: number;
}

interface Instance extends PromiseLike<LoadResult> {
  on(event: 'tick', listener: (tick: { readonly counter: number }) => void): void;
  stop(): void;
}

export type Autocannon = (options: LoadOptions) => Instance;

/** @throws CommandFailure that says how to install it */
export async function autocannonFor(cwd: string): Promise<Autocannon> {
  const path = resolveFrom(join(cwd, 'package.json')) ?? resolveFrom(import.meta.url);
  if (path === undefined) {
    throw new CommandFailure(
      'the load generator is not installed in this project; install it with: npm install --save-dev autocannon',
    );
  }
  const { default: autocannon } = (await import(pathToFileURL(path).href)) as { default: Autocannon };
  return autocannon;
}

function resolveFrom(file: string): string | undefined {
  try {
    return createRequire(file).resolve('autocannon');
  } catch {
    return undefined;
  }
}

/**
 * Sends requests until the time is over, or until a signal ends it early; the result is that of the time
 * until then.
 * @param progress called every second with the number of responses in it
 */
export async function runLoad(
  autocannon: Autocannon,
  options: LoadOptions,
  progress: (perSecond: number) => void,
): Promise<LoadResult> {
  const instance = autocannon(options);
  instance.on('tick', ({ counter }) => progress(counter));
  const stop = (): void => instance.stop();
  process.once('SIGINT', stop);
  try {
    return await instance;
  } finally {
    process.removeListener('SIGINT', stop);
  }
}
