// The row of one worker: what it publishes about itself. It is read for `/workers` of the admin plane, for
// the placement of connections and by the supervisor.
import type { Block } from './block.js';
import { elapsed, toWord } from './elapsed.js';
import { WIDE } from './layout.js';
import { addWide, readWide, storeCount } from './metrics/wide.js';
import { heldByThread } from './permit-ledger.js';
import { continued, isContinued, routeIn } from './running-route.js';
import { forgetTopics } from './topic-hints.js';

export interface WorkerLoad {
  /** 0..1 */
  readonly utilization: number;
  readonly delayP99Us: number;
}

/** The row as its worker writes it. No other thread writes these words while the worker runs. */
export class WorkerRow {
  readonly #heartbeat: Int32Array;
  readonly #inFlight: Int32Array;
  readonly #requests: Int32Array;
  readonly #errors: Int32Array;
  readonly #loopUtilization: Int32Array;
  readonly #cpuTime: Int32Array;
  readonly #loopDelay: Int32Array;
  readonly #heapUsed: Int32Array;
  readonly #heapRetained: Int32Array;
  readonly #route: Int32Array;
  readonly #since: Int32Array;
  /** The counts of earlier threads of the slot. */
  readonly #before: { readonly requests: number; readonly errors: number };

  constructor(block: Block, slot: number) {
    this.#heartbeat = block.words('workerHeartbeat', slot);
    this.#inFlight = block.words('workerInFlight', slot);
    this.#requests = block.words('workerRequests', slot);
    this.#errors = block.words('workerErrors', slot);
    this.#loopUtilization = block.words('workerLoopUtilization', slot);
    this.#cpuTime = block.words('workerCpuTime', slot);
    this.#loopDelay = block.words('workerLoopDelayP99', slot);
    this.#heapUsed = block.words('workerHeapUsed', slot);
    this.#heapRetained = block.words('workerHeapRetained', slot);
    this.#route = block.words('workerCurrentRoute', slot);
    this.#since = block.words('workerCurrentSince', slot);
    this.#before = { requests: readWide(this.#requests, 0), errors: readWide(this.#errors, 0) };
  }

  /** A request has begun. @param inFlight requests in this worker now */
  began(inFlight: number): void {
    this.#inFlight[0] = inFlight; // a plain store: see wide.ts
  }

