// The metrics that the services of one thread have declared. A scrape has one family for each name, whichever
// service has declared it, and a histogram takes three names more.
import type { MetricKind } from '../memory/recorder.js';

/** Of one service in one thread. */
const MOST_METRICS = 256;
const HISTOGRAM_NAMES = ['_bucket', '_sum', '_count'];

interface Owner {
  readonly service: string;
  readonly kind: MetricKind;
}

export class DeclaredMetrics {
  /** The first service that has declared each of them. */
  readonly #owners = new Map<string, Owner>();
  readonly #names = new Map<string, Set<string>>();

  /**
   * @returns whether this service declares it for the first time
   * @throws TypeError naming both services when it is of another kind, or would have lines of the same name
   *   as another
   * @throws RangeError when the service has too many
   */
  add(service: string, name: string, kind: MetricKind): boolean {
    const owner = this.#owners.get(name);
    if (owner !== undefined && owner.kind !== kind) {
      throw new TypeError(
        `metric ${name} is declared as a ${owner.kind} already, by service ${owner.service}`,
      );
    }
    const names = this.#names.get(service) ?? new Set();
    if (names.has(name)) return false;
    if (names.size === MOST_METRICS) {
      throw new RangeError(`metric ${name}: a service has at most ${MOST_METRICS} metrics; use a label`);
    }
    if (owner === undefined) this.#refuseSameLines(name, kind);
    this.#names.set(service, names.add(name));
    if (owner === undefined) this.#owners.set(name, { service, kind });
    return true;
  }

  #refuseSameLines(name: string, kind: MetricKind): void {
    const lines = kind === 'histogram' ? HISTOGRAM_NAMES.map((suffix) => name + suffix) : [];
    const parent = name.replace(/_(?:bucket|sum|count)$/, '');
    const other =
      parent !== name && this.#owners.get(parent)?.kind === 'histogram'
        ? parent
        : lines.find((line) => this.#owners.has(line));
    if (other === undefined) return;
    const { service, kind: its } = this.#owners.get(other)!;
    throw new TypeError(
      `metric ${name} (${kind}) would have lines of the same name as the ${its} ${other} of service ${service}`,
    );
  }
}
