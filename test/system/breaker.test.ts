// The breaker seen from outside, with its calls counted at the failing instance: four workers, one instance,
// no ejection.
import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { ask, wiresToEachWorker } from '../support/each-worker.js';
import { answering, silent, TestInstance } from '../support/instance.js';
import { until } from '../support/until.js';
import type { Wire } from '../support/wire.js';
import { CALLING } from './fixtures/paths.js';

const WORKERS = 4;
const THRESHOLD = 20;
const PROBES = 3;
/** Connections for requests at the same time. */
const MANY = 16;
const OPEN_MS = 400;
const SLOW_CALL_MS = 1_500;
/** All workers see a change within 50 ms; five times that, since other tests share the two cores. */
const SEEN_WITHIN_MS = 250;

interface CallResult {
  readonly worker: number;
  readonly status?: number;
  readonly code?: string;
}

interface Shown {
  readonly service: string;
  readonly state: string;
  readonly transitions: { readonly open: number; readonly halfOpen: number; readonly closed: number };
}

describe('a breaker over four workers', () => {
  let cluster: Cluster;
  /** One connection to each worker. */
  let wires: Wire[];
  /** MANY more. */
  let many: Wire[];
  let instance: TestInstance;
  before(async () => {
    const env = {
      WORKERS: String(WORKERS),
      BREAKER_OPEN_MS: String(OPEN_MS),
      SLOW_CALL_MS: String(SLOW_CALL_MS),
      EJECTION_MS: '0',
      STALL_MS: '60000',
    };
    cluster = await startCluster({ config: CALLING, env });
    const all = await wiresToEachWorker(cluster, WORKERS, '/worker', 1 + MANY / WORKERS);
    wires = all.slice(0, WORKERS);
    many = all.slice(WORKERS);
    instance = await TestInstance.start(cluster.adminUrl, 'faulty', 'one');
  });
  after(async () => {
    for (const wire of [...wires, ...many]) wire.destroy();
    await cluster.dispose();
    instance.stop();
  });

  const call = (wire: Wire): Promise<CallResult> => ask(wire, '/call/faulty/x');
  const shown = async (): Promise<Shown> => {
    const { items } = await json<{ items: Shown[] }>(await get(`${cluster.adminUrl}/breakers`));
    return items.find(({ service }) => service === 'faulty')!;
  };
  const breakerLines = () => cluster.logs().filter(({ msg }) => msg === 'breaker changed');
  /** Makes calls fail one after the other, in turn in all workers. @returns the time of the last response */
  const fail = async (failures: number): Promise<number> => {
    instance.behave = answering(500);
    const before = instance.received;
    for (let n = 0; n < failures; n++) expect(await call(wires[n % WORKERS]!)).to.include({ status: 500 });
    const at = performance.now();
    expect(instance.received - before).to.equal(failures);
    return at;
  };
  const openPeriodIsOver = (): Promise<unknown> => until(shown, ({ state }) => state === 'half-open');

  it('opens after exactly twenty failures in all workers together, and each sees it at once', async () => {
    const opened = await fail(THRESHOLD);
    const refused = await Promise.all(
      wires.map(async (wire) => ({ ...(await call(wire)), at: performance.now() })),
    );
    expect(refused.map(({ code }) => code)).to.deep.equal(Array(WORKERS).fill('BREAKER_OPEN'));
    expect(new Set(refused.map(({ worker }) => worker)).size).to.equal(WORKERS);
    for (const { at } of refused) expect(at - opened).to.be.below(SEEN_WITHIN_MS);
    expect(instance.received).to.equal(THRESHOLD);
  });

  it('admits exactly three probes of many requests to all workers, and closes when they succeed', async () => {
    let succeed = (): void => undefined;
    const succeeding = new Promise<void>((resolve) => {
      succeed = resolve;
    });
    instance.behave = (request, response) => void succeeding.then(() => answering(200)(request, response));
    const before = instance.received;
    await openPeriodIsOver();
    const results: CallResult[] = [];
    const calls = many.map(async (wire) => results.push(await call(wire)));
    await until(
      () => results.length,
      (length) => length >= many.length - PROBES,
    );
    // A worker may have to connect to the instance first.
    await until(
      () => instance.received - before,
      (received) => received >= PROBES,
    );
    expect(instance.received - before).to.equal(PROBES);
    expect(results.map(({ code }) => code)).to.deep.equal(Array(many.length - PROBES).fill('BREAKER_OPEN'));
    succeed();
    await Promise.all(calls);
    expect(results.slice(-PROBES).map(({ status }) => status)).to.deep.equal(Array(PROBES).fill(200));
    for (const wire of wires) expect(await call(wire)).to.include({ status: 200 });
    expect(instance.received - before).to.equal(PROBES + WORKERS);
  });

  it('is not blocked by probes that never get a response', async () => {
    // The four calls that have just succeeded are in the window, too.
    await fail(THRESHOLD - WORKERS);
    expect((await shown()).state).to.equal('open');
    await openPeriodIsOver();
    instance.behave = silent;
    const before = instance.received;
    const lost = many.slice(0, PROBES).map((wire) => call(wire));
    await until(
      () => instance.received - before,
      (received) => received === PROBES,
    );
    // The first call after their timeout counts the probes as failed, so that the breaker opens again.
    await until(
      () => call(wires[0]!).then(shown),
      ({ transitions }) => transitions.open === 3,
    );
    expect(instance.received - before).to.equal(PROBES);
    await openPeriodIsOver();
    instance.behave = answering(200);
    for (let n = 0; n < PROBES; n++) expect(await call(wires[1 + n]!)).to.include({ status: 200 });
    expect(await shown()).to.deep.include({
      state: 'closed',
      transitions: { open: 3, halfOpen: 3, closed: 2 },
    });
    instance.stop();
    expect((await Promise.all(lost)).map(({ code }) => code)).to.deep.equal(
      Array(PROBES).fill('BAD_UPSTREAM'),
    );
  });

  it('has one log line for every transition, whichever worker made it, and counts it', async () => {
    const lines = await until(breakerLines, ({ length }) => length >= 8);
    const states = lines.map(({ state, service, endpoint }) => {
      expect([service, endpoint]).to.deep.equal(['faulty', 'one']);
      return state;
    });
    const cycle = ['open', 'half-open', 'closed'];
    expect(states).to.deep.equal([...cycle, 'open', 'half-open', ...cycle]);
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(metrics).to.include('\nmultilane_breaker_transitions_total 8\n');
    expect(metrics).not.to.include('state="ejected"');
  });
});
