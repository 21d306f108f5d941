// Which thread of a worker has its port, where each worker has a port of its own. On Node 20 two threads
// cannot listen on one port, so a thread gives it up to its successor and keeps its connections, until the
// successor listens and the thread is drained.
import type { WorkerPorts } from './worker-group.js';
import type { WorkerThread } from './worker-thread.js';
import { isAlive, type Workers } from './workers.js';

/**
 * The longest wait for the port of a predecessor process, in milliseconds. It gives the port up when it
 * begins to drain, which is soon after this process is ready.
 */
const SHARED_MS = 60_000;

export class PortHolders {
  readonly #workers: Workers;
  readonly #ports: WorkerPorts | undefined;
  readonly #drainMs: number;

  /**
   * @param ports undefined for workers that have no port of their own
   * @param drainMs DRAIN_MS: the longest wait for a port that another thread is to give up
   */
  constructor(workers: Workers, ports: WorkerPorts | undefined, drainMs: number) {
    this.#workers = workers;
    this.#ports = ports;
    this.#drainMs = drainMs;
  }

  /** The thread can serve: it gets the port of its worker, and the thread that has it gives it up. */
  handOver(thread: WorkerThread): void {
    for (const other of this.#othersOf(thread)) other.send({ type: 'unbind' });
    // A port that is in use when the process starts belongs to another program.
    this.#order(thread, thread.generation > 1 ? this.#drainMs : 0);
  }

  /** A thread that ends before it listens leaves the port to the one that has given it up. */
  ended(thread: WorkerThread): void {
    const others = this.#othersOf(thread);
    const serving = others.findLast(({ state }) => state.kind === 'ready' || state.kind === 'failing');
    if (thread.wantsPort && serving !== undefined) this.#order(serving, this.#drainMs);
    else if (serving === undefined) this.#ports?.silent(thread.worker);
  }

  #othersOf(thread: WorkerThread): readonly WorkerThread[] {
    return this.#workers.entryOf(thread).threads.filter((other) => other !== thread && isAlive(other));
  }

  /** @param withinMs the longest wait for the port, where no other process has it */
  #order(thread: WorkerThread, withinMs: number): void {
    const { worker } = thread;
    const ports = this.#ports!;
    const isShared = ports.isShared(worker);
    const port = ports.of(worker);
    thread.send({ type: 'listen', port, withinMs: isShared ? SHARED_MS : withinMs, isShared });
  }
}
