// The identity of a series, as one text: `kind ␟ metric ␟ label ␟ value ␟ …`, labels in the order of their
// names.
import { MOST_BOUNDS } from './histogram.js';
import type { Labels } from './recorder.js';

/**
 * The name of a row, its value (not for a gauge), and the part of the value that was counted under former
 * names.
 */
export interface Naming {
  /** The part of the name that is never renamed. */
  readonly stays: string;
  /** The whole name. Undefined when its thread was lost while it renamed the row. */
  readonly identity: string | undefined;
  readonly value: number;
  /** The part of `value` that was counted under former names: all of it when `identity` is undefined. */
  readonly before: number;
}

/**
 * The unit separator. It cannot appear in the name of a metric or label. In values it is replaced, and so is
 * half of a surrogate pair.
 */
const SEPARATOR = '\x1f';
/**
 * The kinds of rows that are no series: one declares kind and help text of a metric, one has the number of a
 * route, one has the exemplars of the histogram with the same metric and labels.
 */
export const [DECLARATION, ROUTE, EXEMPLARS] = ['declare', 'route', 'exemplars'] as const;

/**
 * Rows of a histogram with buckets of its own have their bounds in the kind: `histogram 1,5,10`. So workers
 * before and after a reload may have different buckets for the same metric.
 */
const OWN_BUCKETS = 'histogram ';

export const kindWithBounds = (bounds: readonly number[]): string => OWN_BUCKETS + boundsText(bounds);
export const boundsText = (bounds: readonly number[]): string => bounds.join(',');

/**
 * Reads bounds that `boundsText` has written.
 * @returns undefined for another text: code of a service may have overwritten the memory
 */
export function boundsFrom(text: string): readonly number[] | undefined {
  const bounds = text.split(',').map((bound) => (bound === '' ? Number.NaN : Number(bound)));
  const areAscending = bounds.every((bound, at) => at === 0 || bound > bounds[at - 1]!);
  return areAscending && bounds.every(Number.isFinite) && bounds.length <= MOST_BOUNDS ? bounds : undefined;
}

/** The bounds of the buckets of a row; undefined for every other kind of row. */
export const boundsOfKind = (kind: string): readonly number[] | undefined =>
  kind.startsWith(OWN_BUCKETS) ? boundsFrom(kind.slice(OWN_BUCKETS.length)) : undefined;

/** Whether rows of a kind have cells. */
export const hasCells = (kind: string): boolean =>
  kind === 'histogram' || kind === EXEMPLARS || kind.startsWith(OWN_BUCKETS);

export function identityOf(kind: string, metric: string, labels: Labels): string {
  let identity = kind + SEPARATOR + metric;
  for (const name of Object.keys(labels).sort()) identity = withLabel(identity, name, labels[name]!);
  return identity;
}

/** Prometheus refuses the whole page for a value with a NUL, which a client may have chosen. */
const NUL = '\0';

export const withLabel = (identity: string, name: string, value: string): string =>
  identity + SEPARATOR + name + SEPARATOR + withoutNul(value.replaceAll(SEPARATOR, ' ')).toWellFormed();

const withoutNul = (value: string): string => value.replaceAll(NUL, '\ufffd');

/** The parts of an identity. */
export interface Identity {
  readonly kind: string;
  readonly metric: string;
  /** Names and values of labels, in turn. */
  readonly rest: readonly string[];
}

export function parseIdentity(identity: string): Identity {
  const [kind = '', metric = '', ...rest] = identity.split(SEPARATOR);
  return { kind, metric, rest };
}

/** The identity without its kind: metric and labels, which name the series on the page. */
export const withoutKind = (identity: string): string => identity.slice(identity.indexOf(SEPARATOR) + 1);

/** The value of the label that `withLabel` put last. */
export const lastValueOf = (identity: string): string => identity.slice(identity.lastIndexOf(SEPARATOR) + 1);

/** Labels from the flat list at the end of an identity. */
export function labelsOf(rest: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let index = 0; index + 1 < rest.length; index += 2) labels[rest[index]!] = rest[index + 1]!;
  return labels;
}
