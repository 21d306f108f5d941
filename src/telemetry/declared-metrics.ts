// The metrics that the services of one thread have declared. `/metrics` has one family per name, so all
// services that declare a name must agree on kind, help and labels, and no two families may write lines of
// the same name.
import type { MetricKind } from '../memory/metrics/recorder.js';
import { describeValue, type ErrorFactory } from '../options.js';
import { checkOwnMetric, MOST_NAME, type OwnMetric } from './metric-declaration.js';
import { isMetricName, isOfPrometheus, mendedName, namesOf, objectionTo } from './metric-names.js';
import { METRICS } from './metric-table.js';

/** The most metrics that one service may declare. */
const MOST_METRICS = 256;
const OWN_PREFIX = /^(?:process|nodejs|multilane)_/;
/** Prefixes of `<service>_<name>`, tried in this order until the name is free. */
const PREFIXES = ['', 'own_', 'other_', ...Array.from({ length: 7 }, (_, at) => `own${at + 2}_`)];

interface Declared {
  /** The service that declared it first. */
  readonly service: string;
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly labels: ReadonlySet<string>;
  readonly buckets: string;
  /** All services that have declared it. */
  readonly services: Set<string>;
}

const OURS: ReadonlySet<string> = new Set(
  Object.entries(METRICS).flatMap(([name, { kind }]) => namesOf(name, kind)),
);

export class DeclaredMetrics {
  readonly #byName = new Map<string, Declared>();
  /** Every name that a declared metric uses on the page, with that metric. */
  readonly #taken = new Map<string, Declared>();
  readonly #counts = new Map<string, number>();

  /**
   * @returns true when this service declares the metric for the first time
   * @throws the error that `fault` makes for an invalid metric, and for one that contradicts an earlier
   *   declaration; the message then names the other service
   * @throws RangeError when the service has too many metrics
   */
  add(service: string, metric: OwnMetric, fault: ErrorFactory): boolean {
    let declared = this.#byName.get(metric.name);
    if (declared === undefined) {
      checkOwnMetric(metric, fault);
      this.#refuseSameLines(service, metric, fault);
    } else {
      this.#refuseOther(service, declared, metric, fault);
      if (declared.services.has(service)) return false;
    }
    this.#count(service, metric.name);
    declared ??= this.#keep(service, metric);
    declared.services.add(service);
    return true;
  }

  #keep(service: string, { name, kind, help, labels, buckets }: OwnMetric): Declared {
    const declared: Declared = {
      service,
      name,
      kind,
      help,
      labels: new Set(labels),
      buckets: shownBuckets(buckets),
      services: new Set(),
    };
    this.#byName.set(name, declared);
    for (const one of namesOf(name, kind)) this.#taken.set(one, declared);
    return declared;
  }

  #refuseSameLines(service: string, { name, kind }: OwnMetric, fault: ErrorFactory): void {
    if (isOurs(name, kind)) {
      throw fault(`the name belongs to Multilane; write ${this.#freeName(service, name, kind)}`);
    }
    if (isOfPrometheus(name, kind)) {
      throw fault(`Prometheus itself writes this name; write ${this.#freeName(service, name, kind)}`);
    }
    const other = namesOf(name, kind)
      .map((one) => this.#taken.get(one))
      .find((one) => one !== undefined);
    if (other === undefined) return;
    throw fault(
      `this ${kind} would have lines of the same name as the ${other.kind} ${other.name} of service ` +
        `${other.service}; write ${this.#freeName(service, name, kind)}`,
    );
  }

  #refuseOther(
    service: string,
    declared: Declared,
    { name, kind, help, labels, buckets }: OwnMetric,
    fault: ErrorFactory,
  ): void {
    const since = `since service ${declared.service} has declared it`;
    if (kind !== declared.kind) {
      const free = this.#freeName(service, name, kind);
      throw fault(`it is a ${declared.kind} ${since}; for this ${kind} write ${free}`);
    }
    if (!hasNames(labels, declared.labels)) {
      throw fault(
        `its labels are ${listed(declared.labels)} ${since}, not ${listed(labels)}; give each of ` +
          "them, '' where it has no value",
      );
    }
    if (shownBuckets(buckets) !== declared.buckets) {
      throw fault(
        `its buckets are ${declared.buckets} ${since}, not ${shownBuckets(buckets)}; write the same`,
      );
    }
    if (help !== declared.help) {
      throw fault(
        `its help is ${describeValue(declared.help)} ${since}, not ${describeValue(help)}; write the same one`,
      );
    }
  }

  /** A name that is free and valid for a metric of this kind. */
  #freeName(service: string, name: string, kind: MetricKind): string {
    const own = `${service.replaceAll('-', '_')}_${name.replace(OWN_PREFIX, '')}`;
    const names = PREFIXES.map((prefix) => mendedName(prefix + own, kind));
    return names.find((one) => this.#isFree(one, kind)) ?? 'another name';
  }

  #isFree(name: string, kind: MetricKind): boolean {
    const isValid =
      name.length <= MOST_NAME && isMetricName(name, kind) && objectionTo(name, kind) === undefined;
    const isOthers = isOurs(name, kind) || isOfPrometheus(name, kind);
    return isValid && !isOthers && !namesOf(name, kind).some((one) => this.#taken.has(one));
  }

  #count(service: string, name: string): void {
    const count = (this.#counts.get(service) ?? 0) + 1;
    if (count > MOST_METRICS) {
      throw new RangeError(
        `service ${service}: metric ${name}: a service has at most ${MOST_METRICS} metrics; use a label`,
      );
    }
    this.#counts.set(service, count);
  }
}

const isOurs = (name: string, kind: MetricKind): boolean =>
  OWN_PREFIX.test(name) || namesOf(name, kind).some((one) => OURS.has(one));

const hasNames = (given: readonly string[], names: ReadonlySet<string>): boolean =>
  given.length === names.size && given.every((name) => names.has(name));

const shownBuckets = (buckets: readonly number[] | undefined): string =>
  buckets === undefined ? 'those of durations' : `[${buckets.join(', ')}]`;

const listed = (names: Iterable<string>): string => `{ ${[...names].sort().join(', ')} }`;
