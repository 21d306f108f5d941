// The loop that all shared registries have in common: what it removes.
import { expect } from 'chai';
import type { Announced } from '#src/registry/backends/backend.js';
import { MOST_WAITING } from '#src/registry/backends/withdrawals.js';
import { until } from '#test/support/until.js';
import { instance, useLoops } from './scripted-loop.js';

describe('the loop of a shared registry, where instances are removed,', () => {
  const made = useLoops();

  it('tells of an instance of others once for each version, and removes no later one', async () => {
    const loop = made(1);
    for (const version of ['1', '1', '2', '2']) loop.tellOf('x', { version });
    expect(loop.events).to.deep.equal(['found', 'found']);
    loop.remove('orders', 'x', 'r1', 30);
    loop.tellOf('x', { version: '2' });
    expect(loop.events).to.have.length(2);
    expect(loop.removals).to.deep.equal([
      ['orders x', { version: '2', registrationIds: ['r1'], ttlSeconds: 30 }],
    ]);
    loop.tellOf('x', { version: '3' });
    expect(loop.events).to.have.length(3);
  });

  it('removes of what it takes over what another process has, too', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    loop.tellOf('x', { version: '1', body: { registrationId: 'r1' } });
    loop.announce({ ...instance('x'), body: { state: 'healthy', registrationId: 'r2' } });
    loop.remove('orders', 'x', 'r2', 30);
    expect(loop.removals).to.deep.equal([
      ['orders x', { version: '1', registrationIds: ['r1'], ttlSeconds: 30 }],
    ]);
    // What is to be removed is not found meanwhile; what was registered later is.
    const before = loop.events.length;
    loop.tellOf('x', { version: '2', body: { registrationId: 'r1' } });
    expect(loop.events).to.have.length(before);
    loop.tellOf('x', { version: '3', body: { registrationId: 'r3' } });
    expect(loop.events).to.have.length(before + 1);
  });

  it('keeps a removal that was not sent through later registrations, and none of what was never sent', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    loop.post = () => {
      throw new Error('lost');
    };
    const registered = (id: string, registrationId: string): Announced => ({
      ...instance(id),
      body: { state: 'healthy', registrationId },
    });
    loop.tellOf('x', { version: '1', body: { registrationId: 'r1' } });
    loop.remove('orders', 'x', 'r1', 30);
    loop.announce(registered('x', 'r2'));
    loop.withdraw('orders', 'x');
    loop.announce(registered('x', 'r3'));
    loop.remove('orders', 'x', 'r3', 300);
    loop.announce(registered('y', 'r4'));
    loop.remove('orders', 'y', 'r4', 30);
    const first = ['orders x', { version: '1', registrationIds: ['r1'], ttlSeconds: 30 }];
    expect(loop.removals).to.deep.equal([first]);
    // What was sent may be there, though it is not known.
    loop.announce(registered('x', 'r5'));
    const { links } = loop;
    await until(
      () => loop.links,
      (count) => count > links,
    );
    loop.remove('orders', 'x', 'r5', 0);
    const both = ['orders x', { version: '1', registrationIds: ['r5', 'r1'], ttlSeconds: 0 }];
    expect(loop.removals).to.deep.equal([both]);
  });

  it('keeps a bounded number of removals, and tells of those that it drops', () => {
    const loop = made(1);
    for (let n = 0; n <= MOST_WAITING; n += 1) {
      loop.tellOf(`x${n}`, { body: { registrationId: 'r' } });
      loop.remove('orders', `x${n}`, 'r', 30);
    }
    expect(loop.waiting(Number.POSITIVE_INFINITY)).to.have.length(MOST_WAITING);
    expect(loop.waiting(2)).to.deep.equal(['orders x1', 'orders x2']);
    const reason = 'more instances wait to be removed than a registry has';
    expect(loop.events.slice(-1)).to.deep.equal([`rejected orders x0 ${reason}`]);
  });
});
