import { expect } from 'chai';
import fc from 'fast-check';
import { wholeNumberIn } from '#src/admin/query-number.js';
import { sagaRoutes } from '#src/admin/saga-routes.js';
import { traceRoutes } from '#src/admin/trace-routes.js';
import { pageRequest } from '#src/admin/views/pages.js';
import { ValidationError } from '#src/errors.js';
import { SpanMemory } from '#src/memory/span-ring.js';
import { TraceStore } from '#src/telemetry/trace-store.js';
import { adminOf } from '#test/upstream/admin.js';

/** All but the first are numbers for JavaScript, most of them within the limits of every list. */
const OTHER_TEXTS = ['', '1e1', '0x10', '0b11', '+5', ' 5', '5 ', '5.0', '.5e1', '-1', 'Infinity', '1_0'];

describe('a whole number in a query', () => {
  it('has plain digits and nothing else', () => {
    fc.assert(fc.property(fc.nat(), (value) => wholeNumberIn(String(value)) === value));
    fc.assert(fc.property(fc.string(), (text) => /^\d+$/.test(text) || Number.isNaN(wholeNumberIn(text))));
    for (const text of OTHER_TEXTS) expect(Number.isNaN(wholeNumberIn(text)), text).to.equal(true);
  });

  it('is the only form of the limit of a list', async () => {
    const read = (text: string) =>
      pageRequest(new URLSearchParams({ limit: text }), { most: 100, usual: 5, shape: 'string' }).limit;
    expect(read('10')).to.equal(10);
    for (const text of OTHER_TEXTS) expect(() => read(text), text).to.throw(ValidationError);

    const sampling = () => ({ ratio: 1, recording: true });
    const traces = adminOf(traceRoutes({ store: new TraceStore(new SpanMemory(1)), sampling }));
    const asked: unknown[] = [];
    const list = async ({ limit }: { limit?: number }) => {
      asked.push(limit);
      return { items: [], nextCursor: null };
    };
    const sagas = adminOf(sagaRoutes(() => ({ list }) as never));
    for (const text of OTHER_TEXTS) {
      const query = `?limit=${encodeURIComponent(text)}`;
      const refusal: unknown = await traces.ask('GET', `/traces${query}`).catch((error: unknown) => error);
      expect(refusal, text).to.be.instanceOf(ValidationError);
      await sagas.ask('GET', `/sagas${query}`);
    }
    expect(asked, 'the operator refuses NaN').to.deep.equal(OTHER_TEXTS.map(() => Number.NaN));
  });
});
