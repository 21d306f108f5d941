import { expect } from 'chai';
import fc from 'fast-check';
import {
  acceptTracestate,
  formatTraceparent,
  injectTrace,
  parseTraceparent,
} from '#src/telemetry/propagation.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const hex = (length: number) =>
  fc
    .string({
      unit: fc.integer({ min: 0, max: 15 }).map((digit) => digit.toString(16)),
      minLength: length,
      maxLength: length,
    })
    .filter((text) => !/^0+$/.test(text));

describe('the propagation of traces', () => {
  it('reads a traceparent and its sampled flag', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).to.deep.equal({
      traceId: TRACE,
      spanId: SPAN,
      sampled: true,
      tracestate: undefined,
    });
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled).to.equal(false);
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-03`)?.sampled, 'other flags are ignored').to.equal(true);
  });

  it('writes every valid context so that it reads the same', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
        const context = { traceId, spanId, sampled, tracestate: undefined };
        expect(parseTraceparent(formatTraceparent(context))).to.deep.equal(context);
      }),
    );
  });

  for (const [why, value] of [
    ['an all-zero trace id', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['an all-zero parent id', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['something behind the flags of version 00', `00-${TRACE}-${SPAN}-01-x`],
    ['a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['two headers joined', `00-${TRACE}-${SPAN}-01,00-${TRACE}-${SPAN}-01`],
    ['nothing', ''],
  ] as const) {
    it(`starts a new trace for a traceparent with ${why}`, () => {
      expect(parseTraceparent(value, 'vendor=1')).to.equal(undefined);
    });
  }

  it('reads the known fields of a later version', () => {
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)?.traceId).to.equal(TRACE);
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01.what`)).to.equal(undefined);
  });

  it('passes on a tracestate of at most 512 bytes unchanged', () => {
    const exact = `a=${'x'.repeat(256)},b=${'y'.repeat(251)}`;
    expect(exact).to.have.length(512);
    expect(acceptTracestate(exact)).to.equal(exact);
    expect(acceptTracestate(`${exact}z`)).to.equal(undefined);
    expect(acceptTracestate('rojo=00f067aa0ba902b7, t61rcwkgmze@sys=t61')).to.equal(
      'rojo=00f067aa0ba902b7, t61rcwkgmze@sys=t61',
    );
  });

  it('drops a tracestate that does not follow the grammar', () => {
    for (const bad of ['novalue', 'A=1', 'a=1,a=2', 'a=\u00e9', 'a=b\r\nx: y', ',,', 'a=', '@a=1']) {
      expect(acceptTracestate(bad), JSON.stringify(bad)).to.equal(undefined);
    }
    const many = (n: number) => Array.from({ length: n }, (_, index) => `k${index}=v`).join(',');
    expect(acceptTracestate(many(32))).to.equal(many(32));
    expect(acceptTracestate(many(33))).to.equal(undefined);
  });

  it('accepts any text without throwing', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (traceparent, tracestate) => {
        const context = parseTraceparent(traceparent, tracestate);
        if (context !== undefined) expect(context.traceId).to.match(/^[0-9a-f]{32}$/);
        expect(acceptTracestate(tracestate)?.length ?? 0).to.be.at.most(512);
      }),
    );
  });

  it('adds both fields to an outgoing request', () => {
    const headers: Record<string, string> = {};
    injectTrace({ traceId: TRACE, spanId: SPAN, sampled: true, tracestate: 'a=1' }, headers);
    expect(headers).to.deep.equal({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1' });
  });
});
