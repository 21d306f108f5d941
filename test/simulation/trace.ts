// The trace of a simulation: every event that a check may depend on. The same seed must give the same trace,
// so a finding can be looked at again.
import { createHash } from 'node:crypto';

/** Events that a finding shows. */
const SHOWN = 24;
/** Characters that are hashed at once. */
const GATHERED = 1 << 14;

/** A rule that the code under test has broken. */
export class Finding extends Error {
  /** @param rule as in the table of rules @param last the events before it */
  constructor(
    readonly rule: string,
    detail: string,
    last: readonly string[],
  ) {
    super(`${rule}: ${detail}\n  ${last.join('\n  ')}`);
    // The place in the simulator says nothing about the fault.
    this.stack = this.message;
  }
}

export class Trace {
  readonly #clock: () => number;
  readonly #hash = createHash('sha256');
  readonly #last: string[] = [];
  #text = '';
  #finding: Finding | undefined;
  events = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  add(event: string): void {
    const line = `${this.#clock().toFixed(3)} ${event}`;
    this.#last[this.events % SHOWN] = line;
    this.events += 1;
    this.#text += `${line}\n`;
    if (this.#text.length > GATHERED) this.#flush();
  }

  /** Keeps the first finding; the simulation goes on. */
  broke(rule: string, detail: string): void {
    const at = this.events % SHOWN;
    const last = [...this.#last.slice(at), ...this.#last.slice(0, at)];
    this.#finding ??= new Finding(rule, `${detail}, at ${this.#clock().toFixed(1)} ms`, last);
  }

  expect(isKept: boolean, rule: string, detail: () => string): void {
    if (!isKept) this.broke(rule, detail());
  }

  get finding(): Finding | undefined {
    return this.#finding;
  }

  /** The hash of all events so far. */
  digest(): string {
    this.#flush();
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  #flush(): void {
    this.#hash.update(this.#text);
    this.#text = '';
  }
}
