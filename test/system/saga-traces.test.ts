import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { get, post, unique } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { checkoutBody } from '#test/support/shop-messages.js';
import { until } from '#test/support/until.js';

const CHECKOUTS = 32;

interface Span {
  readonly name: string;
  readonly parentSpanId: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

describe('the trace of a saga whose process was killed', () => {
  let cluster: Cluster;
  after(() => cluster.dispose());

  it('goes on in the next process, with a link to the start of the saga', async function () {
    this.timeout(90_000);
    cluster = await startCluster();
    const traceIds = Array.from({ length: CHECKOUTS }, () => randomBytes(16).toString('hex'));
    const sent = traceIds.map((traceId) =>
      post(`${cluster.url}/api/checkout`, checkoutBody('tok_ok'), {
        'idempotency-key': unique('killed'),
        traceparent: `00-${traceId}-${'c'.repeat(16)}-01`,
      }),
    );
    const ended = Promise.allSettled(sent);
    await Promise.race(sent);
    await cluster.stop('SIGKILL');
    await ended;

    cluster = await startCluster({ dataDir: cluster.dataDir });
    const spansOf = async (traceId: string): Promise<readonly Span[]> => {
      const response = await get(`${cluster.adminUrl}/traces/${traceId}`);
      return response.status === 200 ? ((await response.json()) as { spans: Span[] }).spans : [];
    };
    const recovered = ({ attributes }: Span): boolean => attributes['multilane.saga.recovered'] === true;
    const all = await until(
      () => Promise.all(traceIds.map(async (traceId) => ({ traceId, spans: await spansOf(traceId) }))),
      (traces) => traces.some(({ spans }) => spans.some(recovered)),
    );
    for (const { traceId, spans } of all) {
      for (const span of spans.filter(recovered)) {
        expect(span.name).to.match(/^checkout\//);
        expect(span.links).to.deep.equal([{ traceId, spanId: span.parentSpanId }]);
      }
      expect(spans.filter(recovered).length, 'once for a loss').to.be.at.most(1);
    }
  });
});
