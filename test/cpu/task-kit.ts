// Shared by tests of the CPU pool: a pool of real threads, the workers' ends of its ports, and tasks that
// wait for a message.
import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { type Logger, pino } from 'pino';
import { CpuClient, type CpuTasks } from '#src/cpu/cpu-client.js';
import type { TaskObserver } from '#src/cpu/pool-options.js';
import { TaskPool } from '#src/cpu/task-pool.js';
import type { Deadline } from '#src/deadline.js';
import type { Scope } from '#src/scope.js';
import type { SpanHandle, Tracing } from '#src/telemetry/span.js';

export const FIXTURE = new URL('./task-fixture.js', import.meta.url);
const ENTRY = new URL('../../../dist/workers/task.js', import.meta.url);
export const trace = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  sampled: true,
  tracestate: undefined,
};

export interface PoolOptions {
  readonly maxQueue?: number;
  readonly graceMs?: number;
  readonly heapMb?: number;
  readonly v8HeapMb?: number;
  readonly observer?: TaskObserver;
  /**
   * The tasks module of `cpu`.
   * @default task-fixture.ts
   */
  readonly tasks?: URL;
}

/** A pool, and the end of one worker. */
export class TestPool {
  readonly pool: TaskPool;
  readonly cpu: CpuTasks;
  /** The log lines of the pool. */
  readonly lines: Record<string, unknown>[] = [];
  readonly spans: { name: string; parent: unknown; errorType: string | undefined }[] = [];
  /** What the spans say of the waits, in milliseconds. */
  readonly waits: number[] = [];
  readonly #clients: CpuClient[] = [];
  readonly #log: Logger;

  constructor(threads: number, { tasks = FIXTURE, ...options }: PoolOptions = {}) {
    const log: Logger = pino({}, { write: (line: string) => void this.lines.push(JSON.parse(line)) });
    this.#log = log;
    this.pool = new TaskPool({ threads, entry: ENTRY, log, graceMs: 0, ...options });
    this.cpu = this.worker().tasks('demo', tasks);
  }

  /** Attaches a new port, and returns the worker's end of it. */
  worker(timeoutMs = 60_000): CpuClient {
    const { port1, port2 } = new MessageChannel();
    this.pool.attach(port1);
    const client = new CpuClient(port2, { tracing: this.#tracing(), timeoutMs, log: this.#log });
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.pool.close({ withinMs: 0 });
  }

  #tracing(): Tracing {
    const begin = (name: string, _kind: string, parent: unknown): SpanHandle => {
      const span = { name, parent, errorType: undefined as string | undefined };
      this.spans.push(span);
      return {
        context: trace,
        recording: true,
        setAttribute: (name: string, value: unknown) => {
          if (name === 'multilane.cpu.wait_ms') this.waits.push(value as number);
        },
        end: (errorType?: string) => {
          span.errorType = errorType;
        },
      };
    };
    return { enabled: true, begin } as unknown as Tracing;
  }
}

export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(Error);
    return error as Error;
  }
  throw new Error('expected a rejection');
}

/** Starts a task that posts to `channel` when it runs. Resolves then. */
export async function running<T>(channel: string, begin: () => Promise<T>): Promise<{ result: Promise<T> }> {
  const ears = new BroadcastChannel(channel);
  const told = once(ears as unknown as EventTarget, 'message');
  const result = begin();
  await told;
  ears.close();
  return { result };
}

export function tell(channel: string): void {
  const mouth = new BroadcastChannel(channel);
  mouth.postMessage('go on');
  mouth.close();
}

export const scopeOf = (
  deadline: Deadline,
  signal: AbortSignal = new AbortController().signal,
  more: Partial<Scope> = {},
): Scope => ({
  requestId: 'r',
  deadline,
  signal,
  trace,
  service: undefined,
  ...more,
});
