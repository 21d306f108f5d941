// Head sampling by OTEL_TRACES_SAMPLER: the share of traces that is kept, and whether a parent's decision has
// precedence.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration

export interface HeadSampler {
  /** Traces whose sampling word is below this number are kept: 0 keeps none, 2^32 keeps all. */
  readonly bound: number;
  /** Whether the decision of a parent is followed, if its sender is trusted. */
  readonly followsParent: boolean;
}

const ALL = 2 ** 32;

/** The sampler that replaces an unknown one, as the OpenTelemetry specification requires. */
export const DEFAULT_SAMPLER = 'parentbased_traceidratio';

/**
 * @param ratio share of the traces, 0 to 1, for the two ratio samplers
 * @returns undefined for an unknown sampler
 */
export function headSampler(name: string, ratio: number): HeadSampler | undefined {
  const followsParent = name.startsWith('parentbased_');
  switch (followsParent ? name.slice('parentbased_'.length) : name) {
    case 'always_on':
      return { bound: ALL, followsParent };
    case 'always_off':
      return { bound: 0, followsParent };
    case 'traceidratio':
      return { bound: boundOf(ratio), followsParent };
    default:
      return undefined;
  }
}

/**
 * The bound for a ratio, computed as in the OpenTelemetry SDK for JavaScript, so that processes agree on a
 * trace.
 */
export function boundOf(ratio: number): number {
  if (!(ratio > 0)) return 0;
  return ratio >= 1 ? ALL : Math.floor(ratio * 0xffffffff);
}
