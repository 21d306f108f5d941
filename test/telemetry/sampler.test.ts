import { ROOT_CONTEXT } from '@opentelemetry/api';
import { TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-node';
import { expect } from 'chai';
import fc from 'fast-check';
import { headSampler } from '#src/telemetry/sampler.js';
import { samplingWord, TraceIds } from '#src/telemetry/trace-ids.js';

/** The words 0, 1, 2 …, so that ids are predictable. */
function counting(from = 0): TraceIds {
  let next = from;
  return new TraceIds((page) => {
    for (let at = 0; at < page.length; at++) page[at] = next++;
  });
}

describe('the sampler', () => {
  it('supports the six samplers of the OpenTelemetry specification and no other', () => {
    expect(headSampler('always_on', 1)).to.deep.equal({ bound: 2 ** 32, followsParent: false });
    expect(headSampler('always_off', 1)).to.deep.equal({ bound: 0, followsParent: false });
    expect(headSampler('parentbased_always_on', 0)).to.deep.equal({ bound: 2 ** 32, followsParent: true });
    expect(headSampler('parentbased_always_off', 1)).to.deep.equal({ bound: 0, followsParent: true });
    expect(headSampler('traceidratio', 0.5)?.bound).to.be.closeTo(2 ** 31, 2);
    expect(headSampler('parentbased_traceidratio', 0.5)?.followsParent).to.equal(true);
    expect(headSampler('jaeger_remote', 1)).to.equal(undefined);
    expect(headSampler('parentbased_', 1)).to.equal(undefined);
  });

  it('keeps no trace for a ratio of 0, below or NaN, and all for 1 and above', () => {
    for (const ratio of [0, -1, Number.NaN]) expect(headSampler('traceidratio', ratio)?.bound).to.equal(0);
    for (const ratio of [1, 7]) expect(headSampler('traceidratio', ratio)?.bound).to.equal(2 ** 32);
  });

  it('decides like the OpenTelemetry SDK, before the trace id exists', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (ratio, seed) => {
        const ids = counting(seed * 2654435761);
        const word = ids.word();
        const traceId = ids.traceId(word);
        const sdk = new TraceIdRatioBasedSampler(ratio).shouldSample(ROOT_CONTEXT, traceId);
        expect(samplingWord(traceId)).to.equal(word);
        expect(word < headSampler('traceidratio', ratio)!.bound).to.equal(sdk.decision !== 0);
      }),
    );
  });
});

describe('trace ids', () => {
  it('have the right form and do not repeat', () => {
    const ids = new TraceIds();
    const traces = Array.from({ length: 2000 }, () => ids.traceId());
    const spans = Array.from({ length: 2000 }, () => ids.spanId());
    for (const id of traces) expect(id).to.match(/^[0-9a-f]{32}$/);
    for (const id of spans) expect(id).to.match(/^[0-9a-f]{16}$/);
    expect(new Set(traces).size).to.equal(2000);
    expect(new Set(spans).size).to.equal(2000);
  });

  it('are never all zeros, which the specification forbids', () => {
    let page = 0;
    const ids = new TraceIds((words) => words.fill(page++ === 0 ? 0 : 7));
    expect(ids.traceId(0)).to.not.equal('0'.repeat(32));
    page = 0;
    const others = new TraceIds((words) => words.fill(page++ === 0 ? 0 : 7));
    expect(others.spanId()).to.equal('0000000700000007');
  });
});
