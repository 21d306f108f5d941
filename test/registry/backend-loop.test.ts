// The loop that all shared registries have in common, over a link that is scripted.
import { expect } from 'chai';
import type { Announced, BackendEvents, FoundInstance } from '#src/registry/backends/backend.js';
import { BackendLoop } from '#src/registry/backends/backend-loop.js';
import { MOST_WAITING } from '#src/registry/backends/withdrawals.js';
import { until } from '#test/support/until.js';

const refusal = (): Error => Object.assign(new Error('not admitted'), { isRefusal: true });
const instance = (id: string, weight = 1): Announced => ({
  service: 'orders',
  id,
  body: { weight, state: 'healthy' },
  isLocal: false,
  isStatic: false,
  isExpired: () => false,
});

class Scripted extends BackendLoop<object> {
  readonly kind = 'scripted';
  readonly posted: string[] = [];
  readonly events: string[] = [];
  worked = 0;
  links = 0;
  link: object = {};
  ended = 0;
  ending: Promise<void> = Promise.resolve();
  isCut = false;
  onCut: () => void = () => undefined;
  connecting: () => void = () => undefined;
  connected: Promise<void> = Promise.resolve();
  post: (ids: readonly string[]) => Promise<void> | void = () => undefined;

  constructor(
    readonly sizeOfPart: number,
    ttlSeconds: number,
  ) {
    super({ owner: 'here', ttlSeconds, random: () => 0 });
    const event =
      (name: string) =>
      (...args: readonly unknown[]) =>
        void this.events.push([name, ...args].filter((arg) => typeof arg === 'string').join(' '));
    const names = ['listed', 'found', 'left', 'rejected', 'available', 'unavailable'] as const;
    this.start(Object.fromEntries(names.map((name) => [name, event(name)])) as unknown as BackendEvents);
  }

  protected override async connect(): Promise<object> {
    this.connecting();
    await this.connected;
    this.links += 1;
    this.link = {};
    return this.link;
  }

  protected override async work(): Promise<void> {
    this.worked += 1;
    if (this.isRenewalDue) this.hasRenewed();
    const due = this.own.takeDue(this.clock());
    const parts = due.flatMap((_, at) =>
      at % this.sizeOfPart === 0 ? [due.slice(at, at + this.sizeOfPart)] : [],
    );
    await this.send(parts, async (part) => {
      const ids = part.map(({ id }) => id);
      await this.post(ids);
      this.hasAnnounced(part);
      this.posted.push(ids.join(' '));
    });
  }

  protected override dueInMs(): number {
    return 60_000;
  }

  protected override isRefusal(error: unknown): boolean {
    return (error as { isRefusal?: boolean }).isRefusal === true;
  }

  protected override async end(): Promise<void> {
    this.ended += 1;
    await this.ending;
  }

  protected override cut(): void {
    this.isCut = true;
    this.onCut();
  }

  due(ms: number): void {
    this.wake(ms);
  }

  /** A planned link is due, or the renewal. */
  relinkNow(): void {
    this.relinkAt = 0;
    this.wake();
  }

  loseLink(): void {
    this.lost(this.link, new Error('lost'));
  }

  /** The backend refuses an instance, and is asked again soon. */
  refuseNow(id: string): void {
    this.refuse(`orders ${id}`, 'no room', 20);
    this.wake();
  }

  renewNow(): void {
    this.renewAt = 0;
  }

  /** What the backend tells of instances. */
  tell(event: 'gone' | 'expired', id: string): void {
    this[event](`orders ${id}`);
    this.wake();
  }

  tellOf(id: string, members: Partial<FoundInstance> = {}): void {
    this.found({ service: 'orders', id, body: {}, isLocal: false, ...members });
    this.wake();
  }

  tellAll(ids: readonly string[], isComplete = true): void {
    const others = ids.map((id) => ({ service: 'orders', id, body: {}, isLocal: false, version: '1' }));
    this.listed(others, isComplete);
  }

  waiting(most: number): readonly string[] {
    return this.toWithdraw.due(this.clock(), most).map(([key]) => key);
  }

  get removals(): readonly unknown[] {
    return this.toWithdraw.due(this.clock(), 100).map(([key, removed]) => {
      const { since: _, ...known } = removed!;
      return [key, known];
    });
  }
}

