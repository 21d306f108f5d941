// Names that resolve slowly, or never.
import { expect } from 'chai';
import { NameLookups, OWN_NAMES } from '#src/registry/name-lookups.js';
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

/** Names are resolved when the test ends their look-up, which has then taken `tookMs` more. */
function controlled(waitMs: number) {
  const asked: string[] = [];
  const ending = new Map<string, () => void>();
  let now = 0;
  const resolve = async (name: string): Promise<string[]> => {
    asked.push(name);
    await new Promise<void>((done) => ending.set(name, done));
    return [`address of ${name}`];
  };
  const lookups = new NameLookups(resolve, waitMs, () => now);
  const end = async (name: string, tookMs = 0): Promise<void> => {
    await new Promise(setImmediate);
    now += tookMs;
    ending.get(name)!();
    await new Promise(setImmediate);
  };
  return { asked, lookups, end };
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

  it('wait for a place as long as they are told to, behind names that are not known either', async () => {
    const { lookups, asked, end } = controlled(500);
    const slow = ['a', 'b', 'c'].map((name) => codeOf(() => lookups.of(name, name)));
    const waiting = lookups.of('good', 'orders', 10_000);
    expect(await Promise.all(slow)).to.deep.equal(Array(3).fill('OVERLOADED'));
    await end('a', 10_000);
    await end('good');
    expect(await waiting).to.deep.equal(['address of good']);
    // No registration waits for the third name any more.
    expect(asked).to.deep.equal(['a', 'b', 'good']);
  });

  it('that were slow before have one place, so that others are resolved at once', async () => {
    const { lookups, asked, end } = controlled(500);
    for (const name of ['a', 'b', 'c']) {
      const first = lookups.of(name, name);
      await end(name, 501);
      await first;
    }
    asked.length = 0;
    const slow = ['a', 'b', 'c'].map((name) => codeOf(() => lookups.of(name, name)));
    for (const name of ['d', 'e', 'f']) {
      const good = lookups.of(name, name);
      await end(name);
      expect(await good).to.deep.equal([`address of ${name}`]);
    }
    expect(asked).to.deep.equal(['a', 'd', 'e', 'f']);
    expect(await Promise.all(slow)).to.deep.equal(Array(3).fill('OVERLOADED'));
  });

  it('that were quick before, and those of the settings, are resolved beside any number of new ones', async () => {
    const { lookups, end } = controlled(10_000);
    const first = lookups.of('known', 'orders');
    await end('known');
    await first;
    const slow = ['a', 'b', 'c', 'd'].map((name) => codeOf(() => lookups.of(name, name)));
    for (const [name, owner] of [
      ['known', 'orders'],
      ['database', OWN_NAMES],
    ] as const) {
      const result = lookups.of(name, owner);
      await end(name);
      expect(await result).to.deep.equal([`address of ${name}`]);
    }
    for (const name of ['a', 'b', 'c', 'd']) await end(name);
    expect(await Promise.all(slow)).to.deep.equal(Array(4).fill(undefined));
  });
});
