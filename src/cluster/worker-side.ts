// The worker's side of the thread protocol (messages.ts), and the only way in which a worker ends: it posts
// `leaving`, is detached, closes its app, exits. A thread that ends in another way while its uWebSockets.js
// app is open aborts the whole process (docs/cluster.md).
import type { MessagePort } from 'node:worker_threads';
import type { Settings } from '../config.js';
import { thrownText } from '../telemetry/log-redact.js';
import { fileOperationsEnded } from './file-operations.js';
import { allowInterrupts, type Examiner } from './interruptible.js';
import type { FromWorker, LeaveReason, ListenOrder, ReadyService, ToWorker } from './messages.js';
import type { Descriptor } from './sharding.js';

/** Extra time for a worker that was interrupted while it was leaving. */
const EXTRA_MS = 1_000;

/** What the worker module does for the protocol. */
export interface WorkerParts extends Examiner {
  /** Admits no more work and finishes the requests in hand, at the latest after `withinMs`. Never rejects. */
  drain(withinMs: number): Promise<void>;
  /**
   * Listens on the port of this worker.
   * @default the worker has no port of its own
   */
  listen?(order: ListenOrder): void;
  /**
   * Gives up the port of this worker, and keeps the connections. Resolves when the port is free.
   * @default as `listen`
   */
  unbind?(): Promise<void>;
  /** What stalled the loop was interrupted: ends the requests that would never get a response. */
  recover(): void;
  /**
   * Handles an exception that nothing has caught.
   * @returns whether its effect is known and logged, so that the worker can continue
   */
  accountsFor(error: unknown): boolean;
  /** The same for a promise that has rejected, which no code handles. */
  accountsForRejection(reason: unknown): boolean;
  /** Closes the HTTP core at once. Must be safe to call twice. */
  close(): void;
  /** Resolves when the service is served by this thread. A rejection makes the whole worker fail. */
  serviceReady(ready: ReadyService): Promise<void>;
}

/** The process with `reallyExit`, which the types omit; `exit` calls it after its listeners. */
const ownProcess = process as Record<'exit' | 'reallyExit', (code?: number) => never> & NodeJS.Process;

export class WorkerSide {
  readonly #port: MessagePort;
  readonly #exit: (code: number) => never;
  #parts: WorkerParts | undefined;
  #leaving: LeaveReason | undefined;
  #isDraining = false;
  /** Something that ran here has made the worker fail, possibly while it drained by order. */
  #hasFailed = false;
  /** When the requests in hand have to be finished, on the clock of `performance.now()`. */
  #finishBy = 0;
  #isDetached = false;
  #isInterrupted = false;
  #detached: (withinMs: number) => void = () => {};
  /** Resolves when no request is in hand any more. */
  readonly #drained: Promise<void>;
  #markDrained: () => void = () => {};
  /** Services whose `service-ready` came before `arm`. */
  readonly #early: ReadyService[] = [];

