import { expect } from 'chai';
import { ServiceCode } from '#src/server/service-code.js';
import { StallHandler } from '#src/worker/stall-handler.js';

const STALL_MS = 1_000;

interface Scene {
  readonly standingMs: number;
  readonly inCallback: boolean;
  /** How long each of the requests on the stack has run. */
  readonly onStackMs?: readonly number[];
  readonly webSocketMs?: number;
  readonly serviceCode?: ServiceCode;
}

/** What a worker says of a scene, and whether it has ended what is on its stack. */
function examined({
  standingMs,
  inCallback,
  onStackMs = [],
  webSocketMs,
  serviceCode = new ServiceCode(),
}: Scene) {
  const now = performance.now();
  const living = onStackMs.map((ms) => ({ onStack: true, startedAt: now - ms }));
  let abandoned = 0;
  let isEnding = false;
  const stalls = new StallHandler({
    app: {
      serviceCode,
      living: () => living as never,
      running: () => undefined,
      runningWebSocket: () =>
        webSocketMs === undefined ? undefined : { route: '/ws', since: now - webSocketMs },
      leaveWebSocket() {},
      interrupt(_error, these) {
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
    standing: () => standingMs,
    stallMs: STALL_MS,
  });
  return { found: stalls.examine(), abandoned, isEnding };
}

interface Look {
  readonly at: number;
  /** Of which request a continuation runs; undefined: of none. */
  readonly request: object | undefined;
  /** Its asynchronous context. Default 1. */
  readonly asyncId?: number;
  /** Default 0. */
  readonly turnedAt?: number;
}

/** What a worker says that is looked at again and again in continuations and callbacks of timers. */
function said(looks: readonly Look[]): unknown[] {
  let look = looks[0]!;
  const stalls = new StallHandler({
    app: {
      serviceCode: new ServiceCode(),
      living: () => [],
      running: () => look.request as never,
      runningWebSocket: () => undefined,
      leaveWebSocket() {},
      interrupt() {},
    },
    server: { inCallback: false, prepareInterrupt() {} },
    row: { leaveRoute() {} },
    standing: () => look.at - (look.turnedAt ?? 0),
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

describe('a worker that is found standing', () => {
  it('ends what has run for long, with all that waits for it on the stack', () => {
    const { found, abandoned, isEnding } = examined({
      standingMs: 1_100,
      inCallback: true,
      onStackMs: [3, 1_050],
    });
    expect(found).to.deep.equal({ where: 'request' });
    expect([abandoned, isEnding]).to.deep.equal([2, true]);
  });

  it('ends what belongs to no request that is on the stack', () => {
    const { found } = examined({ standingMs: 1_100, inCallback: false, webSocketMs: 900 });
    expect(found).to.deep.equal({ where: 'elsewhere', method: 'GET', route: '/ws' });
  });

  it('ends a continuation of a request, or of none, that still runs at the next look', () => {
    for (const request of [{}, undefined]) {
      const where = request === undefined ? 'elsewhere' : 'continuation';
      const looks = [1_100, 1_650].map((at) => ({ at, request }));
      expect(said(looks)).to.deep.equal(['progressing', where]);
      const early = [1_100, 1_150, 1_650].map((at) => ({ at, request }));
      expect(said(early)).to.deep.equal(['progressing', 'progressing', where]);
    }
  });

  for (const [what, one, where] of [
    ['continuations of many requests', () => ({ request: {} }), 'continuation'],
    ['callbacks of no request', (n: number) => ({ request: undefined, asyncId: n + 1 }), 'elsewhere'],
    ['continuations that have no number', () => ({ request: undefined, asyncId: 0 }), 'elsewhere'],
  ] as const) {
    it(`spares ${what} that became due at once, but not without end`, () => {
      const looks = Array.from({ length: 22 }, (_, n) => ({ at: 1_100 + n * 550, ...one(n) }));
      const ten = Array.from({ length: 10 }, () => 'progressing');
      expect(said(looks)).to.deep.equal([...ten, where, ...ten, where]);
    });
  }

  it('answers a request at once that it has broken off before: the loop may never turn', () => {
    const ended: unknown[] = [];
    const request = {};
    let now = 1_100;
    const stalls = new StallHandler({
      app: {
        serviceCode: new ServiceCode(),
        living: () => [],
        running: () => request as never,
        runningWebSocket: () => undefined,
        leaveWebSocket() {},
        interrupt(_error, these) {
          ended.push(...these);
        },
      },
      server: { inCallback: false, prepareInterrupt() {} },
      row: { leaveRoute() {} },
      standing: () => now,
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

  it('gives up with it those that wait, and those that were given up meanwhile, but none that has ended', async () => {
    const request = (isAnswered: boolean) => ({ onStack: false, isAnswered });
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
          leaveWebSocket() {},
          interrupt(_error, these) {
            if (these.length > 0) resolve(these);
          },
        },
        server: { inCallback: false, prepareInterrupt() {} },
        row: { leaveRoute() {} },
        standing: () => now,
        stallMs: STALL_MS,
        now: () => now,
      });
      for (now of [1_100, 1_650]) stalls.examine();
      stalls.recover();
    });
    living = [later, waits];
    expect(await ended).to.deep.equal([waits, leftBehind]);
  });

  it('begins anew when the loop has turned', () => {
    const request = {};
    const looks = [
      { at: 1_100, request },
      { at: 9_000, request, turnedAt: 7_900 },
      { at: 9_600, request, turnedAt: 7_900 },
    ];
    expect(said(looks)).to.deep.equal(['progressing', 'progressing', 'continuation']);
  });

  for (const [what, scene, found] of [
    ['a loop that turns', { standingMs: 30, inCallback: true, onStackMs: [20] }, undefined],
    ['one of many short requests', { standingMs: 1_100, inCallback: true, onStackMs: [40] }, 'progressing'],
    [
      'a short callback of a WebSocket',
      { standingMs: 1_100, inCallback: false, webSocketMs: 2 },
      'progressing',
    ],
  ] as const) {
    it(`spares ${what}`, () => {
      expect(examined(scene)).to.deep.equal({ found, abandoned: 0, isEnding: false });
    });
  }

  it('ends nothing inside of a call into the core, which would end the process', () => {
    const serviceCode = new ServiceCode();
    let seen: unknown;
    serviceCode.holdDuring(() => {
      seen = examined({ standingMs: 1_100, inCallback: true, onStackMs: [1_050], serviceCode });
    });
    expect(seen).to.deep.equal({ found: 'retry', abandoned: 0, isEnding: false });
  });

  it('ends nothing while a request is not known yet, or not any more: the core would end the process', () => {
    const { found, isEnding } = examined({ standingMs: 1_100, inCallback: true });
    expect([found, isEnding]).to.deep.equal(['retry', false]);
  });
});
