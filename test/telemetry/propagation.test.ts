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
/** What `trim` takes for white space, but for the space and the tab of HTTP. */
const WHITE_SPACE = Array.from(
  '\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a' +
    '\u2028\u2029\u202f\u205f\u3000\ufeff',
);
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

  it('passes on a tracestate of at most 512 bytes', () => {
    const exact = `a=${'x'.repeat(256)},b=${'y'.repeat(251)}`;
    expect(exact).to.have.length(512);
    expect(acceptTracestate(exact)).to.equal(exact);
    expect(acceptTracestate(`${exact}z`)).to.equal(undefined);
  });

  it('passes on the members of a tracestate without the white space between them', () => {
    expect(acceptTracestate(' rojo=00f067aa0ba902b7,\tt61rcwkgmze@sys= t 61 ,')).to.equal(
      'rojo=00f067aa0ba902b7,t61rcwkgmze@sys= t 61',
    );
  });

  it('accepts no tracestate that HTTP or gRPC cannot send, whatever is between its members', () => {
    const gap = fc.string({ unit: fc.constantFrom(' ', '\t', ...WHITE_SPACE) });
    const member = fc.tuple(gap, fc.constantFrom('=1', '=x y', '@t=2', ''), gap);
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), (members) => {
        const list = members.map(([before, rest, behind], i) => `${before}k${i}${rest}${behind}`).join(',');
        const accepted = acceptTracestate(list);
        if (accepted === undefined) return;
        expect(accepted).to.match(/^[\x20-\x7e]+$/);
        expect(acceptTracestate(accepted), 'read again').to.equal(accepted);
      }),
    );
    for (const space of WHITE_SPACE) {
      for (const list of [`a=1${space},b=2`, `a=1,${space}b=2`, `${space}a=1`, `a=1${space}`])
        expect(acceptTracestate(list), JSON.stringify(list)).to.equal(undefined);
    }
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
