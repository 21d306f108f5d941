// The unit of a metric that a service declares: it ends the name, and it is a base unit.
import type { MetricKind } from '../memory/metrics/recorder.js';
import { isMetricName, mendedName, unitOf } from './metric-names.js';

export interface UnitWish {
  readonly name: string;
  readonly kind: MetricKind;
  /** The option `unit`. */
  readonly unit: string | undefined;
}

/**
 * Names the objections to the option `unit` of a metric.
 * @returns what is wrong with the unit, and the declaration to write instead; undefined when it is right, or
 *   when the name is invalid, which is checked elsewhere
 * @example `its unit is ms, which is not a base unit; write wait_seconds with { unit: 'seconds' }`
 */
export function objectionToUnit({ name, kind, unit }: UnitWish): string | undefined {
  if (unit === undefined || !isMetricName(name, kind)) return undefined;
  const mended = mendedName(name, kind);
  if (!isMetricName(mended, kind)) return undefined;
  const base = baseUnitOf(unit);
  if (base === undefined)
    return `${unit} is not a unit, because no name may end in it; write ${mended} without it`;
  const family = familyOf(mended, kind);
  const endsInUnit = endsIn(family, base);
  if (base === unit && endsInUnit) return undefined;
  const why = base === unit ? 'and its name does not end in it' : 'which is not a base unit';
  const better = mendedName(endsInUnit ? family : withUnit(family, base), kind);
  return `its unit is ${unit}, ${why}; write ${better} with { unit: '${base}' }`;
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
