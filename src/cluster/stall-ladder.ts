// What is done about a worker whose loop does not turn for STALL_MS, one rung after the other: no new
// connections; what it runs is broken off, and the worker replaced in order; where that is not possible
// another takes its place, and it is tried again now and then: what follows native code in the same turn may
// be a loop. Heartbeats are read from shared memory, so a busy worker is seen as well.
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import { type BrokenOff, breakOff, LISTEN_MS, REPLY_MS } from './interrupt.js';
import { BEAT_MS } from './load-sampler.js';
import type { ToWorker } from './messages.js';
import type { WorkerState } from './worker-state.js';

export const LOOK_EVERY_MS = 25;
/**
 * Time between two looks that counts as watched; what is beyond, we or the whole machine have slept through.
 * Also at most half of STALL_MS: one look alone never makes a worker stalled.
 */
const MOST_WATCHED_MS = 100;
/**
 * How long a thread that could not be broken off is left alone. The time doubles with each try, up to the
 * most.
 */
const [AGAIN_MS, MOST_AGAIN_MS] = [1_500, 60_000];
/**
 * How often a thread is looked at that says it turns and does not, or that a pause of the process kept from
 * answering. And how often in a row it is broken off without a request that is new: then each callback leaves
 * another one behind.
 */
const TRIES = 5;
/**
 * An attempt that failed and took longer was held up by a pause of the process, and says nothing of the
 * thread.
 */
const LATEST_MS = REPLY_MS + LISTEN_MS + 50;
/** How long each may take: native code that returns meanwhile is to end in peace. */
const AGAIN_REPLY_MS = 150;

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
  /** Last heartbeat of the thread in a row of shared memory; 0 for none. */
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
export function silenceAfter(
  silence: Silence | undefined,
  heartbeat: number,
  sinceLookMs: number,
  stallMs: number,
): Silence {
  if (silence === undefined || silence.heartbeat !== heartbeat) return { heartbeat, ms: 0 };
  return { heartbeat, ms: silence.ms + Math.min(sinceLookMs, MOST_WATCHED_MS, stallMs / 2) };
}

export class StallLadder {
  readonly #options: StallLadderOptions;
  readonly #timer: NodeJS.Timeout;
  #silences = new Map<Climber, Silence>();
  /** Being broken off right now. */
  readonly #busy = new Set<Climber>();
  /** When those that stand still for good were last tried, and how long they are left alone. */
  readonly #tried = new WeakMap<Climber, { readonly at: number; readonly forMs: number }>();
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
      const { stallMs } = this.#options;
      const heartbeat = this.#options.heartbeat(thread.slot);
      // It was discarded while it loads code: it has not come to its loop yet.
      if (heartbeat === 0) continue;
      const silence = silenceAfter(this.#silences.get(thread), heartbeat, sinceLookMs, stallMs);
      silences.set(thread, silence);
      if (this.#busy.has(thread)) continue;
      if (kind === 'stalled' || kind === 'wedged') {
        if (silence.ms === 0) this.#turnsAgain(thread);
        else if (this.#isDue(thread, now)) this.#occupy(thread, this.#tryAgain(thread));
      } else if (silence.ms >= stallMs + BEAT_MS) this.#occupy(thread, this.#climb(thread));
    }
    this.#silences = silences;
  }

  #occupy(thread: Climber, work: Promise<void>): void {
    const { worker, generation } = thread;
    this.#busy.add(thread);
    void work
      .catch((err: unknown) => {
        // It is tried again later, as if it could not have been broken off.
        this.#leaveAlone(thread);
        this.#options.log.error({ worker, generation, err }, 'handling a stalled worker failed');
      })
      .finally(() => this.#busy.delete(thread));
  }

  async #climb(thread: Climber): Promise<void> {
    thread.stall();
    this.#options.dumpFlights(thread, 'stalled');
    if (!(await this.#break(thread))) this.#giveUp(thread);
  }

  /** Also when a step of the ladder failed before: it was not given up then. */
  async #tryAgain(thread: Climber): Promise<void> {
    if (!(await this.#break(thread)) && thread.state.kind === 'stalled') this.#giveUp(thread);
    else this.#leaveAlone(thread);
  }

  #giveUp(thread: Climber): void {
    const { log, stallMs, drainMs } = this.#options;
    const { worker, generation } = thread;
    log.error(
      { worker, generation, stallMs },
      'a worker stands still and cannot be broken off: another takes its place',
    );
    this.#leaveAlone(thread);
    try {
      this.#options.dumpFlights(thread, 'wedged');
    } finally {
      thread.wedge(drainMs);
    }
  }

  #leaveAlone(thread: Climber): void {
    const before = this.#tried.get(thread)?.forMs ?? AGAIN_MS / 2;
    this.#tried.set(thread, { at: performance.now(), forMs: Math.min(2 * before, MOST_AGAIN_MS) });
  }

  #isDue(thread: Climber, now: number): boolean {
    const tried = this.#tried.get(thread);
    return tried === undefined || now - tried.at >= tried.forMs;
  }

