import { expect } from 'chai';
import type { Settings } from '#src/config.js';
import { observeCalls } from '#src/hosting/observers.js';
import { SeriesTable } from '#src/memory/series.js';
import { SeriesMemory } from '#src/memory/series-memory.js';
import { readTotals } from '#src/memory/totals.js';
import { initTracing } from '#src/telemetry/tracing.js';
import { silentLog } from '#test/support/silent-log.js';
import { endpoint } from '../upstream/endpoints.js';

const PICKS = 'multilane_balancer_picks_total';
const SERVICES = ['orders', 'users'];

describe('calls that are counted by instance', () => {
  it('are all there after 2,000 lifetimes of instances, by service, and those that live by instance', () => {
    const otel = { disabled: true } as unknown as Settings['otel'];
    const untraced = initTracing({ otel }, { worker: 1, instanceId: '' }, silentLog as never);
    const memory = new SeriesMemory();
    const live = new Set<string>();
    const picked = new Map<string, number>();
    const observer = observeCalls(new SeriesTable(memory.of(1)), untraced, (service, id) =>
      live.has(`${service} ${id}`),
    );
    const sums = (): Map<string, number> => {
      const found = new Map<string, number>();
      for (const { metric, labels, value } of readTotals(memory).series) {
        if (metric !== PICKS) continue;
        for (const key of [labels.service!, `${labels.service} ${labels.endpoint}`]) {
          found.set(key, (found.get(key) ?? 0) + value);
        }
      }
      return found;
    };
    for (let life = 0; life < 2_000; life++) {
      for (const service of SERVICES) {
        live.delete(`${service} i${life - 3}`);
        live.add(`${service} i${life}`);
        for (let id = Math.max(0, life - 2); id <= life; id++) {
          observer.attempt(endpoint(`i${id}`, { service }), 'GET', '/', 1, undefined);
          for (const key of [service, `${service} i${id}`]) picked.set(key, (picked.get(key) ?? 0) + 1);
        }
      }
      if (life % 100 !== 99) continue;
      const found = sums();
      for (const key of [...SERVICES, ...live]) expect(found.get(key), key).to.equal(picked.get(key));
    }
    expect(memory.of(1).byteLength).to.equal(65_536);
  });
});
