import { expect } from 'chai';
import { ServiceCode } from '#src/server/service-code.js';
import { StallHandler } from '#src/worker/stall-handler.js';

const STALL_MS = 1_000;

interface Scene {
  readonly turnMs: number;
  readonly inCallback: boolean;
  /** How long each of the requests on the stack has run; in a callback, the core has brought the last one. */
  readonly onStackMs?: readonly number[];
  /** How long ago requests began that were cut off in this turn of the loop, before those on the stack. */
  readonly cutOffMs?: readonly number[];
  readonly webSocketMs?: number;
  /** The request whose code runs. */
  readonly request?: object;
  readonly serviceCode?: ServiceCode;
}

/** What an examination finds in a scene, and whether it has ended the requests on the stack. */
function examined({
  turnMs,
  inCallback,
  onStackMs = [],
  cutOffMs = [],
  webSocketMs,
  request,
  serviceCode = new ServiceCode(),
}: Scene) {
  const now = performance.now();
  const living = [...onStackMs, ...cutOffMs].map((ms, index) => ({
    onStack: true,
    inCallback: inCallback && index === onStackMs.length - 1,
    startedAt: now - ms,
  }));
  let abandoned = 0;
  let isEnding = false;
  const stalls = new StallHandler({
    app: {
      serviceCode,
      living: () => living as never,
      running: () => request as never,
      runningWebSocket: () =>
        webSocketMs === undefined ? undefined : { route: '/ws', since: now - webSocketMs },
      clearRunningWebSocket() {},
      interrupt(_error, these) {
        expect(isEnding, 'the server is prepared').to.equal(true);
        abandoned += these.length;
      },
    },
    server: {
      inCallback,
      prepareInterrupt() {
        isEnding = true;
      },
    },
    row: { leaveRoute() {} },
    turnMs: () => turnMs,
    stallMs: STALL_MS,
  });
  return { found: stalls.examine(), abandoned, isEnding };
}

interface Look {
  readonly at: number;
  /** The request whose continuation runs; undefined where it belongs to none. */
  readonly request: object | undefined;
  /** The asynchronous context of the code. @default 1 */
  readonly asyncId?: number;
  /** When this turn of the loop began. @default 0 */
  readonly turnedAt?: number;
}

/** What repeated examinations find, in continuations and callbacks of timers. */
function findings(looks: readonly Look[]): unknown[] {
  let look = looks[0]!;
  const stalls = new StallHandler({
    app: {
      serviceCode: new ServiceCode(),
      living: () => [],
      running: () => look.request as never,
      runningWebSocket: () => undefined,
      clearRunningWebSocket() {},
      interrupt() {},
    },
    server: { inCallback: false, prepareInterrupt() {} },
    row: { leaveRoute() {} },
    turnMs: () => look.at - (look.turnedAt ?? 0),
    stallMs: STALL_MS,
    now: () => look.at,
    asyncId: () => look.asyncId ?? 1,
  });
  return looks.map((one) => {
    look = one;
    const found = stalls.examine();
    return typeof found === 'object' ? found.where : found;
  });
}

