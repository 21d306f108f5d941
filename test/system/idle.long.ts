// Outside `npm test`: mocha --timeout 3600000 build/test/system/idle.long.js Judged as two shared cores
// allow: a handler that waits, a fixed rate, a control before and after in the same round, and the three
// calmest of five rounds.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { EVERYTHING } from './fixtures/paths.js';
import { probeP99 } from './idle/probe.js';

const IDLE = 2000;
const ROUNDS = 5;
const CALMEST = 3;
/** The highest ratio of the latency beside idle connections to that without them. */
const MOST_RATIO = 2;
/** The duration of the handler: latencies below it do not count. */
const FLOOR_MS = 20;
/** The load of a measurement, which is shorter than the idle time-out of the core. */
const RATE = { perSecond: 400, seconds: 3 };

interface Round {
  readonly before: number;
  readonly idle: number;
  readonly after: number;
}

const control = ({ before, after }: Round): number => Math.max(FLOOR_MS, (before + after) / 2);
const unrest = ({ before, after }: Round): number => Math.max(before, after) / Math.min(before, after);

describe(`a probe beside ${IDLE} idle connections`, () => {
  const cluster = useCluster({ config: EVERYTHING, env: { LOG_LEVEL: 'error' } });

  const connections = async (): Promise<number> => {
    const workers = (await (await fetch(`${cluster.adminUrl}/workers`)).json()) as { connections: number }[];
    return workers.reduce((sum, worker) => sum + worker.connections, 0);
  };

  async function crowd(): Promise<Socket[]> {
    const { hostname, port } = new URL(cluster.url);
    const sockets = await Promise.all(
      Array.from({ length: IDLE }, async () => {
        const socket = connect({ host: hostname, port: Number(port) });
        await once(socket, 'connect');
        socket.on('error', () => undefined); // cut at the end of the round
        return socket;
      }),
    );
    await until(connections, (open) => open >= IDLE);
    return sockets;
  }

  it(`takes at most ${MOST_RATIO} times as long in its 99th percentile`, async () => {
    const probe = (): Promise<number> => probeP99(cluster.url, '/waits', RATE);
    await probe(); // compiles the code and opens the connections
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) {
      const before = await probe();
      const sockets = await crowd();
      const idle = await probe();
      expect(await connections(), 'still there at the end').to.be.at.least(IDLE);
      for (const socket of sockets) socket.destroy();
      await until(connections, (open) => open < IDLE / 10);
      rounds.push({ before, idle, after: await probe() });
    }
    for (const round of rounds) {
      const figures = [round.before, round.idle, round.after].map((ms) => ms.toFixed(1));
      console.log(`      p99 ms: control ${figures[0]}, idle ${figures[1]}, control ${figures[2]}`);
    }
    const calm = rounds.sort((a, b) => unrest(a) - unrest(b)).slice(0, CALMEST);
    const ratios = calm.map((round) => Math.max(FLOOR_MS, round.idle) / control(round)).sort((a, b) => a - b);
    console.log(`      ratio: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`);
    expect(ratios[1]).to.be.at.most(MOST_RATIO);
  }).timeout(300_000);
});
