// An HTTP worker's side of the CPU pool: `cpu.run` of all services of the worker, over one port.
import { deserialize } from 'node:v8';
import type { MessagePort } from 'node:worker_threads';
import { HttpError, UnavailableError } from '../errors.js';
import { checkOptions, describeValue, SIGNAL, shapeOf, typeErrorFor } from '../options.js';
import { currentScope, type Scope } from '../scope.js';
import type { SpanHandle, Tracing } from '../telemetry/span.js';
import { cpuSpan } from '../telemetry/spans.js';
import { bufferOf, type FromPool, type ToPool } from './cpu-messages.js';
import { packedClone } from './task-clone.js';
import { notSent, unpackFailure } from './task-failure.js';

/** The same shape as `Cpu` of api/service-definition.ts, which this module must not import. */
export interface CpuTasks {
  run<T = unknown>(task: string, input: unknown, options?: { readonly signal?: AbortSignal }): Promise<T>;
}

const RUN = shapeOf<NonNullable<Parameters<CpuTasks['run']>[2]>>('{ signal: ctx.signal }', {
  signal: SIGNAL,
});
const fault = typeErrorFor('cpu.run');

interface Pending {
  resolve(reply: FromPool): void;
  reject(reason: unknown): void;
}

export class CpuClient {
  readonly #port: MessagePort;
  readonly #tracing: Tracing;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #closed = false;

  /**
   * @param timeoutMs how long a task that is started outside of a request may take, its wait in the queue
   *   included
   */
  constructor(port: MessagePort, tracing: Tracing, timeoutMs: number) {
    this.#port = port;
    this.#tracing = tracing;
    this.#timeoutMs = timeoutMs;
    port.on('message', (message: FromPool) => this.#take(message.id)?.resolve(message));
    port.on('close', () => this.#close());
    port.unref();
  }

  /**
   * Makes the `cpu` of one service.
   * @param module its tasks module; undefined when it declares none: then `run` throws
   */
  tasks(module: URL | undefined): CpuTasks {
    return {
      run: async <T>(task: string, input: unknown, options: { readonly signal?: AbortSignal } = {}) => {
        if (module === undefined)
          throw new Error(`CPU task ${String(task)}: this service declares no tasks module`);
        // The pool ignores a message with a task that is no string, and this call would never end.
        if (typeof task !== 'string')
          throw fault(
            `the task must be the name of an export of the tasks module, not ${describeValue(task)}`,
          );
        checkOptions(options, RUN, fault);
        return (await this.#traced(module.href, task, input, options.signal)) as T;
      },
    };
  }

  /**
   * Rejects the tasks in progress. The pool drops them when it sees that the port is closed, and ends the
   * threads of those that do not end soon.
   */
  close(): void {
    this.#port.close();
  }

  async #traced(module: string, task: string, input: unknown, signal?: AbortSignal): Promise<unknown> {
    const span: SpanHandle = cpuSpan(this.#tracing, currentScope()?.trace, task);
    try {
      const result = await this.#run(module, task, input, signal);
      span.end();
      return result;
    } catch (error) {
      span.end(error instanceof HttpError ? error.code : 'INTERNAL');
      throw error;
    }
  }

  async #run(
    module: string,
    task: string,
    input: unknown,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    if (this.#closed) throw new UnavailableError('DRAINING', 'The CPU pool is closed.');
    const scope = currentScope();
    const signals = [signal, scope?.signal].filter((one) => one !== undefined);
    const aborted = signals.find((one) => one.aborted);
    if (aborted !== undefined) throw aborted.reason;

    const data = packInput(task, input);
    const remainingMs = scope?.deadline.remainingMs() ?? this.#timeoutMs;
    const id = ++this.#lastId;
    const abort = ({ target }: Event): void => {
      this.#post({ type: 'abort', id });
      // The reason of the signal is the error, as with `fetch` and other functions of the platform.
      this.#take(id)?.reject((target as AbortSignal).reason);
    };
    for (const one of signals) one.addEventListener('abort', abort);
    const caller = callerOf(scope) ?? `${module} ${task}`;
    try {
      return unpack(
        task,
        await new Promise<FromPool>((resolve, reject) => {
          if (this.#pending.size === 0) this.#port.ref();
          this.#pending.set(id, { resolve, reject });
          this.#post({ type: 'run', id, module, task, caller, input: data, remainingMs }, [bufferOf(data)]);
        }),
      );
    } finally {
      for (const one of signals) one.removeEventListener('abort', abort);
    }
  }

  #post(message: ToPool, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Removes a task from those in progress. The port keeps the event loop alive only while there are any. */
  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#port.unref();
    return pending;
  }

  #close(): void {
    this.#closed = true;
    for (const id of [...this.#pending.keys()]) {
      this.#take(id)?.reject(new UnavailableError('DRAINING', 'The CPU pool is closed.'));
    }
  }
}

/**
 * The caller by which the queue of the pool is shared: the route of the request; undefined outside of
 * requests.
 */
const callerOf = (scope: Scope | undefined): string | undefined =>
  scope?.template === undefined ? undefined : `${scope.service} ${scope.method} ${scope.template}`;

/** @throws TypeError that names the task, for an input that cannot cross threads */
function packInput(task: string, input: unknown): Uint8Array {
  try {
    return packedClone(input);
  } catch (error) {
    throw notSent(task, 'its input cannot be sent to a thread', error);
  }
}

function unpack(task: string, { kind, data }: FromPool): unknown {
  if (kind === 'failure') throw unpackFailure(data);
  if (kind === 'bytes') return data;
  try {
    return deserialize(data);
  } catch (error) {
    throw notSent(task, 'its result cannot be read', error);
  }
}
