// The cluster that system tests of the reference shop share: two workers, which export spans to a collector
// of the tests.
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

const sharedShop = shared(start, async (shop) => {
  await shop.sql.close();
  await shop.dispose();
  await shop.collector.close();
});

/**
 * Starts the shared shop before the tests of a `describe` block, if no earlier block has started it. Tests
 * may leave any data behind, but nothing broken.
 * @returns a shop whose properties are defined once it has started, so in hooks and tests alone
 */
export function useSharedShop(): Shop {
  const shop: Partial<Shop> = {};
  before(async function () {
    this.timeout(60_000);
    Object.assign(shop, await sharedShop());
  });
  return shop as Shop;
}
