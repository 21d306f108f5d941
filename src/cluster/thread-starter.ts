// Starts worker threads: each needs a row of shared memory, and only a few start at the same time.
import { Allowance } from '../allowance.js';
import { occupySlot } from '../memory/worker-row.js';
import { threadToCutShort } from './drains.js';
import type { ReadyService } from './messages.js';
import type { RestartLimits } from './restarts.js';
import type { SupervisorOptions } from './supervisor-options.js';
import { Slots } from './worker-rows.js';
import { WorkerThread, type WorkerThreadEvents } from './worker-thread.js';
import { isAlive, type WorkerEntry, type Workers } from './workers.js';

type ThreadLog = ReturnType<NonNullable<SupervisorOptions['openThreadLog']>>;

export interface ThreadStarterOptions {
  readonly workers: Workers;
  readonly supervisor: SupervisorOptions;
  readonly limits: RestartLimits;
  readonly events: WorkerThreadEvents;
  /** Services with a migrated database. The supervisor adds later ones to the same array. */
  readonly readyServices: readonly ReadyService[];
  isStopping(): boolean;
  /** Ends a thread that did not get ready in time. */
  discard(thread: WorkerThread): void;
  /** The system has refused a thread. */
  refused(entry: WorkerEntry, error: unknown): void;
}

export class ThreadStarter {
  readonly #options: ThreadStarterOptions;
  readonly #workers: Workers;
  readonly #slots: Slots;

  constructor(options: ThreadStarterOptions) {
    this.#options = options;
    this.#workers = options.workers;
    const { count, firstRow } = options.supervisor.group;
    this.#slots = new Slots(count, firstRow);
  }

  /** Starts the first threads of all workers: some at once, the others as those get ready. */
  startAll(): void {
    const { all } = this.#workers;
    const { startingAtOnce } = this.#options.limits;
    for (const entry of all) entry.awaitsThread = true;
    for (const entry of all.slice(0, startingAtOnce)) this.#spawn(entry, this.#slots.tryTake()!);
    void this.#startRest(all.slice(startingAtOnce));
  }

  /**
   * Starts a thread of a worker as soon as there is a row for it.
   * @param isWanted called then: the thread may no longer be wanted
   * @returns undefined when no thread was started: it is not wanted, or the system has refused it
   */
  async start(entry: WorkerEntry, isWanted = () => entry.awaitsThread): Promise<WorkerThread | undefined> {
    const slot = await this.#takeSlot();
    if (!this.#options.isStopping() && isWanted()) return this.#spawn(entry, slot);
    this.#slots.release(slot);
    return undefined;
  }

  /** Resolves when the thread is ready or never will be. One that takes too long is discarded. */
  async started(thread: WorkerThread): Promise<void> {
    const { startMs } = this.#options.limits;
    const allowance = new Allowance(startMs, () => this.#options.discard(thread));
    await this.settled(() => thread.state.kind !== 'starting');
    allowance.cancel();
  }

  /** Resolves once `test` holds, or when the process stops. */
  settled(test: () => boolean): Promise<void> {
    return this.#workers.until(() => this.#options.isStopping() || test());
  }

  /** Call when no code of the thread that had the row can run any more. */
  releaseSlot(slot: number): void {
    this.#slots.release(slot);
  }

  /** Cuts drains short while threads wait for a row. */
  cutDrainsShort(): void {
    const { failedDrainMs } = this.#options.limits;
    threadToCutShort(this.#workers.living, this.#slots.waiting, failedDrainMs)?.retire(failedDrainMs);
  }

  async #startRest(entries: readonly WorkerEntry[]): Promise<void> {
    const { limits } = this.#options;
    const isStarting = ({ state }: WorkerThread): boolean => state.kind === 'starting';
    for (const entry of entries) {
      await this.settled(() => this.#workers.living.filter(isStarting).length < limits.startingAtOnce);
      if (this.#options.isStopping()) return;
      await this.start(entry);
    }
  }

  #takeSlot(): Promise<number> {
    const slot = this.#slots.take();
    this.cutDrainsShort();
    return slot;
  }

  /** @returns undefined when the system refuses a thread */
  #spawn(entry: WorkerEntry, slot: number): WorkerThread | undefined {
    const { supervisor } = this.#options;
    entry.awaitsThread = false;
    clearTimeout(entry.restartTimer);
    occupySlot(supervisor.block, slot, entry.worker, ++entry.generation);
    const threadLog = supervisor.openThreadLog?.();
    let thread: WorkerThread;
    try {
      thread = this.#begun(entry, slot, threadLog);
    } catch (error) {
      threadLog?.close();
      supervisor.reclaim(slot);
      this.#slots.release(slot);
      this.#options.refused(entry, error);
      return undefined;
    }
    entry.threads = [...entry.threads.filter(isAlive), thread];
    this.#workers.notify();
    return thread;
  }

  /** @throws Error as the constructor of WorkerThread */
  #begun({ worker, generation }: WorkerEntry, slot: number, threadLog: ThreadLog): WorkerThread {
    const { supervisor, limits, events, readyServices } = this.#options;
    const { group, settings, block, series, spans, instanceId } = supervisor;
    const port = group.sharedPort;
    const memory = {
      memory: block.buffer,
      series: series.of(slot),
      spans: spans?.of(slot),
      logMemory: threadLog?.memory,
      exportedLog: threadLog?.exported,
    };
    return new WorkerThread(
      {
        group,
        boot: { worker, slot, generation, ...memory, settings, port, instanceId, ready: readyServices },
        early: generation === 1 ? supervisor.takeEarlyThread?.(worker) : undefined,
        attachCpu: (cpuPort) => supervisor.attachCpu(cpuPort),
        overdueMs: limits.overdueMs,
      },
      {
        ...events,
        ended: (ended) => {
          events.ended(ended);
          threadLog?.close();
        },
      },
    );
  }
}
