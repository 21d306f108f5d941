// The cluster that read-mostly system tests share. Two workers, the reference shop, spans to a collector of
// ours.
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { Collector } from '#test/support/collector.js';
import { shared } from '#test/support/shared.js';
import { Sql } from '#test/support/sql.js';

export interface Shop extends Cluster {
  readonly collector: Collector;
  readonly sql: Sql;
}

async function start(): Promise<Shop> {
  const collector = await Collector.start();
  const cluster = await startCluster({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'shop-under-test' },
  });
  return { ...cluster, collector, sql: new Sql(cluster.dataDir) };
}

/** Call it in `before`. Leave behind what you like, but nothing broken. */
export const sharedShop = shared(start, async (shop) => {
  await shop.sql.close();
  await shop.dispose();
  await shop.collector.close();
});
