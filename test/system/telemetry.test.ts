import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { get, json, post, unique } from '#test/support/client.js';
import type { CollectedSpan } from '#test/support/collector.js';
import { checkoutBody } from '#test/support/shop-messages.js';
import { useSharedShop } from './shop.js';

const SERVER = 2;
const CLIENT = 3;

const newTrace = (): { readonly traceId: string; readonly traceparent: string; readonly parent: string } => {
  const traceId = randomBytes(16).toString('hex');
  const parent = randomBytes(8).toString('hex');
  return { traceId, parent, traceparent: `00-${traceId}-${parent}-01` };
};

describe('the telemetry of one request', () => {
  const shop = useSharedShop();

  it('exports a checkout as one trace: server, saga steps, calls and queries, every parent known', async () => {
    const { traceId, parent, traceparent } = newTrace();
    const body = checkoutBody('tok_ok');
    const headers = { 'idempotency-key': unique('traced'), traceparent };
    await json(await post(`${shop.url}/api/checkout`, body, headers), 201);
    const isRoot = (span: CollectedSpan): boolean => span.parentSpanId === parent;
    const calls = ['POST /api/users', 'POST /api/orders', 'POST /api/payments'];
    const spans = await shop.collector.waitFor(
      traceId,
      (all) => all.some(isRoot) && calls.every((name) => all.some((span) => span.name === name)),
    );
    const root = spans.filter(isRoot);
    expect(root.map(({ name, kind }) => ({ name, kind }))).to.deep.equal([
      { name: 'POST /api/checkout', kind: SERVER },
    ]);
    expect(root[0]?.attributes).to.include({
      'http.route': '/api/checkout',
      'http.response.status_code': '201',
    });
    expect(root[0]?.service).to.equal('shop-under-test');
    expect(
      spans.some((span) => span.kind === CLIENT && span.attributes['db.system.name'] === 'postgresql'),
    ).to.equal(true);
    const known = new Set([parent, ...spans.map((span) => span.spanId)]);
    const orphans = spans.filter((span) => !known.has(span.parentSpanId ?? ''));
    expect(orphans.map((span) => span.name)).to.deep.equal([]);
    expect(new Set(spans.map((span) => span.spanId)).size).to.equal(spans.length);
    const shown = await json<{ spans: { spanId: string; name: string }[] }>(
      await get(`${shop.adminUrl}/traces/${traceId}`),
    );
    const ids = new Map(shown.spans.map(({ spanId, name }) => [spanId, name]));
    for (const { spanId, name } of spans)
      expect(ids.get(spanId), 'the same span in GET /traces').to.equal(name);
  });

  it('counts the spans that did not reach the collector, with a counter for every reason from the start', async () => {
    const page = await (await get(`${shop.adminUrl}/metrics`)).text();
    for (const reason of ['queue_full', 'refused', 'timeout', 'unreachable', 'shutdown']) {
      expect(page).to.match(new RegExp(`^multilane_spans_dropped_total\\{reason="${reason}"\\} \\d+$`, 'm'));
    }
  });

  it('exports the CPU task of an invoice in the trace of its request', async () => {
    const order = await json<{ id: number }>(
      await post(`${shop.url}/api/orders`, { userId: 1, productId: 1, quantity: 1 }),
      201,
    );
    const { traceId, traceparent } = newTrace();
    const response = await get(`${shop.url}/api/orders/${order.id}/invoice.pdf`, { traceparent });
    expect(response.status).to.equal(200);
    const spans = await shop.collector.waitFor(traceId, (all) => all.some((span) => span.kind === SERVER));
    expect(spans.map((span) => span.name)).to.include('GET /api/orders/{id}/invoice.pdf');
    expect(
      spans.some((span) => /invoice/i.test(span.name) && span.kind !== SERVER),
      'a span of the task',
    ).to.equal(true);
  });
});
