// An HTTP worker's side of the CPU pool: `cpu.run` of all services of the worker, over one port.
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { manyMayListen } from '../abort-source.js';
import { withAllowance } from '../allowance.js';
import { Deadline } from '../deadline.js';
import { errorTypeOf } from '../error-type.js';
import { DeadlineExceededError, UnavailableError } from '../errors.js';
import { checkOptions, describeValue, typeErrorFor } from '../options.js';
import { currentScope, type Scope } from '../scope.js';
import { formatTraceparent } from '../telemetry/propagation.js';
import type { SpanHandle, Tracing } from '../telemetry/span.js';
import { cpuSpan } from '../telemetry/spans.js';
import { type FromPool, type ToPool, transfersOf } from './cpu-messages.js';
import { RUN, type RunOptions } from './cpu-run-options.js';
import { ProgressPort } from './progress-port.js';
import { type Packed, packedClone, unpackedClone } from './task-clone.js';
import { notSent, unpackFailure } from './task-failure.js';
import { TaskNames } from './task-names.js';

type TaskFunction = (...args: never) => unknown;

/** The same shape as `Cpu` of api/service-definition.ts, which this module must not import. */
export interface CpuTasks {
  run<F extends TaskFunction>(
    task: F,
    input: Parameters<F>[0],
    options?: RunOptions,
  ): Promise<Awaited<ReturnType<F>>>;
  run<T = unknown>(task: string, input: unknown, options?: RunOptions): Promise<T>;
}

const fault = typeErrorFor('cpu.run');

/** One call of `cpu.run`, after its arguments were checked. */
interface Call {
  readonly service: string;
  readonly module: string;
  readonly task: string;
  readonly input: unknown;
  /** The input as it was at the call; undefined until it is packed. */
  readonly packed: Packed | undefined;
  readonly options: RunOptions;
}

interface Pending {
  resolve(reply: FromPool): void;
  reject(reason: unknown): void;
}

export interface CpuClientOptions {
  readonly tracing: Tracing;
  /** How long a task that is started outside of a request may take, its wait in the queue included. */
  readonly timeoutMs: number;
  readonly log: Pick<Logger, 'error'>;
}

export class CpuClient {
  readonly #port: MessagePort;
  readonly #options: CpuClientOptions;
  readonly #pending = new Map<number, Pending>();
  /** The calls of `run` that have not settled. */
  readonly #calls = new Set<Promise<unknown>>();
  #lastId = 0;
  #closed = false;

