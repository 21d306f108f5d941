import { expect } from 'chai';
import fc from 'fast-check';
import type { MetricKind } from '#src/memory/metrics/recorder.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';

interface Declaration {
  readonly kind: MetricKind;
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>> | undefined;
}

/** The error of a declaration, in a service that has no other metrics; undefined when it is accepted. */
function refusalOf({ kind, name, options }: Declaration): string | undefined {
  const metrics = serviceMetrics(new SeriesTable(new SeriesMemory().of(1)))('shop');
  try {
    metrics[kind](name, 'A.', {}, options as never);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The declaration that an error tells to write: a name, and which options to leave out and to add. */
function advised({ kind, options }: Declaration, message: string): Declaration {
  const [, name, without, added] =
    /; write (\w+)(?: for this \w+)?( without it)?(?: with (\{.*\}))?$/.exec(message) ?? expect.fail(message);
  const { unit, ...others } = options ?? {};
  const kept = without === undefined && unit !== undefined ? { unit, ...others } : others;
  return { kind, name: name!, options: { ...kept, ...(added === undefined ? {} : optionsIn(added)) } };
}

/** Reads `{ unit: 'bytes', buckets: [1, 5] }`. */
const optionsIn = (text: string): Readonly<Record<string, unknown>> =>
  JSON.parse(text.replaceAll("'", '"').replaceAll(/(\w+): /g, '"$1": '));

const KINDS = ['counter', 'gauge', 'histogram'] as const;
const UNITS = ['ms', 's', 'seconds', 'minutes', 'kb', 'bytes', 'kilobytes', 'bits', 'ratio', 'm', 'meters'];
const ENDS = ['total', 'count', 'sum', 'bucket', 'created', 'gauge', 'histogram', 'counter'];
const words = fc.constantFrom('wait', 'cartSize', 'items', 'b', ...UNITS, ...ENDS);
const declarations: fc.Arbitrary<Declaration> = fc.record({
  kind: fc.constantFrom(...KINDS),
  name: fc.array(words, { minLength: 1, maxLength: 4 }).map((all) => all.join('_')),
  options: fc.option(
    fc.record(
      { unit: fc.constantFrom('items', ...UNITS, ...ENDS), buckets: fc.constant([1, 5]) },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  ),
});

describe('the error of a refused metric', () => {
  it('advises a declaration that is accepted', () => {
    fc.assert(
      fc.property(declarations, (given) => {
        const { options: { buckets: _, ...others } = {} } = given;
        const declared = given.kind === 'histogram' ? given : { ...given, options: others };
        const refused = refusalOf(declared);
        if (refused === undefined) return;
        const advice = advised(declared, refused);
        expect(refusalOf(advice), `${refused} -> ${JSON.stringify(advice)}`).to.equal(undefined);
      }),
      {
        numRuns: 1_000,
        examples: KINDS.flatMap((kind) =>
          ['wait_seconds', 'wait', 'wait_ms', 'wait_bytes'].flatMap((name) =>
            ['ms', 'seconds', 'bytes', 'histogram'].map((unit): [Declaration] => [
              { kind, name, options: { unit } },
            ]),
          ),
        ),
      },
    );
  });
});