  /**
   * Installs the handlers of this thread for uncaught failures: call it before any code of services is
   * loaded.
   */
  constructor(port: MessagePort, { unhandledRejection }: Pick<Settings, 'unhandledRejection'>) {
    this.#port = port;
    this.#drained = new Promise((resolve) => {
      this.#markDrained = resolve;
    });
    const exit = ownProcess.exit.bind(process);
    const reallyExit = ownProcess.reallyExit.bind(process);
    this.#exit = (code) => {
      ownProcess.reallyExit = reallyExit;
      return exit(code);
    };
    port.on('message', (message: ToWorker) => this.#receive(message));
    process.on('uncaughtException', (error) => {
      if (this.#parts?.accountsFor(error) !== true) this.#fail('uncaught-exception', error);
    });
    allowInterrupts({
      isStalled: () => this.#parts?.isStalled() ?? true,
      examine: () => (this.#parts === undefined ? { where: 'elsewhere' } : this.#parts.examine()),
    });
    process.on('unhandledRejection', (reason) => {
      if (this.#parts?.accountsForRejection(reason) === true) return;
      if (unhandledRejection === 'replace') this.#fail('unhandled-rejection', reason);
      else {
        // The primary then orders a drain of all workers; only this one has failed.
        if (unhandledRejection === 'exit') this.#hasFailed = true;
        this.#send({ type: unhandledRejection === 'log' ? 'failed' : 'fatal', detail: thrownText(reason) });
      }
    });
    // A thread that ends in any other way closes its app as well.
    process.on('exit', () => this.#parts?.close());
    for (const name of ['exit', 'reallyExit'] as const) {
      ownProcess[name] = (code) => {
        const error = new Error(`process.${name}(${code ?? ''}) was called in a worker`);
        this.#fail('process-exit', error);
        throw error;
      };
    }
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** From now on the orders of the primary can be carried out. */
  arm(parts: WorkerParts): void {
    this.#parts = parts;
    for (const ready of this.#early.splice(0)) void this.mount(ready);
  }

  /**
   * Tells the primary that this worker can serve.
   * @param routes the routes that it serves
   */
  ready(descriptor: Descriptor, routes: unknown): void {
    if (this.#leaving === undefined && !this.#isDraining) this.#send({ type: 'ready', descriptor, routes });
  }

  /** Asks for the port of this worker: `listen` follows. */
  wantPort(): void {
    if (this.#leaving === undefined && !this.#isDraining) this.#send({ type: 'port-wanted' });
  }

  /** Tells the primary that this worker listens. */
  listening(port: number): void {
    this.#send({ type: 'listening', port });
  }

  /** Serves a service whose database is migrated, and tells the primary. Never rejects. */
  async mount(ready: ReadyService): Promise<void> {
    try {
      await this.#parts!.serviceReady(ready);
      this.#send({ type: 'serving', service: ready.service });
    } catch (error) {
      this.#fail('start-failed', error);
    }
  }

  /**
   * Reports that the configuration is wrong: the primary ends the process with this exit code. A worker that
   * was ordered to end while it started may find that too late, and reports nothing.
   */
  refuse(message: string, exitCode: number): void {
    if (this.#leaving === undefined) this.#send({ type: 'refused', message, exitCode });
  }

  /** Reports that this worker cannot start. */
  startFailed(error: unknown): void {
    this.#fail('start-failed', error);
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case 'service-ready':
        if (this.#parts === undefined) this.#early.push(message);
        else void this.mount(message);
        break;
      case 'drain':
        this.#hasFailed ||= message.isFault;
        this.#drainInOrder(message.withinMs);
        break;
      case 'recover':
        this.#parts?.recover();
        this.#fail('stalled', undefined);
        this.#isInterrupted = true;
        this.#endByTimer();
        break;
      case 'listen':
        if (!this.#isDraining && this.#leaving !== 'drained') this.#parts?.listen?.(message);
        break;
      case 'unbind':
        void this.#unbind();
        break;
      case 'detached':
        if (this.#leaving === undefined) {
          // Code of a service has posted that this worker leaves, so the primary has retired it. It drains,
          // and posts `leaving` itself when it has.
          if (!this.#isDraining) this.#drainInOrder(message.withinMs);
          break;
        }
        this.#finishBy = Math.max(this.#finishBy, performance.now() + message.withinMs);
        this.#isDetached = true;
        this.#detached(message.withinMs);
        this.#endByTimer();
        break;
    }
  }

  async #unbind(): Promise<void> {
    await this.#parts?.unbind?.();
    this.#send({ type: 'unbound' });
  }

  /**
   * Drains by order: this worker is out of rotation, so only the connections that are here already are
   * served. A further order may shorten the time.
   */
  #drainInOrder(withinMs: number): void {
    this.#isDraining = true;
    this.#finishBy = performance.now() + withinMs;
    void this.#drain(withinMs);
    void this.#drained.then(() => this.#leave('drained', undefined));
  }

  async #drain(withinMs: number): Promise<void> {
    try {
      await this.#parts?.drain(withinMs);
    } finally {
      this.#markDrained();
    }
  }

  #fail(reason: LeaveReason, cause: unknown): void {
    this.#hasFailed = true;
    if (this.#leaving !== undefined) return; // it leaves already
    void this.#leave(reason, cause === undefined ? undefined : thrownText(cause));
  }

  /** Posts `leaving`, waits for `detached`, drains if it has not yet, and ends. */
  async #leave(reason: LeaveReason, detail: string | undefined): Promise<void> {
    if (this.#leaving !== undefined) return;
    this.#leaving = reason;
    const detached = new Promise<number>((resolve) => {
      this.#detached = resolve;
    });
    this.#send({ type: 'leaving', reason, detail });
    const withinMs = await detached;
    // A socket that the acceptor has handed over just before is received in the next turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    if (reason !== 'drained') {
      if (!this.#isDraining) void this.#drain(withinMs);
      await this.#drained;
    }
    await this.#end();
  }

  /** Ends the thread. The primary holds no reference to its app any more. */
  async #end(): Promise<never> {
    this.#parts?.close();
    await fileOperationsEnded();
    this.#port.close();
    this.#exit(0);
  }

  /**
   * Ends the thread by a timer as well: an interruption drops continuations, and those by which this worker
   * was leaving may be among them.
   */
  #endByTimer(): void {
    if (!this.#isInterrupted || !this.#isDetached) return;
    const withinMs = Math.max(0, this.#finishBy - performance.now()) + EXTRA_MS;
    setTimeout(() => void this.#drain(0).finally(() => void this.#end()), withinMs);
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}
