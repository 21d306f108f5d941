// The connection of the registry of a process with a shared one, over a backend that the test calls.
import { expect } from 'chai';
import { Countdown } from '#src/countdown.js';
import type { BackendEvents, FoundInstance, RegistryBackend } from '#src/registry/backends/backend.js';
import { RegistrySync } from '#src/registry/backends/registry-sync.js';
import { until } from '#test/support/until.js';
import { instance, setUp } from './registry-kit.js';

function connected() {
  const kit = setUp();
  const lines: string[] = [];
  const counts = { refused: 0, rejected: 0 };
  let events: BackendEvents | undefined;
  /** What the end of the backend waits for, when it is not ended by its signal. */
  const closing = { withdrawn: Promise.resolve() };
  const backend: RegistryBackend = {
    kind: 'test',
    start: (given) => {
      events = given;
    },
    announce: () => undefined,
    withdraw: () => undefined,
    remove: () => undefined,
    close: (signal) =>
      Promise.race([
        closing.withdrawn,
        new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve())),
      ]),
  };
  let now = 0;
  const log = (_fields: unknown, message: string): void => void lines.push(message);
  const sync = new RegistrySync({
    registry: kit.registry,
    backend,
    log: { info: log, warn: log } as never,
    mayShadowLocal: false,
    refused: () => {
      counts.refused += 1;
    },
    rejected: () => {
      counts.rejected += 1;
    },
    clock: () => now,
  });
  sync.start();
  const find = (members: object = {}): void => {
    const found: FoundInstance = {
      service: 'orders',
      id: 'x',
      body: { ...instance, ...members },
      isLocal: false,
    };
    events!.found(found);
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  const ports = () => kit.registry.instances('orders').map(({ port }) => port);
  return { ...kit, events: events!, lines, counts, sync, find, pass, ports, closing };
}

describe('the connection with a shared registry', () => {
  it('no longer uses an address after a change that is not admitted', async () => {
    const { find, refused, ports, counts, sync } = connected();
    find();
    await until(ports, ({ length }) => length === 1);
    refused.add('10.0.0.66');
    find({ host: '10.0.0.66' });
    await until(ports, ({ length }) => length === 0);
    expect(counts).to.deep.equal({ refused: 1, rejected: 0 });
    find({ port: 9090 });
    expect(await until(ports, ({ length }) => length === 1)).to.deep.equal([9090]);
    await sync.close();
  });

  it('logs outages, refusals and what is not admitted there each by themselves, a few at most', async () => {
    const { events, find, pass, lines, counts, sync } = connected();
    for (let n = 0; n < 5; n += 1) {
      events.unavailable(new Error('away'));
      events.available();
      events.rejected('orders', `y${n}`, 'too large');
      find({ port: 0 });
      await new Promise(setImmediate);
      pass(1_000);
    }
    expect(counts).to.deep.equal({ refused: 5, rejected: 5 });
    expect(lines.map((line) => line.slice(0, 40)).toSorted()).to.deep.equal([
      'an instance in the registry is not admit',
      'the registry can be reached again',
      'the registry cannot be reached; the inst',
      'the registry does not admit a change of ',
    ]);
    pass(10_000);
    events.unavailable(new Error('away'));
    expect(sync.isAvailable).to.equal(false);
    expect(lines).to.have.length(5);
    await sync.close();
  });

  it('ends with the time of the process, although the registry does not respond', async () => {
    const { sync, closing } = connected();
    closing.withdrawn = new Promise(() => undefined);
    const countdown = new Countdown(600_000);
    const closed = sync.close(countdown);
    countdown.shorten(1_100);
    await closed;
    expect(countdown.leftMs).to.be.above(0);
    countdown.cancel();
  });
});