  /**
   * A request has ended. It gets the counts and not their changes, so a call that is repeated counts nothing
   * twice.
   * @param requests of this thread that have ended
   * @param errors those of them that have failed; undefined when it is not one of them
   */
  ended(inFlight: number, requests: number, errors?: number): void {
    this.#inFlight[0] = inFlight;
    storeCount(this.#requests, 0, this.#before.requests + requests);
    if (errors !== undefined) storeCount(this.#errors, 0, this.#before.errors + errors);
  }

  /**
   * @param route number of the route whose handler runs now
   * @param now shared clock, milliseconds
   * @returns the number that `leaveRoute` needs: the route that ran before, because a call in process runs
   *   inside the handler of its caller
   */
  enterRoute(route: number, now: number): number {
    const before = this.#route[0]!;
    if (before === 0 || isContinued(before)) this.#since[0] = toWord(now);
    // A reader that sees this atomic store also sees the time stored before it, so it never finds a route
    // with the time of an earlier one. A call in process has the time of its caller, whose code runs as well.
    Atomics.store(this.#route, 0, route);
    return before;
  }

  leaveRoute(before: number): void {
    this.#route[0] = before;
  }

  /**
   * Code that has waited for a promise goes on. Called for every continuation, so no time is read.
   * @param route number of the route that the code belongs to, 0 for none
   */
  continueRoute(route: number): void {
    this.#route[0] = continued(route);
  }

  /** A continuation has ended. */
  pauseRoute(): void {
    this.#route[0] = 0;
  }

  /**
   * The heartbeat: the event loop has run a turn. Call it directly in a callback of the event loop. No code
   * of a route runs then, so one that is still published was cut off: V8 runs no `finally` behind a timeout
   * of `node:vm`.
   * @param now shared clock, milliseconds
   */
  beat(now: number): void {
    this.leaveRoute(0);
    Atomics.store(this.#heartbeat, 0, toWord(now));
  }

  /** Publishes the load. Called once per second, not per request. */
  report(load: WorkerLoad): void {
    Atomics.store(this.#loopUtilization, 0, Math.round(load.utilization * 1e6));
    Atomics.store(this.#loopDelay, 0, Math.min(0x7fffffff, Math.round(load.delayP99Us)));
  }

  /** Adds CPU time that the thread has used. */
  usedCpu(microseconds: number): void {
    addWide(this.#cpuTime, 0, microseconds);
  }

  /** Publishes the size of the heap now, garbage included. */
  useHeap(bytes: number): void {
    Atomics.store(this.#heapUsed, 0, Math.round(bytes / 1024));
  }

  /** Publishes the size of the heap after a full garbage collection. */
  retainHeap(bytes: number): void {
    Atomics.store(this.#heapRetained, 0, Math.round(bytes / 1024));
  }
}

/** A loop whose heartbeat is older counts as busy since then; one is due every 50 ms. */
const STALLED_MS = 250;
/** The time for which a worker publishes the utilization of its loop. */
const UTILIZATION_MS = 1_000;

export interface WorkerReading {
  readonly slot: number;
  /** The worker whose thread is in the slot, 0 for none. */
  readonly worker: number;
  readonly generation: number;
  readonly heartbeat: number;
  readonly connections: number;
  readonly inFlight: number;
  /** Requests of the thread that is in the slot now. */
  readonly requests: number;
  readonly errors: number;
  /** The share of about the last second in which the event loop was busy, 0..1. */
  readonly loopUtilization: number;
  readonly loopDelayP99Us: number;
  readonly heapUsedBytes: number;
  readonly heapRetainedBytes: number;
  /** Number of the route that runs now. */
  readonly currentRoute: number | undefined;
  /**
   * When that route began to run, or for a call in process the route that has made it: since then code of
   * handlers runs without a pause. A word of the shared clock, see elapsed.ts. For code behind an `await` it
   * is the last heartbeat, because that code began after it.
   */
  readonly currentSince: number;
}

/**
 * When the event loop of the thread in this slot last ran a turn: a word of the shared clock, see elapsed.ts;
 * 0 for never.
 */
export function readHeartbeat(block: Block, slot: number): number {
  return Atomics.load(block.words('workerHeartbeat', slot), 0);
}

/** Reads the heartbeats of all slots, as `readHeartbeat` does, without making a view for each reading. */
export function heartbeats(block: Block): (slot: number) => number {
  const { words, stride } = block.table('workerHeartbeat');
  return (slot) => Atomics.load(words, slot * stride);
}

/** Reads the bytes that a full garbage collection has left in the heap of a slot; 0 before the first one. */
export function retainedHeaps(block: Block): (slot: number) => number {
  const { words, stride } = block.table('workerHeapRetained');
  return (slot) => Atomics.load(words, slot * stride) * 1024;
}

/** Milliseconds since the event loop of the thread in this slot last ran a turn. @param now shared clock */
export function sinceHeartbeat(block: Block, slot: number, now: number): number {
  return elapsed(toWord(now), readHeartbeat(block, slot));
}

/** @param now shared clock; without it a loop that stalls has the utilization of the time before */
export function readWorker(block: Block, slot: number, now?: number): WorkerReading {
  const word = (name: Parameters<Block['words']>[0]): number => Atomics.load(block.words(name, slot), 0);
  const running = word('workerCurrentRoute');
  const route = routeIn(running);
  const heartbeat = word('workerHeartbeat');
  return {
    slot,
    worker: word('workerId'),
    generation: word('workerGeneration'),
    heartbeat,
    connections: heldByThread(block.words('workerConnections', slot)),
    inFlight: word('workerInFlight'),
    requests:
      readWide(block.words('workerRequests', slot), 0) -
      readWide(block.words('workerRequestsBefore', slot), 0),
    errors: readWide(block.words('workerErrors', slot), 0),
    loopUtilization: utilization(word('workerLoopUtilization') / 1e6, heartbeat, now),
    loopDelayP99Us: word('workerLoopDelayP99'),
    heapUsedBytes: word('workerHeapUsed') * 1024,
    heapRetainedBytes: word('workerHeapRetained') * 1024,
    currentRoute: route === 0 ? undefined : route,
    currentSince: isContinued(running) ? heartbeat : word('workerCurrentSince'),
  };
}

/** A loop that runs no turn publishes nothing, and is busy. */
function utilization(published: number, heartbeat: number, now: number | undefined): number {
  if (now === undefined || heartbeat === 0) return published;
  const stalledMs = elapsed(toWord(now), heartbeat);
  return stalledMs < STALLED_MS ? published : Math.max(published, Math.min(1, stalledMs / UTILIZATION_MS));
}

/** Assigns the slot to a worker's thread. The primary calls it before the thread starts. */
export function occupySlot(block: Block, slot: number, worker: number, generation: number): void {
  block.words('workerRequestsBefore', slot).set(block.words('workerRequests', slot).subarray(0, WIDE));
  Atomics.store(block.words('workerGeneration', slot), 0, generation);
  Atomics.store(block.words('workerId', slot), 0, worker);
}

/**
 * Clears the row after a thread has ended in any way: words that describe a living thread become zero, and
 * totals stay. Called by the primary when no code of that thread can run any more.
 */
export function clearWorker(block: Block, slot: number): void {
  for (const name of [
    'workerId',
    'workerInFlight',
    'workerCurrentRoute',
    'workerHeapUsed',
    'workerHeapRetained',
    'workerHeartbeat',
    'workerSurplus',
    'workerSurplusGiven',
  ] as const) {
    Atomics.store(block.words(name, slot), 0, 0);
  }
  forgetTopics(block, slot);
}