describe('the examination of a stalled worker', () => {
  it('ends a request that has run for long, with all requests that wait for it on the stack', () => {
    const { found, abandoned, isEnding } = examined({
      turnMs: 1_100,
      inCallback: true,
      onStackMs: [3, 1_050],
    });
    expect(found).to.deep.equal({ where: 'request' });
    expect([abandoned, isEnding]).to.deep.equal([2, true]);
  });

  it('interrupts a callback of a WebSocket, which belongs to no request', () => {
    const { found } = examined({ turnMs: 1_100, inCallback: false, webSocketMs: 900 });
    expect(found).to.deep.equal({ where: 'elsewhere', method: 'GET', route: '/ws' });
  });

  it('names the route by its template, as metrics do', () => {
    const request = { method: 'GET', route: '/spin/:ms', template: '/spin/{ms}', requestId: 'one' };
    const { found } = examined({ turnMs: 1_100, inCallback: true, onStackMs: [1_050], request });
    expect(found).to.deep.equal({
      where: 'request',
      ...{ method: 'GET', route: '/spin/{ms}', requestId: 'one' },
    });
  });

  it('interrupts a continuation, of a request or not, that still runs at the next examination', () => {
    for (const request of [{}, undefined]) {
      const where = request === undefined ? 'elsewhere' : 'continuation';
      const looks = [1_100, 1_650].map((at) => ({ at, request }));
      expect(findings(looks)).to.deep.equal(['progressing', where]);
      const early = [1_100, 1_150, 1_650].map((at) => ({ at, request }));
      expect(findings(early)).to.deep.equal(['progressing', 'progressing', where]);
    }
  });

  for (const [what, one, where] of [
    ['continuations of many requests', () => ({ request: {} }), 'continuation'],
    ['callbacks of no request', (n: number) => ({ request: undefined, asyncId: n + 1 }), 'elsewhere'],
    ['continuations that have no number', () => ({ request: undefined, asyncId: 0 }), 'elsewhere'],
  ] as const) {
    it(`spares ${what} that became due at once, ten times in a row`, () => {
      const looks = Array.from({ length: 22 }, (_, n) => ({ at: 1_100 + n * 550, ...one(n) }));
      const ten = Array.from({ length: 10 }, () => 'progressing');
      expect(findings(looks)).to.deep.equal([...ten, where, ...ten, where]);
    });
  }

  it('ends a request at once that was interrupted before, since the loop may never turn', () => {
    const ended: unknown[] = [];
    const request = {};
    let now = 1_100;
    const stalls = new StallHandler({
      app: {
        serviceCode: new ServiceCode(),
        living: () => [],
        running: () => request as never,
        runningWebSocket: () => undefined,
        clearRunningWebSocket() {},
        interrupt(_error, these) {
          ended.push(...these);
        },
      },
      server: { inCallback: false, prepareInterrupt() {} },
      row: { leaveRoute() {} },
      turnMs: () => now,
      stallMs: STALL_MS,
      now: () => now,
    });
    const endedAfter = [1_100, 1_650, 2_200, 2_750].map((at) => {
      now = at;
      stalls.examine();
      return ended.length;
    });
    expect(endedAfter).to.deep.equal([0, 0, 1, 2]);
    expect(new Set(ended)).to.deep.equal(new Set([request]));
  });

  it('also ends the requests that wait or were dropped with it, but none that has ended in order', async () => {
    const request = (hasFullResponse: boolean) => ({ onStack: false, hasFullResponse });
    const [waits, leftBehind, hasEnded, later] = [false, false, true, false].map(request);
    let living = [waits, leftBehind, hasEnded];
    let now = 0;
    const ended = new Promise<readonly unknown[]>((resolve) => {
      const stalls = new StallHandler({
        app: {
          serviceCode: new ServiceCode(),
          living: () => living as never,
          running: () => undefined,
          runningWebSocket: () => undefined,
          clearRunningWebSocket() {},
          interrupt(_error, these) {
            if (these.length > 0) resolve(these);
          },
        },
        server: { inCallback: false, prepareInterrupt() {} },
        row: { leaveRoute() {} },
        turnMs: () => now,
        stallMs: STALL_MS,
        now: () => now,
      });
      for (now of [1_100, 1_650]) stalls.examine();
      stalls.recover();
    });
    living = [later, waits];
    expect(await ended).to.deep.equal([waits, leftBehind]);
  });

  it('starts again when the loop has turned', () => {
    const request = {};
    const looks = [
      { at: 1_100, request },
      { at: 9_000, request, turnedAt: 7_900 },
      { at: 9_600, request, turnedAt: 7_900 },
    ];
    expect(findings(looks)).to.deep.equal(['progressing', 'progressing', 'continuation']);
  });

  for (const [what, scene, found] of [
    ['a loop that turns', { turnMs: 30, inCallback: true, onStackMs: [20] }, undefined],
    ['one of many short requests', { turnMs: 1_100, inCallback: true, onStackMs: [40] }, 'progressing'],
    ['a short callback of a WebSocket', { turnMs: 1_100, inCallback: false, webSocketMs: 2 }, 'progressing'],
  ] as const) {
    it(`spares ${what}`, () => {
      expect(examined(scene)).to.deep.equal({ found, abandoned: 0, isEnding: false });
    });
  }

  for (const cutOffMs of [[600], [900, 1_050], [700, 1_050, 1_090]]) {
    it(`takes none of ${cutOffMs.length} requests that were cut off for one on the stack`, () => {
      const scene = { turnMs: 1_100, inCallback: true, cutOffMs };
      const spared = { abandoned: 0, isEnding: false };
      expect(examined({ ...scene, onStackMs: [0] }), 'a short request').to.deep.equal({
        found: 'progressing',
        ...spared,
      });
      expect(examined({ ...scene, onStackMs: [0, 3] }), 'with its call').to.deep.equal({
        found: 'progressing',
        ...spared,
      });
      expect(examined(scene), 'a request that is not known yet').to.deep.equal({ found: 'retry', ...spared });
      const { found, abandoned } = examined({ ...scene, onStackMs: [3, 590] });
      expect([found, abandoned], 'a long request').to.deep.equal([{ where: 'request' }, 2]);
    });
  }

  it('interrupts nothing inside of a call into the HTTP core, which would end the process', () => {
    const serviceCode = new ServiceCode();
    let seen: unknown;
    serviceCode.holdDuring(() => {
      seen = examined({ turnMs: 1_100, inCallback: true, onStackMs: [1_050], serviceCode });
    });
    expect(seen).to.deep.equal({ found: 'retry', abandoned: 0, isEnding: false });
  });

  it('interrupts nothing while a request is not known yet, or not any more: the core would end the process', () => {
    const { found, isEnding } = examined({ turnMs: 1_100, inCallback: true });
    expect([found, isEnding]).to.deep.equal(['retry', false]);
  });
});
