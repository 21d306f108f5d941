// A simple model of the breaker, without packed words or shared memory.
import type { TripRule } from '#src/resilience/trip-rules.js';

type Mode = 'closed' | 'open' | 'half-open' | 'forced-open' | 'forced-closed';

export class BreakerModel {
  now: number;
  readonly transitions = { open: 0, halfOpen: 0, closed: 0 };
  readonly #rule: TripRule;
  #mode: Mode = 'closed';
  /** Grows with every transition; a ticket is the period in which it was issued. */
  #period = 0;
  #since = 0;
  #taken = 0;
  #succeeded = 0;
  #isSuspended = false;
  #calls: { second: number; failed: boolean }[] = [];

  constructor(rule: TripRule, now: number) {
    this.#rule = rule;
    this.now = now;
  }

  admit(): number {
    this.look();
    if (this.#mode === 'closed' || this.#mode === 'forced-closed') return this.#period;
    if (this.#mode !== 'half-open') return -1;
    if (this.#taken < this.#rule.probes) {
      this.#taken++;
      this.#since = this.now;
      return this.#period;
    }
    if (this.now - this.#since >= this.#rule.probeMs) this.#suspend();
    return -1;
  }

  settle(period: number, outcome: 'success' | 'failure' | 'ignored'): void {
    if (period !== this.#period) return;
    if (this.#isSuspended) {
      if (outcome === 'failure') {
        // The breaker opens for as long as before, and no probe of this period counts any more.
        this.#isSuspended = false;
        this.#period++;
        return;
      }
      const closes = outcome === 'success' && this.#succeeded + 1 === this.#rule.probes;
      if (!closes) this.#change('half-open');
      this.#isSuspended = false;
      this.#mode = 'half-open';
    }
    if (this.#mode === 'half-open') {
      if (outcome === 'ignored') this.#taken--;
      else if (outcome === 'failure') this.#enter('open');
      else if (++this.#succeeded === this.#rule.probes) this.#enter('closed');
    } else if (this.#mode === 'closed' && outcome !== 'ignored') {
      const second = Math.floor(this.now / 1000);
      this.#calls.push({ second, failed: outcome === 'failure' });
      const recent = this.#calls.filter((call) => second - call.second < 10);
      const failures = recent.filter((call) => call.failed).length;
      if (failures > 0 && this.#rule.trips(recent.length, failures)) this.#enter('open');
    }
  }

  force(to: 'open' | 'closed' | 'auto'): void {
    const forced = this.#mode === 'forced-open' || this.#mode === 'forced-closed';
    if (to === 'auto' && !forced) return;
    this.#mode = to === 'auto' ? 'closed' : `forced-${to}`;
    this.#period++;
    this.#isSuspended = false;
    this.#calls = [];
  }

  look(): Mode {
    if (this.#mode === 'open' && this.now - this.#since >= this.#rule.openMs) this.#enter('half-open');
    return this.#mode;
  }

  /** Expires the probes. They still count when they end before other probes are admitted. */
  #suspend(): void {
    this.#isSuspended = true;
    this.#change('open');
  }

  #change(mode: 'closed' | 'open' | 'half-open'): void {
    this.#mode = mode;
    this.#since = this.now;
    this.transitions[mode === 'half-open' ? 'halfOpen' : mode]++;
  }

  #enter(mode: 'closed' | 'open' | 'half-open'): void {
    this.#change(mode);
    this.#period++;
    this.#isSuspended = false;
    this.#taken = 0;
    this.#succeeded = 0;
    if (mode === 'closed') this.#calls = [];
  }
}
