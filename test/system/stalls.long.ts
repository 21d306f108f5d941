// Measurements of the cost of a stall. Outside `npm test`: mocha --spec build/test/system/stalls.long.js

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { burnBesideOthers } from './burning.js';
import { STALLS } from './fixtures/paths.js';

const STALL_MS = 1_000;
const TIMES = 10;
const INNOCENT = 100;

/** The highest of all durations, milliseconds. */
const highest = (all: readonly number[]): number => Math.round(Math.max(...all));

describe('the cost of a stall', function () {
  this.timeout(300_000);
  const cluster = useCluster({ config: STALLS, env: { STALL_MS: String(STALL_MS) } });

  /** The thread that serves this connection; undefined when the response announces its end. */
  const threadOf = async (wire: Wire): Promise<number | undefined> => {
    const response = await wire.request('GET', '/thread');
    if (response!.closes) return undefined;
    return (JSON.parse(response!.body.toString()) as { thread: number }).thread;
  };
  /** Opens a connection to a worker whose thread is wanted. */
  const open = async (isWanted: (thread: number) => boolean): Promise<{ wire: Wire; thread: number }> => {
    for (;;) {
      const wire = await Wire.open(cluster.url);
      const thread = await threadOf(wire);
      if (thread !== undefined && isWanted(thread)) return { wire, thread };
      wire.destroy();
    }
  };
  const allReady = () =>
    until(
      () => workersOf(cluster),
      (list) => list.length === 2 && list.every(({ state }) => state === 'ready'),
    );
  /** Response times of one client while `task` runs. */
  const latencies = async (wire: Wire, task: Promise<unknown>): Promise<number[]> => {
    const took: number[] = [];
    let over = false;
    const end = task.finally(() => {
      over = true;
    });
    while (!over) {
      const began = performance.now();
      expect((await wire.request('GET', '/thread'))?.status, cluster.stderr.join('\n')).to.equal(200);
      took.push(performance.now() - began);
      await sleep(2);
    }
    await end;
    return took;
  };

  it(`is bounded for ${TIMES} loops: the time to the response, and the delay of another worker beside an A/A control`, async () => {
    const answered: number[] = [];
    const beside: number[] = [];
    const control: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      await allReady();
      const { wire: victim, thread } = await open(() => true);
      const { wire: other } = await open((one) => one !== thread);
      control.push(...(await latencies(other, sleep(STALL_MS))));
      const began = performance.now();
      const stalled = victim.request('GET', '/stall/handler').then((response) => {
        answered.push(performance.now() - began);
        return response;
      });
      beside.push(...(await latencies(other, stalled)));
      expect((await stalled)?.status).to.equal(500);
      for (const wire of [victim, other]) wire.destroy();
    }
    console.log(
      JSON.stringify({
        stallMs: STALL_MS,
        answeredMs: answered.map(Math.round),
        highestMs: highest(answered),
        otherWorker: { requests: beside.length, highestMs: highest(beside) },
        control: { requests: control.length, highestMs: highest(control) },
      }),
    );
    expect(highest(answered)).to.be.at.most(STALL_MS + 200);
  });

  it(`is none for ${INNOCENT} other requests in flight when a loop after an await is interrupted`, async () => {
    await allReady();
    const { wire: victim, thread } = await open(() => true);
    const same = Array.from({ length: INNOCENT }, () => open((one) => one === thread));
    const wires = (await Promise.all(same)).map(({ wire }) => wire);
    const ended: { status: number | undefined; at: number }[] = [];
    const responses = wires.map(async (wire) => {
      const response = await wire.request('GET', '/slow');
      ended.push({ status: response?.status, at: performance.now() });
    });
    expect((await victim.request('GET', '/stall/await'))?.status).to.equal(500);
    const broken = performance.now();
    await Promise.all(responses);
    const statuses: Record<string, number> = {};
    for (const { status } of ended) statuses[String(status)] = (statuses[String(status)] ?? 0) + 1;
    const after = ended.map(({ at }) => at - broken);
    console.log(JSON.stringify({ innocent: INNOCENT, statuses, highestMsAfterTheBreak: highest(after) }));
    expect(after.filter((ms) => ms < 1_000)).to.have.length(INNOCENT);
    for (const wire of [victim, ...wires]) wire.destroy();
  });

  it('is no interruption of anything else, whatever ends just when the loop is interrupted', async () => {
    await burnBesideOthers(cluster, { workers: 2, stallMs: STALL_MS, stepMs: 2 });
  });
});
