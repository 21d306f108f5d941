// The load generator of `multilane bench`: autocannon, which the project installs. It is no dependency of the
// package, because a deployment needs none. It runs in a process of its own (load-process.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandFailure } from './command-failure.js';
import type { AutocannonResult, ErrorCodes, LoadMessage, LoadOptions } from './load-messages.js';

const ENTRY = fileURLToPath(new URL('load-process.js', import.meta.url));
/** Autocannon ends at the first full second after it was told to, so this is late even on a busy machine. */
const GRACE_MS = 5_000;

/** Stands among the codes of errors for connections that the server has closed without one. */
export const CLOSED = 'CLOSED';

export interface LoadResult {
  readonly durationS: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Undefined when there was no response, or when the load generator was cut off. */
  readonly latencyMs: AutocannonResult['latency'] | undefined;
  readonly statusCodes: Readonly<Record<string, number>>;
  /** Failed connections, timeouts included. */
  readonly errors: number;
  readonly timeouts: number;
  readonly errorCodes: ErrorCodes;
  /** Connections without any response. */
  readonly silentConnections: number;
  /** Why the load generator was ended without a result of its own. The counts are of full seconds then. */
  readonly cutOff?: string;
}

/** What ticks have reported, for the case that there will be no result. */
interface Seen {
  responses: number;
  bytes: number;
  errorCodes: ErrorCodes;
}

export interface LoadProgress {
  /** Called when a SIGINT ends the measurement from now on, and no longer the command. */
  begin(): void;
  /** Called every second with the number of responses in it. */
  tick(perSecond: number): void;
}

export class LoadGenerator {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @throws CommandFailure that says how to install it, or the error with which it does not load */
  static async start(cwd: string): Promise<LoadGenerator> {
    const path = resolveFrom(join(cwd, 'package.json')) ?? resolveFrom(import.meta.url);
    if (path === undefined) {
      throw new CommandFailure(
        'the load generator is not installed in this project; install it with: npm install --save-dev autocannon',
      );
    }
    const child = spawn(process.execPath, [ENTRY, path], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    try {
      await loaded(child);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return new LoadGenerator(child);
  }

  /**
   * Sends requests until the time is over, or until SIGINT ends it early; the result is that of the time
   * until then. A second SIGINT ends the command at once.
   */
  async run(options: LoadOptions, progress: LoadProgress): Promise<LoadResult> {
    const child = this.#child;
    const seen: Seen = { responses: 0, bytes: 0, errorCodes: {} };
    const begin = performance.now();
    let timer: NodeJS.Timeout | undefined;
    let interrupt = (): void => undefined;
    try {
      return await new Promise<LoadResult>((resolve, reject) => {
        const cutOff = (reason: string): void => {
          resolve(partialResult(seen, options, (performance.now() - begin) / 1_000, reason));
        };
        const endWithin = (ms: number): void => {
          clearTimeout(timer);
          timer = setTimeout(cutOff, ms, 'did not end by itself');
        };
        interrupt = () => {
          child.send('stop', () => undefined);
          endWithin(GRACE_MS);
        };
        process.once('SIGINT', interrupt);
        child.once('exit', (code, signal) => cutOff(`ended with ${signal ?? `exit code ${code}`}`));
        child.on('message', (message: LoadMessage) => {
          if ('errorCodes' in message) seen.errorCodes = message.errorCodes;
          if (message.kind === 'failed') reject(message.error as Error);
          if (message.kind === 'result') resolve(resultOf(message));
          if (message.kind === 'looping') cutOff(`could do nothing but fail with ${message.code}`);
          if (message.kind !== 'tick') return;
          seen.responses += message.responses;
          seen.bytes += message.bytes;
          progress.tick(message.responses);
        });
        progress.begin();
        child.send(options, () => undefined);
        endWithin(options.duration * 1_000 + GRACE_MS);
      });
    } finally {
      clearTimeout(timer);
      process.removeListener('SIGINT', interrupt);
      this.close();
    }
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

function resolveFrom(file: string): string | undefined {
  try {
    return createRequire(file).resolve('autocannon');
  } catch {
    return undefined;
  }
}

/** @throws the error with which the module of the load generator does not load */
const loaded = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('message', (message: LoadMessage) =>
      message.kind === 'failed' ? reject(message.error as Error) : resolve(),
    );
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new CommandFailure(`the load generator has ended with ${signal ?? `exit code ${code}`}`)),
    );
  });

const latencyOf = ({ latency: { p50, p90, p99, max } }: AutocannonResult): LoadResult['latencyMs'] => ({
  p50,
  p90,
  p99,
  max,
});

const resultOf = ({
  result,
  errorCodes,
  closed,
  silent,
}: Extract<LoadMessage, { kind: 'result' }>): LoadResult => ({
  durationS: result.duration,
  requests: result.requests.total,
  requestsPerSecond: result.requests.total / result.duration,
  bytesPerSecond: result.throughput.average,
  latencyMs: result.requests.total === 0 ? undefined : latencyOf(result),
  statusCodes: Object.fromEntries(
    Object.entries(result.statusCodeStats ?? {}).map(([status, { count }]) => [status, count]),
  ),
  errors: result.errors + closed,
  timeouts: result.timeouts,
  errorCodes: closed === 0 ? errorCodes : { ...errorCodes, [CLOSED]: closed },
  silentConnections: silent,
});

const partialResult = (
  { responses, bytes, errorCodes }: Seen,
  { connections }: LoadOptions,
  seconds: number,
  cutOff: string,
): LoadResult => ({
  durationS: Math.round(seconds * 100) / 100,
  requests: responses,
  requestsPerSecond: responses / seconds,
  bytesPerSecond: bytes / seconds,
  latencyMs: undefined,
  statusCodes: {},
  errors: Object.values(errorCodes).reduce((sum, count) => sum + count, 0),
  timeouts: 0,
  errorCodes,
  silentConnections: responses === 0 ? connections : 0,
  cutOff,
});
