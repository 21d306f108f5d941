// Registrations by name, whose addresses are found at different speeds, and what comes meanwhile.
import { expect } from 'chai';
import fc from 'fast-check';
import { deferred } from '#test/db/fixtures/deferred.js';
import { codeOf, setUp } from './registry-kit.js';

/** A registry in which every registration waits until the test lets its name be resolved. */
function slowNames() {
  const kit = setUp();
  const waiting: (() => void)[] = [];
  kit.admission.during = () => {
    const resolved = deferred();
    waiting.push(() => resolved.resolve(undefined));
    return resolved.promise;
  };
  const version = (): string | null | undefined => kit.registry.instances('orders')[0]?.version;
  return { ...kit, waiting, version };
}

describe('registrations of one instance by name', () => {
  it('count in the order in which they came, however long their names take', async () => {
    const { put, waiting, version } = slowNames();
    const older = put('i1', { version: 'old' });
    const newer = put('i1', { version: 'new' });
    waiting[1]!();
    expect((await newer).created).to.equal(true);
    waiting[0]!();
    const { created, instance } = await older;
    expect([created, instance.version, version()]).to.deep.equal([false, 'new', 'new']);
  });

  it('end without an instance when it was removed meanwhile', async () => {
    const { put, waiting, registry, ids } = slowNames();
    const first = codeOf(() => put('i1'));
    registry.remove('orders', 'i1');
    waiting[0]!();
    expect([await first, ids()]).to.deep.equal(['NOT_FOUND', []]);
    expect(await codeOf(() => registry.remove('orders', 'i1'))).to.equal('NOT_FOUND');
  });

  it('count when a later one is refused', async () => {
    const { put, waiting, refused, version } = slowNames();
    const older = put('i1', { version: 'old' });
    const newer = codeOf(() => put('i1', { version: 'new', host: '10.0.0.66' }));
    refused.add('10.0.0.66');
    waiting[1]!();
    expect(await newer).to.equal('ADDRESS_NOT_ALLOWED');
    waiting[0]!();
    expect([(await older).created, version()]).to.deep.equal([true, 'old']);
  });

  it('renew the instance when they come faster than their names are resolved', async () => {
    const { put, waiting, time, ids } = slowNames();
    const all: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n += 1) {
      all.push(put('i1', { ttlSeconds: 5 }));
      await time.pass(1_000);
      if (n >= 2) waiting.shift()!();
      await new Promise(setImmediate);
      if (n >= 2) expect(ids()).to.deep.equal(['i1']);
    }
    for (const resolve of waiting) resolve();
    await Promise.all(all);
  });

  it('leave a new instance draining that was ordered to drain before its name was resolved', async () => {
    const { put, waiting, registry, stateOf } = slowNames();
    const first = put('i1');
    registry.drain('orders', 'i1');
    waiting[0]!();
    await first;
    expect(stateOf('i1')).to.equal('draining');
  });

  it('leave an instance draining that was ordered to drain meanwhile', async () => {
    const { put, waiting, registry, stateOf } = slowNames();
    const first = put('i1');
    waiting[0]!();
    await first;
    const second = put('i1', { version: '2' });
    registry.drain('orders', 'i1');
    waiting[1]!();
    await second;
    expect(stateOf('i1')).to.equal('draining');
  });

  it('end in the state that the last operation asks for, in every order of the names', async () => {
    const operation = fc.constantFrom('put', 'remove', 'resolve oldest', 'resolve newest');
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
        const { put, waiting, registry, version } = slowNames();
        const running: Promise<unknown>[] = [];
        let last: string | undefined;
        let number = 0;
        const resolve = async (next: (() => void) | undefined): Promise<void> => {
          next?.();
          await new Promise(setImmediate);
        };
        for (const one of operations) {
          if (one === 'put') {
            last = String(++number);
            running.push(put('i1', { version: last }).catch(() => undefined));
          } else if (one === 'remove') {
            await codeOf(() => registry.remove('orders', 'i1'));
            last = undefined;
          } else await resolve(one === 'resolve oldest' ? waiting.shift() : waiting.pop());
        }
        while (waiting.length > 0) await resolve(waiting.pop());
        await Promise.all(running);
        expect(version()).to.equal(last);
      }),
      { numRuns: 300 },
    );
  });
});
