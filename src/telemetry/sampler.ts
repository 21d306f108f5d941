// Head sampling as OTEL_TRACES_SAMPLER names it, reduced to what it is: a share of all traces by their
// sampling word, and whether the parent's decision comes first.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration

export interface HeadSampler {
  /** Traces whose sampling word is below this are kept: 0 none, 2^32 all. */
  readonly bound: number;
  /** A parent's decision (of a sender we trust) is taken over. */
  readonly followsParent: boolean;
}

const ALL = 2 ** 32;

/** What is used instead of a sampler we do not have, as the OpenTelemetry specification asks for. */
export const DEFAULT_SAMPLER = 'parentbased_traceidratio';

/**
 * @param ratio 0..1, for the two ratio samplers
 * @returns undefined for a sampler we do not have
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

/** The same bound as the OpenTelemetry SDK for JavaScript, so that two processes agree on a trace. */
export function boundOf(ratio: number): number {
  if (!(ratio > 0)) return 0;
  return ratio >= 1 ? ALL : Math.floor(ratio * 0xffffffff);
}
