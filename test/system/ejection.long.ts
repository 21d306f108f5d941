// An ejection in real time, seen from outside: it lasts for its time, twice as long the second time,
// and a slow start follows.
import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { ask } from '../support/each-worker.js';
import { answering, cutting } from '../support/instance.js';
import { startThreeInstances, type ThreeInstances } from '../support/three-instances.js';

const EJECTION_MS = 3_000;
const SLOW_START_MS = 10_000;
/** How much later it may be picked again: the check runs ten times a second, and the machine adds delay. */
const LATE_MS = 1_000;

describe('an ejection in real time', () => {
  let three: ThreeInstances;
  before(async () => {
    three = await startThreeInstances(EJECTION_MS);
  });
  after(() => three.dispose());

  let turn = 0;
  const call = (): Promise<unknown> => ask(three.wires[turn++ % three.wires.length]!, '/call/things/x');
  const ejectedUntil = async (): Promise<number> => {
    const url = `${three.cluster.adminUrl}/registry/v1/services/things`;
    const list = await json<{ instances: { id: string; ejectedUntil: string | null }[] }>(await get(url));
    const until = list.instances.find(({ id }) => id === 'a')!.ejectedUntil;
    return until === null ? Number.NaN : Date.parse(until);
  };
  /** Makes instance `a` fail until it is ejected. Resolves when it is picked again. */
  const ejectAndWait = async (forMs: number): Promise<void> => {
    const [a] = three.instances;
    a!.behave = cutting;
    const before = a!.received;
    while (a!.received < before + 5) await call();
    a!.behave = answering(200);
    const until = await ejectedUntil();
    expect(until - Date.now()).to.be.within(forMs - LATE_MS, forMs);
    while (a!.received === before + 5) await call();
    expect(Date.now() - until).to.be.within(-50, LATE_MS);
  };
  /** The share of instance `a` in all calls within `ms` milliseconds. */
  const share = async (ms: number): Promise<number> => {
    const before = three.instances.map(({ received }) => received);
    for (const end = performance.now() + ms; performance.now() < end; ) await call();
    const received = three.instances.map((instance, index) => instance.received - before[index]!);
    return received[0]! / received.reduce((sum, count) => sum + count);
  };

  it('lasts for its time, and for twice as long the second time', async function () {
    this.timeout(120_000);
    await ejectAndWait(EJECTION_MS);
    await ejectAndWait(2 * EJECTION_MS);
  });

  it('is followed by a slow start of ten seconds', async function () {
    this.timeout(60_000);
    const [first] = [await share(1_500), await share(SLOW_START_MS - 1_500)];
    expect(first).to.be.within(0.005, 0.12);
    expect(await share(2_000)).to.be.within(0.22, 0.45);
  });
});
