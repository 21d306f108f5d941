// Names that resolve slowly, or never.
import { expect } from 'chai';
import { NameLookups } from '#src/registry/name-lookups.js';
import { codeOf } from './registry-kit.js';

/** Names that begin with `slow` are never resolved. */
function slowly(waitMs: number) {
  const asked: string[] = [];
  const lookups = new NameLookups(async (name) => {
    asked.push(name);
    if (name.startsWith('slow')) await new Promise(() => undefined);
    if (name === 'none') throw new Error('ENOTFOUND');
    return [`address of ${name}`];
  }, waitMs);
  return { asked, lookups };
}

describe('the names of instances', () => {
  it('are resolved for every service while one of them has names that resolve slowly', async () => {
    const { lookups, asked } = slowly(50);
    const slow = Array.from({ length: 30 }, (_, n) => codeOf(() => lookups.of(`slow${n}`, 'greedy')));
    for (let n = 0; n < 20; n += 1)
      expect(await lookups.of('name', `service ${n}`)).to.deep.equal(['address of name']);
    expect(new Set(await Promise.all(slow))).to.deep.equal(new Set(['OVERLOADED']));
    expect(asked.filter((name) => name.startsWith('slow'))).to.deep.equal(['slow0']);
  });

  it('are resolved once for all that wait for the same', async () => {
    const { lookups, asked } = slowly(1_000);
    await Promise.all(Array.from({ length: 10 }, () => lookups.of('name', 'orders')));
    expect(asked).to.deep.equal(['name']);
    await lookups.of('name', 'orders');
    expect(asked).to.deep.equal(['name', 'name']);
  });

  it('take turns within a service', async () => {
    const { lookups } = slowly(1_000);
    const names = Array.from({ length: 40 }, (_, n) => `name${n}`);
    const all = await Promise.all(names.map((name) => lookups.of(name, 'orders')));
    expect(all.flat()).to.deep.equal(names.map((name) => `address of ${name}`));
  });

  it('that have no address are told from those that take too long', async () => {
    const { lookups } = slowly(20);
    const error = await lookups.of('none', 'orders').catch((reason: unknown) => reason);
    expect((error as Error).message).to.equal('ENOTFOUND');
    expect(await codeOf(() => lookups.of('slow', 'orders'))).to.equal('OVERLOADED');
  });

  it('are bounded in number', async () => {
    const { lookups } = slowly(100);
    const all = Array.from({ length: 200 }, (_, n) => codeOf(() => lookups.of(`slow${n}`, 'orders')));
    const since = performance.now();
    expect(await all[199]).to.equal('OVERLOADED');
    expect(performance.now() - since).to.be.below(90);
    await Promise.all(all);
  });
});
