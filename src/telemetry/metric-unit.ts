// The unit of a metric that a service declares: it ends the name, it is a base unit, and a histogram without
// buckets of its own has none but seconds.
import type { MetricKind } from '../memory/metrics/recorder.js';
import { isMetricName, mendedName, unitOf } from './metric-names.js';

export interface UnitWish {
  readonly name: string;
  readonly kind: MetricKind;
  /** The option `unit`. */
  readonly unit: string | undefined;
  /** Whether it is a histogram with buckets of its own. */
  readonly hasBuckets: boolean;
}

/**
 * Names the objections to the unit of a metric, which its name and the option `unit` tell.
 * @returns what is wrong with the unit, and the declaration to write instead; undefined when it is right, or
 *   when the name is invalid, which is checked elsewhere
 * @example `its unit is ms, which is not a base unit; write wait_seconds with { unit: 'seconds' }`
 */
export function objectionToUnit({ name, kind, unit, hasBuckets }: UnitWish): string | undefined {
  const isOfDurations = kind === 'histogram' && !hasBuckets;
  if (unit === undefined && (!isOfDurations || unitOf(name) === 'seconds')) return undefined;
  if (!isMetricName(name, kind)) return undefined;
  const mended = mendedName(name, kind);
  if (!isMetricName(mended, kind)) return undefined;
  const family = familyOf(mended, kind);
  const given = unit === undefined ? undefined : baseUnitOf(unit);
  const base = given ?? unitOf(family);
  const lacksBuckets = isOfDurations && base !== undefined && base !== 'seconds';
  const endsInUnit = base === undefined || endsIn(family, base);
  const isRight = unit === given && endsInUnit;
  if (isRight && !lacksBuckets) return undefined;
  const better = endsInUnit ? mended : mendedName(withUnit(family, base), kind);
  const why = isRight
    ? `its unit is ${base}, but a histogram without buckets takes microseconds and shows seconds`
    : whyRefused(unit!, given);
  return `${why}; write ${better}${optionsAdvised(unit, given, lacksBuckets)}`;
}

function whyRefused(unit: string, base: string | undefined): string {
  if (base === undefined) return `${unit} is not a unit, because no name may end in it`;
  return `its unit is ${unit}, ${base === unit ? 'and its name does not end in it' : 'which is not a base unit'}`;
}

/** The options to write instead: ` without it`, ` with { unit: 'bytes' }` or both. */
function optionsAdvised(unit: string | undefined, base: string | undefined, lacksBuckets: boolean): string {
  const options = [
    ...(base === undefined ? [] : [`unit: '${base}'`]),
    ...(lacksBuckets ? ['buckets: [1, 5, 10]'] : []),
  ];
  const without = unit !== base && base === undefined ? ' without it' : '';
  return `${without}${options.length === 0 ? '' : ` with { ${options.join(', ')} }`}`;
}

/** The unit that a name has for a unit such as `ms`; undefined for a word that cannot end a name. */
function baseUnitOf(unit: string): string | undefined {
  const words = mendedName(`a_${unit}`, 'gauge').split('_');
  const isWord = words.length === 2 && !KINDS.has(unit);
  return isWord ? words[1] : undefined;
}

/** Words that no name of a metric of this kind may contain. */
const KINDS: ReadonlySet<string> = new Set<MetricKind>(['counter', 'gauge', 'histogram']);

const familyOf = (name: string, kind: MetricKind): string =>
  kind === 'counter' ? name.replace(/_total$/, '') : name;

const endsIn = (family: string, unit: string): boolean => family === unit || family.endsWith(`_${unit}`);

/** Replaces the unit in which the name of a family ends, or appends one. */
function withUnit(family: string, unit: string): string {
  const other = unitOf(family);
  if (other === undefined) return `${family}_${unit}`;
  return family === other ? unit : `${family.slice(0, -other.length)}${unit}`;
}
