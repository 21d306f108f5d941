import { expect } from 'chai';
import { ServiceCode } from '#src/server/service-code.js';
import { Stalls } from '#workers/http/stalls.js';

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
  const stalls = new Stalls({
    app: {
      serviceCode,
      living: () => living as never,
      running: () => undefined,
      runningWebSocket: () =>
        webSocketMs === undefined ? undefined : { route: '/ws', since: now - webSocketMs },
      leaveWebSocket() {},
      abandon(_error, these = []) {
        abandoned += these.length;
      },
    },
    server: {
      inCallback,
      breakOff() {
        isEnding = true;
      },
    },
    row: { leaveRoute() {} },
    standing: () => standingMs,
    stallMs: STALL_MS,
  });
  return { found: stalls.examine(), abandoned, isEnding };
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
    expect(examined({ standingMs: 1_100, inCallback: false }).found).to.deep.equal({ where: 'elsewhere' });
    const { found } = examined({ standingMs: 1_100, inCallback: false, webSocketMs: 900 });
    expect(found).to.deep.equal({ where: 'elsewhere', method: 'GET', route: '/ws' });
  });

  for (const [what, scene, found] of [
    ['a loop that turns', { standingMs: 30, inCallback: true, onStackMs: [20] }, undefined],
    ['one of many short requests', { standingMs: 1_100, inCallback: true, onStackMs: [40] }, 'working'],
    ['a short callback of a WebSocket', { standingMs: 1_100, inCallback: false, webSocketMs: 2 }, 'working'],
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
    expect(seen).to.deep.equal({ found: 'again', abandoned: 0, isEnding: false });
  });

  it('ends nothing while a request is not known yet, or not any more: the core would end the process', () => {
    const { found, isEnding } = examined({ standingMs: 1_100, inCallback: true });
    expect([found, isEnding]).to.deep.equal(['again', false]);
  });
});
