// The list of the instances of a service: who shares one, and what it is made of.
import { expect } from 'chai';
import { ServicePages } from '#src/admin/service-pages.js';
import { setUp } from '#test/registry/registry-kit.js';

/** Makes the list of some hundred instances a long one. */
const NOTE = 'x'.repeat(500);

async function pagesOf(count: number) {
  const { registry, put } = setUp({ slots: count + 10, maxSnapshotBytes: 1 << 24 });
  for (let n = 0; n < count; n++) await put(`i${n}`);
  let made = 0;
  const pages = new ServicePages(registry, ({ id, state }) => {
    made++;
    return { id, state, note: NOTE };
  });
  const read = async () =>
    JSON.parse(String(await pages.of('orders'))) as {
      revision: string;
      instances: { id: string; state: string; note: string }[];
    };
  return { registry, put, read, made: () => made };
}

describe('the list of the instances of a service', () => {
  for (const count of [0, 1, 500])
    it(`is that of the registry, with its revision: ${count} instances`, async () => {
      const { registry, read } = await pagesOf(count);
      const instances = registry.instances('orders').map(({ id, state }) => ({ id, state, note: NOTE }));
      expect(await read()).to.deep.equal({ revision: registry.revision, instances });
    });

  it('leaves the event loop to others while it is made, when it is long', async () => {
    const { read } = await pagesOf(500);
    let turns = 0;
    let isMade = false;
    void read().then(() => {
      isMade = true;
    });
    for (; !isMade; turns++) await new Promise(setImmediate);
    expect(turns).to.be.greaterThan(3);
  });

  it('is made once for all that ask at the same time', async () => {
    const { read, made } = await pagesOf(500);
    const all = await Promise.all(Array.from({ length: 20 }, read));
    expect(new Set(all.map(({ revision }) => revision)).size).to.equal(1);
    expect(made()).to.equal(500);
  });

  it('has each change that was made before it was asked for, and is made twice for any number that ask', async () => {
    const { registry, put, read, made } = await pagesOf(500);
    const first = read();
    await put('late');
    registry.drain('orders', 'i0');
    const late = await Promise.all(Array.from({ length: 20 }, read));
    for (const { revision, instances } of late) {
      expect(revision).to.equal(registry.revision);
      expect(instances[0]).to.deep.equal({ id: 'i0', state: 'draining', note: NOTE });
      expect(instances.at(-1)!.id).to.equal('late');
    }
    expect((await first).instances.length).to.equal(500);
    expect(made()).to.equal(1_001);
  });

  it('of a service with a bad name is refused', async () => {
    const { registry } = await pagesOf(0);
    const failed = await new ServicePages(registry, () => ({})).of('Bad Name').catch((error: Error) => error);
    expect(failed).to.have.property('code', 'VALIDATION_FAILED');
  });
});