  /**
   * Breaks off what it runs, and what it runs next if that does not end either.
   * @returns false when it cannot be broken off
   */
  async #break(thread: Climber): Promise<boolean> {
    const { log, stallMs } = this.#options;
    const { worker, generation, slot } = thread;
    const before = this.#options.heartbeat(slot);
    const isNew = thread.state.kind === 'stalled';
    let isBroken = false;
    let isLost = false;
    const ended = new Set<string>();
    let fruitless = 0;
    for (let tries = 1; ; tries++) {
      const begun = performance.now();
      const answer = await breakOff(thread.threadId, isNew ? REPLY_MS : AGAIN_REPLY_MS);
      if (typeof answer === 'object') {
        const { stack, ...where } = answer;
        this.#options.stalled(thread, answer.route);
        log.error({ worker, generation, ...where, stack }, `handler stalled, broken off${nameOf(answer)}`);
        isBroken = true;
        const { requestId } = answer;
        fruitless = requestId === undefined || ended.has(requestId) ? fruitless + 1 : 0;
        if (requestId !== undefined) ended.add(requestId);
        if (!(await this.#turns(thread, before))) {
          if (fruitless < (isNew ? TRIES : 1)) continue;
          isLost = true;
        }
      } else if (answer === 'working' && !(await this.#turns(thread, before, stallMs / 2))) {
        // It gets through its callbacks, however many there are.
        tries = 0;
        continue;
      } else if (answer === 'unreachable' && performance.now() - begun > LATEST_MS && tries < TRIES) {
        continue;
      } else if (answer === 'turning' && !(await this.#turns(thread, before))) {
        // It has not been found where it could be ended.
        if (tries < TRIES) continue;
        isLost = true;
      } else isLost = answer === 'unreachable';
      if (!isBroken && isNew) this.#options.stalled(thread, undefined);
      // Also when it goes on standing: it finds the order when it turns.
      if (isBroken) thread.send({ type: 'recover' });
      if (isLost && isStanding(thread)) return false;
      if (typeof answer === 'string' && !isBroken) {
        // Its heartbeat may have ended for good, with the rest of the worker: it is counted anew.
        this.#silences.delete(thread);
        log.warn({ worker, generation, stallMs }, 'the event loop of a worker stood still, and turns again');
      }
      thread.resume();
      return true;
    }
  }

  #turnsAgain(thread: Climber): void {
    const { worker, generation } = thread;
    this.#options.log.info({ worker, generation }, 'a worker that stood still turns again');
    thread.resume();
  }

  /**
   * Whether its loop turns in time.
   * @param before its heartbeat when it was found standing
   * @param withinMs default: what it runs next may take
   */
  async #turns(thread: Climber, before: number, withinMs = this.#options.stallMs): Promise<boolean> {
    const allowance = new Allowance(withinMs + BEAT_MS);
    try {
      while (this.#options.heartbeat(thread.slot) === before) {
        if (!isStanding(thread)) return true; // it has spoken
        if (allowance.leftMs === 0) return false;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS / 5));
      }
      return true;
    } finally {
      allowance.cancel();
    }
  }
}

const isStanding = ({ state: { kind } }: Climber): boolean => kind === 'stalled' || kind === 'wedged';

const nameOf = ({ method, route }: BrokenOff): string => (route === undefined ? '' : `: ${method} ${route}`);
