// The worker's half of the thread protocol, and the one way a worker ends: said, detached, closed, exited.
// Anything else with an open uWebSockets.js app aborts the whole process (docs/cluster.md).
import type { MessagePort } from 'node:worker_threads';
import type { Settings } from '../config.js';
import { thrownText } from '../telemetry/log-redact.js';
import { fileOperationsEnded } from './file-operations.js';
import { allowBreakOff, type Examiner } from './interrupt.js';
import type { FromWorker, LeaveReason, ReadyService, ToWorker } from './messages.js';
import type { Descriptor } from './sharding.js';

/** What a worker that was broken off while it left may take beyond its time. */
const INSIST_MS = 1_000;

export interface WorkerParts extends Examiner {
  /**
   * Stops taking work and finishes what is in hand, at the latest after `withinMs`. Never rejects.
   */
  drain(withinMs: number): Promise<void>;
  /** What kept the loop from turning was broken off: answers those who would wait for ever. */
  recover(): void;
  /** An exception that nothing has caught. @returns whether it is known what it has cost, and logged */
  accountsFor(error: unknown): boolean;
  /** Closes the HTTP core at once; must be safe to call twice. */
  close(): void;
  /** Resolves when the service answers here. A failure is a failure of this worker. */
  serviceReady(ready: ReadyService): Promise<void>;
}

/** The types have no `reallyExit`, which is what `exit` calls after its listeners. */
const ownProcess = process as Record<'exit' | 'reallyExit', (code?: number) => never> & NodeJS.Process;

export class WorkerSide {
  readonly #port: MessagePort;
  readonly #exit: (code: number) => never;
  #parts: WorkerParts | undefined;
  #leaving: LeaveReason | undefined;
  #draining = false;
  /** Something that ran here has brought it down, be it while it was draining by order. */
  #hasFailed = false;
  /** When what is in hand has to be finished. */
  #until = 0;
  #isDetached = false;
  #isBrokenOff = false;
  #detached: (withinMs: number) => void = () => {};
  /** Resolves when nothing is in hand any more. */
  readonly #quiet: Promise<void>;
  #becomeQuiet: () => void = () => {};
  /** What was said before there was anybody to listen. */
  readonly #early: ReadyService[] = [];

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Installs the process-wide catchers of this thread: call before any service code is loaded. */
  constructor(port: MessagePort, { unhandledRejection }: Pick<Settings, 'unhandledRejection'>) {
    this.#port = port;
    this.#quiet = new Promise((resolve) => {
      this.#becomeQuiet = resolve;
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
    allowBreakOff({
      isStanding: () => this.#parts?.isStanding() ?? true,
      examine: () => (this.#parts === undefined ? { where: 'elsewhere' } : this.#parts.examine()),
    });
    process.on('unhandledRejection', (reason) => {
      if (unhandledRejection === 'replace') this.#fail('unhandled-rejection', reason);
      else {
        // The primary orders a drain of all workers then, but not because of the others.
        if (unhandledRejection === 'exit') this.#hasFailed = true;
        this.#send({ type: unhandledRejection === 'log' ? 'failed' : 'fatal', detail: thrownText(reason) });
      }
    });
    // The last line of defence: a thread that ends by another way closes its app all the same.
    process.on('exit', () => this.#parts?.close());
    for (const name of ['exit', 'reallyExit'] as const) {
      ownProcess[name] = (code) => {
        const error = new Error(`process.${name}(${code ?? ''}) was called in a worker`);
        this.#fail('process-exit', error);
        throw error;
      };
    }
  }

  /** From here on the primary's orders can be carried out. */
  arm(parts: WorkerParts): void {
    this.#parts = parts;
    for (const ready of this.#early.splice(0)) void this.mount(ready);
  }

  ready(descriptor: Descriptor, offer: unknown): void {
    if (this.#leaving === undefined && !this.#draining) this.#send({ type: 'ready', descriptor, offer });
  }

  /** Makes a service whose database is there answer, and tells the primary. Never rejects. */
  async mount(ready: ReadyService): Promise<void> {
    try {
      await this.#parts!.serviceReady(ready);
      this.#send({ type: 'serving', service: ready.service });
    } catch (error) {
      this.#fail('start-failed', error);
    }
  }

  /** The configuration is wrong; the primary ends the process with this code. */
  refuse(message: string, exitCode: number): void {
    this.#send({ type: 'refused', message, exitCode });
  }

  /** This worker cannot be built. */
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
        this.#isBrokenOff = true;
        this.#insist();
        break;
      case 'detached':
        if (this.#leaving === undefined) {
          // Code of a service has said that this worker leaves. So it does, and says so itself when it can.
          if (!this.#draining) this.#drainInOrder(message.withinMs);
          break;
        }
        this.#until = Math.max(this.#until, performance.now() + message.withinMs);
        this.#isDetached = true;
        this.#detached(message.withinMs);
        this.#insist();
        break;
    }
  }

  /**
   * The acceptor has released this worker: only what is here already is finished. May come again with less
   * time.
   */
  #drainInOrder(withinMs: number): void {
    this.#draining = true;
    this.#until = performance.now() + withinMs;
    void this.#drain(withinMs);
    void this.#quiet.then(() => this.#leave('drained', undefined));
  }

  async #drain(withinMs: number): Promise<void> {
    try {
      await this.#parts?.drain(withinMs);
    } finally {
      this.#becomeQuiet();
    }
  }

  #fail(reason: LeaveReason, cause: unknown): void {
    this.#hasFailed = true;
    if (this.#leaving !== undefined) return; // failing while it leaves changes nothing
    void this.#leave(reason, cause === undefined ? undefined : thrownText(cause));
  }

  /** Said, detached, (finished,) closed, exited. */
  async #leave(reason: LeaveReason, detail: string | undefined): Promise<void> {
    if (this.#leaving !== undefined) return;
    this.#leaving = reason;
    const detached = new Promise<number>((resolve) => {
      this.#detached = resolve;
    });
    this.#send({ type: 'leaving', reason, detail });
    const withinMs = await detached;
    // A socket that the acceptor handed over just before is taken in while the loop turns.
    await new Promise((resolve) => setImmediate(resolve));
    if (reason !== 'drained') {
      if (!this.#draining) void this.#drain(withinMs);
      await this.#quiet;
    }
    await this.#end();
  }

  /** Detached: nothing leads here any more. */
  async #end(): Promise<never> {
    this.#parts?.close();
    await fileOperationsEnded();
    this.#port.close();
    this.#exit(0);
  }

  /**
   * A break-off drops continuations, and those by which this worker was leaving may be among them: a timer
   * goes on.
   */
  #insist(): void {
    if (!this.#isBrokenOff || !this.#isDetached) return;
    const withinMs = Math.max(0, this.#until - performance.now()) + INSIST_MS;
    setTimeout(() => void this.#drain(0).finally(() => void this.#end()), withinMs);
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}
