// Probes the health of instances over HTTP: every five seconds, with jitter, so that many instances are not
// probed at the same moment. A probe succeeds with a status 2xx only; a redirect is a failure and is not
// followed. Two probes in a row with the same result decide the health (health-rule.ts). A probe that is due
// while too many are under way waits for its turn, and is counted when it waits long.
import type { Random } from '../resilience/policy.js';
import type { Endpoint } from './endpoint.js';
import { afterProbe, type Health, type HealthRecord, UNKNOWN_HEALTH } from './health-rule.js';
import { ProbeLane, probeLimits } from './probe-lane.js';
import type { Schedule } from './schedule.js';

const INTERVAL_MS = 5_000;
/** A probe is early or late by up to this share of the interval. */
const JITTER = 0.1;
const TIMEOUT_MS = 2_000;
/** A probe that begins later than this is counted. */
const DELAYED_MS = INTERVAL_MS * JITTER;

export interface ProbeTarget {
  /** Address to connect to. */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  /** The registered host, sent as `Host`. */
  readonly host: string;
  readonly metadata: Endpoint['metadata'];
}

/** Watches targets and reports every change of their health. */
export interface HealthWatcher {
  /** Starts with a probe at once. @returns a function that stops watching */
  watch(target: ProbeTarget, report: (health: Health) => void): () => void;
}

/**
 * Makes one probe. It resolves with true for a success, with false for a failure, and with undefined when no
 * probe could be made because this process has no file descriptors left. It never rejects; an abort counts as
 * a failure.
 */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<boolean | undefined>;

export interface HealthProberOptions {
  readonly probe: Probe;
  readonly schedule: Schedule;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly random: Random;
  /** Files that neither connections nor the rest of the process need. They bound the probes at a time. */
  readonly spareFiles: number;
  /** Called for each probe that could not be made; the instance then keeps its health. @default nothing */
  readonly onSkipped?: () => void;
  /**
   * Called for each probe that began more than half a second late, because too many were under way.
   * @default nothing
   */
  readonly onDelayed?: () => void;
}

export class HealthProber implements HealthWatcher {
  readonly #options: HealthProberOptions;
  readonly #responsive: ProbeLane;
  readonly #others: ProbeLane;

  constructor(options: HealthProberOptions) {
    this.#options = options;
    const { responsive, others } = probeLimits(options.spareFiles);
    this.#responsive = new ProbeLane(responsive);
    this.#others = new ProbeLane(others);
  }

  watch(target: ProbeTarget, report: (health: Health) => void): () => void {
    const { schedule, clock, onDelayed, onSkipped } = this.#options;
    let record: HealthRecord = UNKNOWN_HEALTH;
    let isStopped = false;
    /** Ends what the watch waits for: the next probe, a place for it, or its result. */
    let cancel = (): void => undefined;
    const due = (): void => {
      const dueAt = clock();
      const lane = record.hasSucceeded ? this.#responsive : this.#others;
      let hasBegun = false;
      const leave = lane.enter(() => {
        hasBegun = true;
        if (clock() - dueAt > DELAYED_MS) onDelayed?.();
        void probe(lane);
      });
      if (!hasBegun) cancel = leave;
    };
    const probe = async (lane: ProbeLane): Promise<void> => {
      const ended = new AbortController();
      cancel = () => ended.abort();
      const cancelTimeout = schedule(TIMEOUT_MS, cancel);
      const isHealthy = await this.#options.probe(target, ended.signal);
      cancelTimeout();
      lane.end();
      if (isStopped) return;
      const before = record.health;
      if (isHealthy === undefined) onSkipped?.();
      else record = afterProbe(record, isHealthy);
      cancel = schedule(this.#untilNext(), due);
      if (record.health !== before) report(record.health);
    };
    due();
    return () => {
      if (isStopped) return;
      isStopped = true;
      cancel();
    };
  }

  #untilNext(): number {
    return INTERVAL_MS * (1 + JITTER * (2 * this.#options.random() - 1));
  }
}
