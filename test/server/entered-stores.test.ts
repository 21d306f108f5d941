import { AsyncLocalStorage } from 'node:async_hooks';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { EnteredStores } from '#src/server/entered-stores.js';

interface Watched {
  readonly entries: number;
  readonly storages: readonly unknown[];
}

/** The state of the method that is watched. */
function watched(): Watched {
  const { enterWith } = AsyncLocalStorage.prototype as unknown as { enterWith: Record<symbol, Watched> };
  return enterWith[Symbol.for('multilane.entered-stores')]!;
}

/** A loop within calls of `run`, which V8 terminates. */
function cutOff(storages: readonly AsyncLocalStorage<string>[], store: string): void {
  const [first, ...others] = storages;
  const loop = (): void =>
    first === undefined ? runInNewContext('for (;;);', {}) : first.run(store, () => cutOff(others, store));
  expect(() => runInNewContext('loop()', { loop }, { timeout: 20 })).to.throw('timed out');
}

describe('the stores that are entered', () => {
  const stores = new EnteredStores();

  it('are not those of run: a thread without others pays for none', () => {
    const { entries, storages } = { ...watched(), storages: [...watched().storages] };
    const storage = new AsyncLocalStorage<string>();
    const seen = storage.run(
      'outer',
      (...args: number[]) => {
        const inner = storage.run('inner', () => storage.getStore());
        const none = storage.exit(() => storage.getStore());
        return [storage.getStore(), inner, none, ...args];
      },
      1,
      2,
    );
    expect(seen).to.deep.equal(['outer', 'inner', undefined, 1, 2]);
    expect(storage.getStore()).to.equal(undefined);
    expect(() => storage.run('outer', () => expect.fail('thrown'))).to.throw('thrown');
    expect(storage.getStore()).to.equal(undefined);
    expect(watched()).to.deep.include({ entries, storages });
  });

  it('of run are left by the next callback, when V8 has terminated the code that it ran', () => {
    const [one, two] = [new AsyncLocalStorage<string>(), new AsyncLocalStorage<string>()];
    cutOff([one, two], 'of a request');
    stores.leave();
    expect([one.getStore(), two.getStore()]).to.deep.equal([undefined, undefined]);
  });

  it('of run are put back for the caller of a request in the process, and for a run around it', () => {
    const [one, two] = [new AsyncLocalStorage<string>(), new AsyncLocalStorage<string>()];
    one.run('of the caller', () => {
      stores.runApart(() => cutOff([one, two], 'of the request'), undefined);
      expect([one.getStore(), two.getStore()]).to.deep.equal(['of the caller', undefined]);
      two.run('around', () => {
        cutOff([one, two], 'of the request');
      });
      expect([one.getStore(), two.getStore()]).to.deep.equal(['of the caller', undefined]);
    });
    expect(one.getStore()).to.equal(undefined);
  });
});
