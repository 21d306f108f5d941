import { createHook } from 'node:async_hooks';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import { promisesHoldScopes, runInScope, type Scope } from '#src/scope.js';
import { followContinuations } from '#src/worker/continued-routes.js';

/** The word of a worker; the test thread is the worker. */
class Word {
  route = 0;
  continueRoute(route: number): void {
    this.route = route;
  }
  pauseRoute(): void {
    this.route = 0;
  }
}

const scopeOf = (routeNumber: number): Scope => ({ routeNumber }) as unknown as Scope;
const inRoute = <T>(route: number, run: () => T): T => runInScope(scopeOf(route), run);

describe('the route of code behind an await', () => {
  let word: Word;
  let stop: () => void;
  before('needs hooks of promises, which are used up to Node.js 22', function () {
    if (!promisesHoldScopes) this.skip();
  });
  beforeEach(() => {
    word = new Word();
    stop = followContinuations(word);
  });
  afterEach(() => stop());

  /** Awaits in different ways and records the route that is published behind each of them. */
  async function awaits(seen: number[]): Promise<void> {
    await Promise.resolve();
    seen.push(word.route);
    await Promise.all([nested(seen), Promise.resolve()]);
    seen.push(word.route);
    await nextTurn();
    seen.push(word.route);
    await wait(1);
    seen.push(word.route);
    await Promise.reject(new Error('expected')).catch(() => seen.push(word.route));
    for await (const value of generated()) seen.push(value);
  }
  async function nested(seen: number[]): Promise<void> {
    await Promise.resolve();
    seen.push(word.route);
  }
  async function* generated(): AsyncGenerator<number> {
    await Promise.resolve();
    yield word.route;
    await nextTurn();
    yield word.route;
  }

  it('is that of its own request, whatever runs between', async () => {
    const all = Array.from({ length: 20 }, (_, index) => index + 1);
    const seen = all.map((): number[] => []);
    await Promise.all(all.map((route, index) => inRoute(route, () => awaits(seen[index]!))));
    for (const [index, route] of all.entries()) {
      expect(seen[index], `route ${route}`).to.deep.equal(new Array(8).fill(route));
    }
  });

  it('is that of its own request also when other hooks come and go', async () => {
    const seen: number[][] = [[], []];
    const running = Promise.all(seen.map((list, index) => inRoute(index + 1, () => awaits(list))));
    for (let round = 0; round < 5; round++) {
      // Node.js installs its hooks of promises again then, behind the one under test.
      const hook = createHook({ before() {}, after() {} }).enable();
      await nextTurn();
      hook.disable();
      await nextTurn();
    }
    await running;
    expect(seen).to.deep.equal([new Array(8).fill(1), new Array(8).fill(2)]);
  });

  it('is that of the called service while it runs, and that of the caller behind its call', async () => {
    const seen: number[] = [];
    await inRoute(1, async () => {
      await inRoute(2, async () => {
        await Promise.resolve();
        seen.push(word.route);
      });
      seen.push(word.route);
    });
    expect(seen).to.deep.equal([2, 1]);
  });

  it('is none in callbacks of timers, immediates and ticks, and outside of requests', async () => {
    const seen = await inRoute(
      3,
      () =>
        new Promise<number[]>((resolve) => {
          const routes: number[] = [];
          const note = (): void => {
            if (routes.push(word.route) === 4) resolve(routes);
          };
          setTimeout(note, 1);
          setImmediate(note);
          process.nextTick(note);
          queueMicrotask(note);
        }),
    );
    expect(seen).to.deep.equal([0, 0, 0, 0]);
    await Promise.resolve();
    expect(word.route).to.equal(0);
  });

  it('is none once the continuation has ended', async () => {
    const after = await new Promise<number>((resolve) => {
      void inRoute(4, async () => {
        await wait(1);
        setImmediate(() => resolve(word.route));
      });
    });
    expect(after).to.equal(0);
  });
});