describe('the loop of a shared registry', () => {
  const loops: Scripted[] = [];
  const made = (sizeOfPart: number, ttlSeconds = 60): Scripted => {
    const loop = new Scripted(sizeOfPart, ttlSeconds);
    loops.push(loop);
    return loop;
  };
  const posts = (loop: Scripted, count: number): Promise<readonly string[]> =>
    until(
      () => loop.posted,
      ({ length }) => length >= count,
    );
  afterEach(() => Promise.all(loops.splice(0).map((loop) => loop.close())));

  it('sends all parts again of which it is not known that they have arrived', async () => {
    const loop = made(2);
    let calls = 0;
    loop.post = () => {
      calls += 1;
      if (calls === 2) throw new Error('lost');
    };
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) loop.announce(instance(id));
    expect(await posts(loop, 3)).to.deep.equal(['a b', 'c d', 'e f']);
    // Another link was made at once: that is no outage.
    expect(loop.events).to.deep.equal([]);
  });

  it('sets aside what is refused, and sends it again when it has changed', async () => {
    const loop = made(10);
    let isRefused = true;
    loop.post = (ids) => {
      if (isRefused && ids.includes('c')) throw refusal();
    };
    for (const id of ['a', 'b', 'c', 'd', 'e']) loop.announce(instance(id));
    expect((await posts(loop, 2)).join(' ').split(' ').toSorted()).to.deep.equal(['a', 'b', 'd', 'e']);
    expect(loop.events).to.deep.equal(['rejected orders c not admitted']);
    isRefused = false;
    loop.announce(instance('c', 2));
    expect((await posts(loop, 3)).at(-1)).to.equal('c');
  });

  it('announces what has expired again, and drops what a client has removed', async () => {
    const loop = made(1);
    for (const id of ['a', 'b', 'c']) loop.announce({ ...instance(id), isLocal: id === 'c' });
    await posts(loop, 3);
    loop.tell('expired', 'a');
    loop.tell('gone', 'b');
    loop.tell('gone', 'c');
    expect((await posts(loop, 5)).slice(3)).to.deep.equal(['a', 'c']);
    expect(loop.events).to.deep.equal(['left orders b']);
  });

  it('writes over the row of a stranger under the name of what this process serves, and cedes it to a process', async () => {
    const loop = made(1);
    loop.announce({ ...instance('x'), isLocal: true });
    await posts(loop, 1);
    loop.tellOf('x');
    expect(await posts(loop, 2)).to.deep.equal(['x', 'x']);
    loop.tellOf('x', { isLocal: true });
    loop.announce(instance('y'));
    expect(await posts(loop, 3)).to.deep.equal(['x', 'x', 'y']);
    loop.tell('expired', 'x');
    expect((await posts(loop, 4)).at(-1)).to.equal('x');
  });

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

  it('makes another link at once when one was lost while it still did what was due', async () => {
    const loop = made(1);
    loop.announce(instance('a'));
    await posts(loop, 1);
    const { links } = loop;
    loop.post = () => loop.loseLink();
    loop.announce(instance('b'));
    expect(
      await until(
        () => loop.links,
        (count) => count > links,
      ),
    ).to.equal(links + 1);
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

  it('tries an instance again that was refused, and tells of it once', async () => {
    const loop = made(1);
    loop.announce(instance('a'));
    await posts(loop, 1);
    let refusals = 0;
    loop.post = () => {
      refusals += 1;
      if (refusals < 3) throw refusal();
    };
    loop.refuseNow('a');
    expect(await posts(loop, 2)).to.deep.equal(['a', 'a']);
    expect([refusals, loop.events]).to.deep.equal([3, ['rejected orders a no room']]);
  });

  it('takes nothing for gone in the time after an outage, which ends also where links are lost all the time', async () => {
    const loop = made(1, 0.2);
    loop.announce(instance('a'));
    await posts(loop, 1);
    loop.tellAll(['x']);
    expect(loop.events).to.deep.equal(['listed', 'found']);
    const lose = async (): Promise<number> => {
      const { worked } = loop;
      loop.loseLink();
      await until(
        () => loop.worked,
        (count) => count > worked,
      );
      loop.tellAll([]);
      return loop.events.length;
    };
    expect(await lose()).to.equal(2);
    expect(await until(lose, (length) => length > 2)).to.equal(3);
    expect(loop.events).to.deep.equal(['listed', 'found', 'listed']);
  });

  it('takes nothing for gone that is not in a list which is cut', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    loop.tellAll(['x']);
    loop.tellAll(['y'], false);
    loop.tellAll(['x', 'y']);
    expect(loop.events).to.deep.equal(['listed', 'found', 'found', 'listed']);
  });

  it('leaves the rest to the next turn when a renewal is due', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    loop.post = () => loop.renewNow();
    const before = loop.worked;
    for (const id of ['a', 'b', 'c']) loop.announce(instance(id));
    expect(await posts(loop, 3)).to.deep.equal(['a', 'b', 'c']);
    expect(loop.worked - before).to.be.at.least(3);
  });

  it('keeps the link that works while a planned one cannot be made, and ends it then', async () => {
    const loop = made(1);
    loop.announce(instance('a'));
    await posts(loop, 1);
    loop.connecting = () => {
      throw new Error('a member is away');
    };
    loop.relinkNow();
    loop.announce(instance('b'));
    await posts(loop, 2);
    expect([loop.links, loop.ended, loop.events]).to.deep.equal([1, 0, []]);
    loop.connecting = () => undefined;
    loop.relinkNow();
    loop.announce(instance('c'));
    await posts(loop, 3);
    expect([loop.links, loop.ended, loop.events]).to.deep.equal([2, 1, []]);
  });

  it('is not postponed by what is due later', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    // The loop is idle after a turn of timers.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const before = loop.worked;
    loop.due(50);
    const postponing = setInterval(() => loop.due(1_000), 5);
    await until(
      () => loop.worked,
      (count) => count > before,
      5_000,
    );
    clearInterval(postponing);
    expect(loop.worked).to.be.above(before);
  });

  it('ends at once when it is told to, whatever the backend does not respond to', async () => {
    const withdrawing = made(1);
    withdrawing.announce(instance('a'));
    await posts(withdrawing, 1);
    withdrawing.ending = new Promise(() => undefined);
    const posting = made(1);
    const begun = new Promise<void>((begin) => {
      posting.post = () =>
        new Promise((_resolve, reject) => {
          posting.onCut = () => reject(new Error('cut'));
          begin();
        });
    });
    posting.announce(instance('b'));
    await begun;
    const connecting = new Scripted(1, 60);
    connecting.connected = new Promise(() => undefined);
    for (const loop of [withdrawing, posting, connecting]) {
      const isOver = new AbortController();
      const closed = loop.close(isOver.signal);
      isOver.abort();
      await closed;
    }
    expect([withdrawing.isCut, posting.isCut]).to.deep.equal([true, true]);
    withdrawing.ending = Promise.resolve();
  });
});
