// Probes the health of instances over HTTP: every five seconds, with jitter, so that many instances are not
// probed at the same moment. A probe succeeds with a status 2xx only; a redirect is a failure and is not
// followed. Two probes in a row with the same result decide the health (health-rule.ts).
import type { Random } from '../resilience/policy.js';
import type { Endpoint } from './endpoint.js';
import { afterProbe, type Health, type HealthRecord, UNKNOWN_HEALTH } from './health-rule.js';
import type { Schedule } from './schedule.js';

export const INTERVAL_MS = 5_000;
/** A probe is early or late by up to this share of the interval. */
const JITTER = 0.1;
const TIMEOUT_MS = 2_000;

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

export class HealthProber implements HealthWatcher {
  readonly #probe: Probe;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #onSkipped: () => void;

  /** @param onSkipped called for each probe that could not be made; the instance then keeps its health */
  constructor(probe: Probe, schedule: Schedule, random: Random, onSkipped: () => void = () => undefined) {
    this.#probe = probe;
    this.#schedule = schedule;
    this.#random = random;
    this.#onSkipped = onSkipped;
  }

  watch(target: ProbeTarget, report: (health: Health) => void): () => void {
    const stopping = new AbortController();
    let record: HealthRecord = UNKNOWN_HEALTH;
    let cancel = (): void => undefined;
    const probe = async (): Promise<void> => {
      const overdue = new AbortController();
      const stop = (): void => overdue.abort();
      stopping.signal.addEventListener('abort', stop);
      const cancelTimeout = this.#schedule(TIMEOUT_MS, stop);
      const isHealthy = await this.#probe(target, overdue.signal);
      cancelTimeout();
      stopping.signal.removeEventListener('abort', stop);
      if (stopping.signal.aborted) return;
      const before = record.health;
      if (isHealthy === undefined) this.#onSkipped();
      else record = afterProbe(record, isHealthy);
      if (record.health !== before) report(record.health);
      if (!stopping.signal.aborted) cancel = this.#schedule(this.#untilNext(), () => void probe());
    };
    void probe();
    return () => {
      cancel();
      stopping.abort();
    };
  }

  #untilNext(): number {
    return INTERVAL_MS * (1 + JITTER * (2 * this.#random() - 1));
  }
}
