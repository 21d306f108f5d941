// The loop that all shared registries have in common, over a link that is scripted.
import { expect } from 'chai';
import type { Announced, BackendEvents } from '#src/registry/backends/backend.js';
import { BackendLoop } from '#src/registry/backends/backend-loop.js';
import { until } from '#test/support/until.js';

const refusal = (): Error => Object.assign(new Error('not admitted'), { isRefusal: true });
const instance = (id: string, weight = 1): Announced => ({
  service: 'orders',
  id,
  body: { weight, state: 'healthy' },
  isLocal: false,
  isStatic: false,
});

class Scripted extends BackendLoop<object> {
  readonly kind = 'scripted';
  readonly posted: string[] = [];
  readonly events: string[] = [];
  worked = 0;
  post: (ids: readonly string[]) => void = () => undefined;

  constructor(readonly sizeOfPart: number) {
    super({ owner: 'here', ttlSeconds: 60, random: () => 0 });
    const event =
      (name: string) =>
      (...args: readonly unknown[]) =>
        void this.events.push([name, ...args].filter((arg) => typeof arg === 'string').join(' '));
    const names = ['listed', 'found', 'left', 'rejected', 'available', 'unavailable'] as const;
    this.start(Object.fromEntries(names.map((name) => [name, event(name)])) as unknown as BackendEvents);
  }

  protected override async connect(): Promise<object> {
    return {};
  }

  protected override async work(): Promise<void> {
    this.worked += 1;
    const due = this.takeDue();
    const parts = due.flatMap((_, at) =>
      at % this.sizeOfPart === 0 ? [due.slice(at, at + this.sizeOfPart)] : [],
    );
    await this.send(parts, async (part) => {
      const ids = part.map(({ id }) => id);
      this.post(ids);
      this.posted.push(ids.join(' '));
    });
  }

  protected override dueInMs(): number {
    return 60_000;
  }

  protected override isRefusal(error: unknown): boolean {
    return (error as { isRefusal?: boolean }).isRefusal === true;
  }

  protected override async end(): Promise<void> {}

  due(ms: number): void {
    this.wake(ms);
  }
}

describe('the loop of a shared registry', () => {
  const loops: Scripted[] = [];
  const made = (sizeOfPart: number): Scripted => {
    const loop = new Scripted(sizeOfPart);
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
    expect(loop.events).to.deep.equal(['unavailable', 'available']);
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
});
