// Named resources of services, seen from outside: two workers, and the permits of a lost one.
import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { ask, wiresToEachWorker } from '../support/each-worker.js';
import { until } from '../support/until.js';
import { Wire } from '../support/wire.js';
import { SHARING } from './fixtures/paths.js';

const FAILURES = 6;
const PROBES = 3;
const WORKERS = 2;

interface Shown {
  readonly instance: string;
  readonly state: string;
  readonly probes: { readonly taken: number } | null;
}

interface Limits {
  readonly bulkheads: readonly { readonly name: string; readonly held: number }[];
  readonly rateLimits: { readonly named: unknown };
}

describe('a named resource that two workers share', () => {
  let cluster: Cluster;
  let wires: readonly Wire[];
  const many: Wire[] = [];
  before(async () => {
    cluster = await startCluster({ config: SHARING, env: { WORKERS: String(WORKERS), DRAIN_MS: '100' } });
    wires = await wiresToEachWorker(cluster, WORKERS, '/worker');
  });
  after(async () => {
    for (const wire of [...wires, ...many]) wire.destroy();
    await cluster.dispose();
  });

  /** Returns the result or the error of the work, or the code of its refusal. */
  const outcomeOf = async (wire: Wire, path: string): Promise<string> => {
    const response = await wire.request('GET', path);
    const { outcome, code } = JSON.parse(response!.body.toString()) as { outcome?: string; code?: string };
    return outcome ?? code!;
  };
  const shown = async (name: string): Promise<Shown> => {
    const { items } = await json<{ items: Shown[] }>(await get(`${cluster.adminUrl}/breakers`));
    return items.find(({ instance }) => instance === name)!;
  };
  const print = (): Promise<Shown> => shown('~print');
  const limits = async (): Promise<Limits> => json(await get(`${cluster.adminUrl}/limits`));
  const files = async () => (await limits()).bulkheads.find(({ name }) => name === 'shared sharing files');
  const force = (to: string): Promise<Response> =>
    fetch(`${cluster.adminUrl}/breakers/sharing/~mail`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ force: to }),
    });

  it('can be a breaker that opens after failures in both, refuses calls in both, and is listed in the admin plane', async () => {
    const outcomes: string[] = [];
    for (let n = 0; n < FAILURES; n++) outcomes.push(await outcomeOf(wires[n % WORKERS]!, '/mail/fail'));
    expect(outcomes).to.deep.equal(Array(FAILURES).fill('down'));
    expect(await shown('~mail')).to.include({ service: 'sharing', state: 'open', forced: false });
    await force('open');
    for (const wire of wires) expect(await outcomeOf(wire, '/mail/send')).to.equal('BREAKER_OPEN');
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(metrics).to.include('{service="sharing",endpoint="~mail",state="open"} 1\n');
    expect((await force('closed')).status).to.equal(200);
    for (const wire of wires) expect(await outcomeOf(wire, '/mail/send')).to.equal('sent');
    await force('auto');
  });

  it('can be a rate limit and a bulkhead of both, which are listed in the admin plane', async () => {
    const calls = [0, 1, 0].map((n) => () => ask<{ admitted: boolean }>(wires[n]!, '/sms'));
    const admitted: boolean[] = [];
    for (const one of calls) admitted.push((await one()).admitted);
    expect(admitted).to.deep.equal([true, true, false]);
    for (const wire of await wiresToEachWorker(cluster, WORKERS, '/worker')) {
      many.push(wire);
      wire.write('GET /files HTTP/1.1\r\nhost: localhost\r\n\r\n');
    }
    await until(files, (it) => it?.held === 2);
    expect(await files()).to.deep.equal({ name: 'shared sharing files', held: 2, limit: 2 });
    for (const wire of wires) expect(await outcomeOf(wire, '/files')).to.equal('OVERLOADED');
    expect((await limits()).rateLimits.named).to.deep.equal([
      { name: 'shared sharing sms', limit: '2/minute' },
    ]);
  });

  it('admits exactly three probes as a half-open breaker, releases the permits of a lost worker, and is found by its replacement', async () => {
    for (let n = 0; n < FAILURES; n++) await outcomeOf(wires[n % WORKERS]!, '/print/fail');
    await until(print, ({ state }) => state === 'half-open');
    const probing = await Promise.all(Array.from({ length: 8 }, () => Wire.open(cluster.url)));
    many.push(...probing);
    const outcomes: string[] = [];
    for (const wire of probing)
      void outcomeOf(wire, '/print/hang').then(
        (one) => outcomes.push(one),
        () => undefined,
      );
    await until(
      () => outcomes.length,
      (length) => length === probing.length - PROBES,
    );
    expect(outcomes).to.deep.equal(Array(probing.length - PROBES).fill('BREAKER_OPEN'));
    expect((await print()).probes).to.deep.equal({ permitted: PROBES, taken: PROBES, succeeded: 0 });
    // The crashes are repeated until both workers have been hit.
    const crash = async (): Promise<readonly [number | undefined, number | undefined]> => {
      await get(`${cluster.url}/crash`, { connection: 'close' }).catch(() => undefined);
      return [(await print()).probes?.taken, (await files())?.held];
    };
    expect(await until(crash, ([probes, held]) => probes === 0 && held === 0)).to.deep.equal([0, 0]);
    // Either worker may respond: the last of those that were hit may still be ending.
    const send = async (): Promise<string> => {
      await get(`${cluster.url}/print/send`, { connection: 'close' }).catch(() => undefined);
      return (await print()).state;
    };
    expect(await until(send, (state) => state === 'closed')).to.equal('closed');
  });

  it('has one log line for every transition of its breaker', async () => {
    const lines = await until(
      () => cluster.logs().filter(({ msg }) => msg === 'breaker changed'),
      ({ length }) => length >= 4,
    );
    const states = lines.map(({ service, endpoint, state }) => [service, endpoint, state]);
    expect(states).to.deep.equal([
      ['sharing', '~mail', 'open'],
      ['sharing', '~print', 'open'],
      ['sharing', '~print', 'half-open'],
      ['sharing', '~print', 'closed'],
    ]);
  });
});
