// Asks instances over HTTP whether they are well: every five seconds with jitter, so that many instances are
// not asked in the same moment. Only 2xx is well; a redirect is a failure, and is not followed.
import type { Random } from '../resilience/policy.js';
import type { Endpoint } from './endpoint.js';
import { afterProbe, type Health, type HealthRecord, UNKNOWN_HEALTH } from './health-rule.js';
import type { Schedule } from './schedule.js';

export const INTERVAL_MS = 5_000;
/** A probe comes up to this share of the interval early or late. */
const JITTER = 0.1;
const TIMEOUT_MS = 2_000;

export interface ProbeTarget {
  /** Address to connect to. */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  /** As registered; sent as `Host`. */
  readonly host: string;
  readonly metadata: Endpoint['metadata'];
}

/** Watches targets; every change of health is reported. */
export interface HealthWatcher {
  /** The first probe is made at once. @returns how to stop */
  watch(target: ProbeTarget, report: (health: Health) => void): () => void;
}

/**
 * One probe: true when the instance says it is well; undefined when it could not be asked, because this
 * process has no file descriptors left. Never rejects; aborting counts as a failure.
 */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<boolean | undefined>;

export class HealthProber implements HealthWatcher {
  readonly #probe: Probe;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #skipped: () => void;

  /**
   * @param skipped called for each probe that could not be made: the health of the instance stays as it was
   */
  constructor(probe: Probe, schedule: Schedule, random: Random, skipped: () => void = () => undefined) {
    this.#probe = probe;
    this.#schedule = schedule;
    this.#random = random;
    this.#skipped = skipped;
  }

  watch(target: ProbeTarget, report: (health: Health) => void): () => void {
    const stopping = new AbortController();
    let record: HealthRecord = UNKNOWN_HEALTH;
    let cancel = (): void => undefined;
    const ask = async (): Promise<void> => {
      const overdue = new AbortController();
      const stop = (): void => overdue.abort();
      stopping.signal.addEventListener('abort', stop);
      const cancelTimeout = this.#schedule(TIMEOUT_MS, stop);
      const well = await this.#probe(target, overdue.signal);
      cancelTimeout();
      stopping.signal.removeEventListener('abort', stop);
      if (stopping.signal.aborted) return;
      const before = record.health;
      if (well === undefined) this.#skipped();
      else record = afterProbe(record, well);
      if (record.health !== before) report(record.health);
      if (!stopping.signal.aborted) cancel = this.#schedule(this.#untilNext(), () => void ask());
    };
    void ask();
    return () => {
      cancel();
      stopping.abort();
    };
  }

  #untilNext(): number {
    return INTERVAL_MS * (1 + JITTER * (2 * this.#random() - 1));
  }
}
