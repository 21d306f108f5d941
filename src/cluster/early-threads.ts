// Threads of workers that are started before the primary can say what they are to run. Such a thread loads
// the code of the runtime while the primary still loads its own, so a start needs less time where there are
// several cores. It loads no code of services and has no HTTP core before it gets its boot message, so until
// then it is terminated when it is not needed, such as after a failed start. It may be loading modules then
// (see WorkerThread.hasLoaded).
import { MessageChannel, type MessagePort, type TransferListItem, Worker } from 'node:worker_threads';
import type { Settings } from '../config.js';
import type { WorkerBoot } from './messages.js';

/** The `workerData` of a thread that was started early: the port on which its `WorkerBoot` arrives. */
export interface EarlyBoot {
  readonly bootPort: MessagePort;
  /** The core whose code is loaded meanwhile. */
  readonly httpCore: Settings['httpCore'];
}

export const isEarly = (data: WorkerBoot | EarlyBoot): data is EarlyBoot => 'bootPort' in data;

export class EarlyThread {
  /** On the clock of `performance.now()`. */
  readonly startedAt = performance.now();
  readonly #thread: Worker;
  readonly #port: MessagePort;
  #failure: unknown;

  constructor(entry: URL, name: string, httpCore: Settings['httpCore']) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: EarlyBoot = { bootPort: port2, httpCore };
    this.#thread = new Worker(entry, { workerData, transferList: [port2], name });
    this.#thread.unref(); // it must not keep a process alive that cannot start
    this.#thread.on('error', (error) => {
      this.#failure = error;
    });
  }

  /** What the thread has thrown; undefined when it has ended by itself. */
  get failure(): unknown {
    return this.#failure;
  }
  get hasEnded(): boolean {
    return this.#thread.threadId === -1;
  }

  /**
   * Tells the thread what to run. Call it once.
   * @throws DataCloneError for a message that cannot be posted; the thread is ended then
   */
  run(boot: WorkerBoot, transferList: readonly TransferListItem[]): Worker {
    try {
      this.#port.postMessage(boot, transferList);
    } catch (error) {
      // Without its boot message the thread would wait for ever, and nothing else refers to it any more.
      void this.end();
      throw error;
    }
    this.#port.close();
    this.#thread.ref();
    return this.#thread;
  }

  async end(): Promise<void> {
    await this.#thread.terminate();
  }
}

export class EarlyThreads {
  /** By worker: only first threads of workers are started early. */
  readonly #threads = new Map<number, EarlyThread>();
  readonly #entry: URL;
  readonly #httpCore: Settings['httpCore'];

  constructor(entry: URL, httpCore: Settings['httpCore']) {
    this.#entry = entry;
    this.#httpCore = httpCore;
  }

  /**
   * @param workers number of workers whose first threads are started
   * @throws Error ERR_WORKER_INIT_FAILED when the system refuses a thread. Those before it run: call `end`.
   */
  start(workers: number): void {
    for (let worker = 1; worker <= workers; worker++) {
      this.#threads.set(worker, new EarlyThread(this.#entry, `http-${worker}.1`, this.#httpCore));
    }
  }

  /**
   * The thread that was started for a worker; undefined when there is none, or it has ended.
   * @param ended called with what a thread has thrown that has ended, undefined if it threw nothing
   */
  take(worker: number, ended: (failure: unknown) => void): EarlyThread | undefined {
    const thread = this.#threads.get(worker);
    this.#threads.delete(worker);
    if (thread?.hasEnded !== true) return thread;
    ended(thread.failure);
    return undefined;
  }

  /** Ends the threads that were not taken. */
  async end(): Promise<void> {
    const threads = [...this.#threads.values()];
    this.#threads.clear();
    await Promise.all(threads.map((thread) => thread.end()));
  }
}
