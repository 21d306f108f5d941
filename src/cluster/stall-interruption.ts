// Interrupts a stalled thread. If what the thread runs next stalls it as well, that is interrupted too, until
// the loop runs or further attempts are useless.
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import { interruptThread, REACH_MS, REPLY_MS } from './interrupt.js';
import type { Interruption, InterruptResult } from './interrupt-protocol.js';
import { BEAT_MS } from './load-sampler.js';
import type { ToWorker } from './messages.js';
import type { WorkerState } from './worker-life.js';

/**
 * The most attempts on a thread that replies that it is not stalled although its heartbeat does not change,
 * or whose reply was delayed by a pause of the process. It is also the most interruptions in a row that hit
 * no new request: code that is interrupted that often starts itself again each time.
 */
const MAX_TRIES = 5;
/**
 * A failed attempt that took longer than this was delayed by a pause of the process, so it does not count as
 * a failure of the thread.
 */
const MAX_ATTEMPT_MS = REACH_MS + REPLY_MS + 50;
/**
 * The time in which an attempt must reach a wedged thread. It is short, so that code which runs after native
 * code has returned is not interrupted at once.
 */
const WEDGED_REACH_MS = 150;
const LOOK_EVERY_MS = 5;

/** A thread, as far as stalls are concerned. */
export interface WatchedThread {
  readonly worker: number;
  readonly generation: number;
  readonly slot: number;
  readonly threadId: number;
  readonly state: WorkerState;
  stall(): void;
  resume(): void;
  wedge(withinMs: number): void;
  /** `terminate` ends the thread without harm to the process. */
  readonly mayTerminate: boolean;
  terminate(): Promise<boolean>;
  send(message: ToWorker): void;
}

export interface StallInterruptionOptions {
  /** The last heartbeat in a row of shared memory; 0 when there was none. */
  readonly heartbeat: (slot: number) => number;
  readonly stallMs: number;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** A worker has stalled in a handler of this route; undefined outside of requests. */
  stalled(thread: WatchedThread, route: string | undefined): void;
}

/**
 * `interrupted`: the loop runs after an interruption. `recovered`: it runs without one. `lost`: the thread is
 * still stalled and cannot be interrupted.
 */
export type StallOutcome = 'interrupted' | 'recovered' | 'lost';

/** What follows an attempt. `restart`: try again, and count anew. */
type Verdict = 'running' | 'lost' | 'retry' | 'restart';

export class StallInterruption {
  readonly #thread: WatchedThread;
  readonly #options: StallInterruptionOptions;
  /** The heartbeat when the thread was found stalled. */
  readonly #heartbeat: number;
  /** The thread has been stalled just now, and is not wedged. */
  readonly #isNew: boolean;
  #isInterrupted = false;
  readonly #interruptedRequests = new Set<string>();
  /** Interruptions in a row that hit no new request. */
  #withoutNewRequest = 0;

  constructor(thread: WatchedThread, options: StallInterruptionOptions) {
    this.#thread = thread;
    this.#options = options;
    this.#heartbeat = options.heartbeat(thread.slot);
    this.#isNew = thread.state.kind === 'stalled';
  }

  async run(): Promise<StallOutcome> {
    for (let tries = 1; ; tries++) {
      const begun = performance.now();
      const result = await interruptThread(this.#thread.threadId, this.#isNew ? REACH_MS : WEDGED_REACH_MS);
      const isLate = performance.now() - begun > MAX_ATTEMPT_MS;
      const verdict = await this.#judge(result, isLate, tries);
      if (verdict === 'restart') tries = 0;
      else if (verdict !== 'retry') return this.#end(verdict === 'lost');
    }
  }

  async #judge(result: InterruptResult, isLate: boolean, tries: number): Promise<Verdict> {
    if (typeof result === 'object') {
      this.#report(result);
      if (await this.#runs()) return 'running';
      return this.#withoutNewRequest < (this.#isNew ? MAX_TRIES : 1) ? 'retry' : 'lost';
    }
    switch (result) {
      case 'progressing':
        // The thread finishes one callback after the other, so it is watched for longer.
        return (await this.#runs(this.#options.stallMs / 2)) ? 'running' : 'restart';
      case 'responsive':
        // If the loop does not run all the same, the attempt came at a moment when the thread could not be
        // interrupted.
        if (await this.#runs()) return 'running';
        return tries < MAX_TRIES ? 'retry' : 'lost';
      case 'unreachable':
        return isLate && tries < MAX_TRIES ? 'retry' : 'lost';
    }
  }

  #report(interruption: Interruption): void {
    const { worker, generation } = this.#thread;
    const { stack, ...stall } = interruption;
    this.#options.stalled(this.#thread, stall.route);
    const where = stall.route === undefined ? '' : `: ${stall.method} ${stall.route}`;
    this.#options.log.error({ worker, generation, ...stall, stack }, `handler stalled, interrupted${where}`);
    this.#isInterrupted = true;
    const { requestId } = stall;
    const isNewRequest = requestId !== undefined && !this.#interruptedRequests.has(requestId);
    this.#withoutNewRequest = isNewRequest ? 0 : this.#withoutNewRequest + 1;
    if (requestId !== undefined) this.#interruptedRequests.add(requestId);
  }

  #end(isLost: boolean): StallOutcome {
    const thread = this.#thread;
    const { worker, generation } = thread;
    const { log, stallMs } = this.#options;
    if (!this.#isInterrupted && this.#isNew) this.#options.stalled(thread, undefined);
    // Also sent to a thread that is still stalled: it finds the order when its loop runs.
    if (this.#isInterrupted) thread.send({ type: 'recover' });
    if (isLost && isStalled(thread)) return 'lost';
    if (!this.#isInterrupted) {
      log.warn({ worker, generation, stallMs }, 'the event loop of a worker was stalled and runs again');
    }
    thread.resume();
    return this.#isInterrupted ? 'interrupted' : 'recovered';
  }

  /**
   * Resolves with true as soon as the loop runs, and with false when it has not run after `withinMs`.
   * @default STALL_MS, which the next callback may take as well
   */
  async #runs(withinMs = this.#options.stallMs): Promise<boolean> {
    const allowance = new Allowance(withinMs + BEAT_MS);
    try {
      while (this.#options.heartbeat(this.#thread.slot) === this.#heartbeat) {
        if (!isStalled(this.#thread)) return true; // it has posted a message
        if (allowance.leftMs === 0) return false;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
      return true;
    } finally {
      allowance.cancel();
    }
  }
}

export const isStalled = ({ state: { kind } }: Pick<WatchedThread, 'state'>): boolean =>
  kind === 'stalled' || kind === 'wedged';
