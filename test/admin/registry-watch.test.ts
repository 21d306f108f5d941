// `GET /registry/v1/watch` over a real connection.
import { expect } from 'chai';
import { registryRoutes } from '#src/admin/registry-routes.js';
import { setUp } from '#test/registry/registry-kit.js';
import { closePlanes, plane } from './admin-fixture.js';

/** Each change is an event of more than 3 KB. */
const metadata = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`key${n}`, 'x'.repeat(110)]));

async function watched() {
  const { registry, put } = setUp({ slots: 10, maxSnapshotBytes: 1 << 24 });
  const load = { inFlight: () => 0, smoothedLatency: () => 0 };
  const routes = registryRoutes(registry, { load, ejectedForMs: () => 0, mayShadowLocal: () => true });
  const { url } = await plane(routes);
  let weight = 0;
  const change = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) await put('i1', { weight: 1 + (weight++ % 100), metadata });
  };
  return { registry, change, url };
}

describe('a client that watches the registry', () => {
  afterEach(closePlanes);

  it('gets all that it has missed, however much that is, and then each change', async () => {
    const { registry, change, url } = await watched();
    const since = registry.revision;
    await change(1_000);
    const controller = new AbortController();
    const response = await fetch(`${url}/registry/v1/watch?since=${since}`, { signal: controller.signal });
    const ids: string[] = [];
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const isFirst = ids.length === 0;
      const lines = (text + chunk).split('\n');
      text = lines.pop()!;
      ids.push(...lines.filter((line) => line.startsWith('id: ')).map((line) => line.slice(4)));
      if (isFirst && ids.length > 0) await change(20);
      if (ids.length >= 1_020) break;
    }
    controller.abort();
    expect(ids).to.deep.equal(Array.from({ length: 1_020 }, (_, n) => `p-${n + 1}`));
  });
});
