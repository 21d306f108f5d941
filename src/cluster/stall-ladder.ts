// What is done about a worker whose loop does not turn for STALL_MS, one rung after the other: no new connections;
// what it runs is broken off, and the worker replaced in order; where that is not possible it is left alone and
// another takes its place. Heartbeats are read from shared memory, so a busy worker is seen as well.
import type { Logger } from 'pino';
import { type BreakOff, type BrokenOff, breakOff } from './break-off.js';
import { BEAT_MS } from './load-sampler.js';
import type { ToWorker } from './messages.js';
import type { WorkerState } from './worker-state.js';

export const LOOK_EVERY_MS = 25;
/** Time between two looks that counts as watched; what is beyond, we or the whole machine have slept through. */
const MOST_WATCHED_MS = 250;
/** How long after it was broken off a loop may take to turn. */
const TURN_MS = 1_000;

/** One thread, as far as the ladder is concerned. */
export interface Climber {
  readonly worker: number;
  readonly generation: number;
  readonly slot: number;
  readonly threadId: number;
  readonly state: WorkerState;
  stall(): void;
  resume(): void;
  wedge(withinMs: number): void;
  send(message: ToWorker): void;
}

export interface StallLadderOptions {
  readonly threads: () => readonly Climber[];
  /** Last heartbeat of the thread in a row of shared memory. */
  readonly heartbeat: (slot: number) => number;
  readonly stallMs: number;
  readonly drainMs: number;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** A thread stands still, or is given up: logs what it was doing. Called before anything changes that. */
  dumpFlights(thread: Climber, reason: 'stalled' | 'wedged'): void;
  /** A worker has stalled in a handler of this route; undefined outside of requests. */
  stalled(thread: Climber, route: string | undefined): void;
}

/** How long a thread has been seen without a heartbeat. */
interface Silence {
  heartbeat: number;
  ms: number;
}

/** @param sinceLookMs since the last look at any thread */
export function silenceAfter(silence: Silence | undefined, heartbeat: number, sinceLookMs: number): Silence {
  if (silence === undefined || silence.heartbeat !== heartbeat) return { heartbeat, ms: 0 };
  return { heartbeat, ms: silence.ms + Math.min(sinceLookMs, MOST_WATCHED_MS) };
}

export class StallLadder {
  readonly #options: StallLadderOptions;
  readonly #timer: NodeJS.Timeout;
  #silences = new Map<Climber, Silence>();
  /** Being broken off right now. */
  readonly #busy = new Set<Climber>();
  #lookedAt = performance.now();

  constructor(options: StallLadderOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const sinceLookMs = now - this.#lookedAt;
    this.#lookedAt = now;
    const silences = new Map<Climber, Silence>();
    for (const thread of this.#options.threads()) {
      const { kind } = thread.state;
      if (kind === 'starting' || kind === 'dead') continue;
      const heartbeat = this.#options.heartbeat(thread.slot);
      const silence = silenceAfter(this.#silences.get(thread), heartbeat, sinceLookMs);
      silences.set(thread, silence);
      if (this.#busy.has(thread)) continue;
      if (kind === 'stalled' || kind === 'wedged') {
        if (silence.ms === 0) this.#turnsAgain(thread);
      } else if (silence.ms >= this.#options.stallMs + BEAT_MS) {
        this.#busy.add(thread);
        void this.#climb(thread).finally(() => this.#busy.delete(thread));
      }
    }
    this.#silences = silences;
  }

  async #climb(thread: Climber): Promise<void> {
    const { log, stallMs, drainMs } = this.#options;
    const { worker, generation, slot } = thread;
    const before = this.#options.heartbeat(slot);
    thread.stall();
    this.#options.dumpFlights(thread, 'stalled');
    const answer = await breakOff(thread.threadId);
    this.#count(thread, answer);
    if (answer === 'turning') {
      log.warn({ worker, generation, stallMs }, 'the event loop of a worker stood still, and turns again');
      thread.resume();
      return;
    }
    if (answer !== 'unreachable') {
      const { stack, ...where } = answer;
      log.error({ worker, generation, ...where, stack }, `handler stalled, broken off${nameOf(answer)}`);
      if (await this.#turns(thread, before)) {
        thread.resume();
        thread.send({ type: 'recover' });
        return;
      }
    }
    if (thread.state.kind !== 'stalled') return; // it has ended, or has spoken, meanwhile
    log.error(
      { worker, generation },
      'a worker stands still and cannot be broken off: another takes its place',
    );
    this.#options.dumpFlights(thread, 'wedged');
    thread.wedge(drainMs);
  }

  #count(thread: Climber, answer: BreakOff): void {
    this.#options.stalled(thread, typeof answer === 'object' ? answer.route : undefined);
  }

  #turnsAgain(thread: Climber): void {
    const { worker, generation } = thread;
    this.#options.log.info({ worker, generation }, 'a worker that stood still turns again');
    thread.resume();
  }

  /** @param before its heartbeat when it was found standing */
  async #turns(thread: Climber, before: number): Promise<boolean> {
    const until = performance.now() + TURN_MS;
    while (this.#options.heartbeat(thread.slot) === before) {
      if (performance.now() > until || thread.state.kind !== 'stalled') return false;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS / 5));
    }
    return true;
  }
}

const nameOf = ({ method, route }: BrokenOff): string => (route === undefined ? '' : `: ${method} ${route}`);