  constructor(port: MessagePort, options: CpuClientOptions) {
    this.#port = port;
    this.#options = options;
    port.on('message', (message: FromPool) => this.#take(message.id)?.resolve(message));
    port.on('close', () => this.#close());
    port.unref();
  }

  /**
   * Makes the `cpu` of one service.
   * @param module its tasks module; undefined when it declares none: then `run` throws
   */
  tasks(service: string, module: URL | undefined): CpuTasks {
    const names = module && new TaskNames(module);
    const run = async (task: string | TaskFunction, input: unknown, options: RunOptions = {}) => {
      if (module === undefined || names === undefined)
        throw new Error(
          `CPU task ${shownTask(task)}: service ${service} has no tasks module; name it in its definition: tasks: new URL('./tasks.js', import.meta.url)`,
        );
      checkOptions(options, RUN, fault);
      this.#refuseEnded(options);
      const isFunction = typeof task === 'function';
      if (isFunction && names.lacks(task)) throw notExported(task, module);
      // The caller may change the input after the call, so it is packed before anything is awaited.
      const packed = isFunction ? packInput(shownTask(task), input, options.transfer) : undefined;
      const name = isFunction ? await exportedName(names, task, module) : task;
      // The pool ignores a message with a task that is no string, and this call would never end.
      if (typeof name !== 'string')
        throw fault(
          `the task must be the name of an export of the tasks module, or that function, not ${describeValue(task)}`,
        );
      return this.#traced({ service, module: module.href, task: name, input, packed, options });
    };
    const counted = (...call: Parameters<typeof run>) => this.#count(run(...call));
    return { run: counted as CpuTasks['run'] };
  }

  /**
   * Resolves when the tasks that are in progress now have ended, at the latest after `withinMs`. Pauses of
   * the process are not counted.
   */
  async settled(withinMs: number): Promise<void> {
    if (this.#calls.size > 0) await withAllowance(withinMs, Promise.allSettled([...this.#calls]));
  }

  /**
   * Rejects the tasks in progress. The pool drops them when it sees that the port is closed, and ends the
   * threads of those that do not end soon.
   */
  close(): void {
    this.#port.close();
  }

  /** @returns a promise of its own: one that fails while nothing awaits it is an unhandled rejection */
  #count<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    return call.finally(() => this.#calls.delete(call));
  }

  async #traced(call: Call): Promise<unknown> {
    const scope = currentScope();
    const span: SpanHandle = cpuSpan(this.#options.tracing, scope?.trace, call.task);
    const timing = scope?.timing;
    timing?.began('cpu');
    try {
      const result = await this.#run(call, span);
      span.end();
      return result;
    } catch (error) {
      span.end(errorTypeOf(error));
      throw error;
    } finally {
      timing?.ended('cpu');
    }
  }

  async #run(call: Call, span: SpanHandle): Promise<unknown> {
    const { task, options } = call;
    const signals = this.#refuseEnded(options);
    const input = call.packed ?? packInput(task, call.input, options.transfer);
    // A getter of the input may have aborted one of them.
    for (const one of signals) one.throwIfAborted();
    const id = ++this.#lastId;
    const abort = ({ target }: Event): void => {
      this.#post({ type: 'abort', id });
      // The reason of the signal is the error, as with `fetch` and other functions of the platform.
      this.#take(id)?.reject((target as AbortSignal).reason);
    };
    for (const one of signals) {
      manyMayListen(one);
      one.addEventListener('abort', abort);
    }
    const progress = this.#progressOf(call);
    try {
      const reply = await new Promise<FromPool>((resolve, reject) => {
        if (this.#pending.size === 0) this.#port.ref();
        this.#pending.set(id, { resolve, reject });
        this.#send(call, id, input, progress?.remote, span);
      });
      if (span.recording) span.setAttribute('multilane.cpu.wait_ms', Math.round(reply.waitMs));
      progress?.drain();
      return unpack(task, reply);
    } finally {
      // It is there still when it could not be sent.
      this.#take(id);
      progress?.close();
      for (const one of signals) one.removeEventListener('abort', abort);
    }
  }

  /**
   * @returns the signals that end the task
   * @throws the reason of the one that has aborted; UnavailableError when the pool is closed
   */
  #refuseEnded({ signal }: RunOptions): AbortSignal[] {
    if (this.#closed) throw new UnavailableError('DRAINING', 'The CPU pool is closed.');
    const signals = [signal, currentScope()?.signal].filter((one) => one !== undefined);
    const aborted = signals.find((one) => one.aborted);
    if (aborted !== undefined) throw aborted.reason;
    // The signal does not abort at the deadline of a response that was sent.
    if (currentScope()?.deadline.passed) throw new DeadlineExceededError();
    return signals;
  }

  #send(
    { service, module, task, options: { priority = 'normal' } }: Call,
    id: number,
    input: Packed,
    progress: MessagePort | undefined,
    span: SpanHandle,
  ): void {
    const scope = currentScope();
    const caller = callerOf(scope);
    const deadline = (scope?.deadline ?? Deadline.none).orAfter(this.#options.timeoutMs);
    const traceparent = formatTraceparent(span.context);
    const place = { service, caller, priority, remainingMs: deadline.remainingMs() };
    const run: ToPool = { type: 'run', id, module, task, ...place, input, progress, traceparent };
    this.#post(run, transfersOf(run));
  }

  #progressOf({ task, options: { onProgress } }: Call): ProgressPort | undefined {
    if (onProgress === undefined) return undefined;
    return new ProgressPort(onProgress as (value: unknown) => unknown, (err) =>
      this.#options.log.error({ err, task }, `onProgress of CPU task ${task} failed; the task continues`),
    );
  }

  #post(message: ToPool, transfer: (ArrayBuffer | MessagePort)[] = []): void {
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

const shownTask = (task: unknown): string =>
  typeof task === 'function' ? task.name || 'without a name' : String(task);

/** @throws TypeError for a function that the tasks module does not export */
async function exportedName(names: TaskNames, task: TaskFunction, module: URL): Promise<string> {
  const name = await names.nameOf(task);
  if (name !== undefined) return name;
  throw notExported(task, module);
}

const notExported = (task: TaskFunction, module: URL): TypeError =>
  fault(
    `the function ${shownTask(task)} is not an export of the tasks module ${module.pathname}; ` +
      'export it there by a name, and import it from there',
  );

/** @throws TypeError that names the task, for an input that cannot cross threads */
function packInput(task: string, input: unknown, transfer: RunOptions['transfer']): Packed {
  try {
    return packedClone(input, transfer);
  } catch (error) {
    throw notSent(task, 'its input cannot be sent to a thread', error);
  }
}

function unpack(task: string, { kind, data, moved }: FromPool): unknown {
  if (kind === 'failure') throw unpackFailure(data);
  if (kind === 'bytes') return data;
  if (kind === 'buffer') return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  try {
    return unpackedClone({ data, moved });
  } catch (error) {
    throw notSent(task, 'its result cannot be read', error);
  }
}
