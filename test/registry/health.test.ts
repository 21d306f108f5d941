import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { HealthProber, type Probe, type ProbeTarget } from '#src/registry/health.js';
import { afterProbe, type Health, UNKNOWN_HEALTH } from '#src/registry/health-rule.js';
import { httpProbe } from '#src/upstream/http-probe.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { FakeTime } from '../upstream/endpoints.js';

const target: ProbeTarget = {
  address: '127.0.0.1',
  port: 8080,
  path: '/health',
  host: 'orders',
  metadata: {},
};

describe('the health of an instance by its last probes', () => {
  const after = (probes: string): Health =>
    probes.split('').reduce((record, probe) => afterProbe(record, probe === '+'), UNKNOWN_HEALTH).health;
  const cases: readonly [probes: string, health: Health][] = [
    ['', 'unknown'],
    ['+', 'unknown'],
    ['-', 'unknown'],
    ['+-+-+-', 'unknown'],
    ['++', 'healthy'],
    ['++-', 'healthy'],
    ['++-+-', 'healthy'],
    ['++--', 'unhealthy'],
    ['++--+', 'unhealthy'],
    ['++--+-+', 'unhealthy'],
    ['++--++', 'healthy'],
    ['--', 'unhealthy'],
  ];
  for (const [probes, health] of cases) {
    it(`is ${health} after "${probes}"`, () => {
      expect(after(probes)).to.equal(health);
    });
  }
});

describe('the health prober', () => {
  function setUp(answers: string, random = 0.5) {
    const time = new FakeTime();
    const probedAt: number[] = [];
    const reports: string[] = [];
    let skipped = 0;
    /** Results of probes: + healthy, - unhealthy, ~ no response, 0 not made. */
    const probe: Probe = (_target, signal) => {
      const answer = answers[probedAt.push(time.now) - 1] ?? '+';
      if (answer === '0') return Promise.resolve(undefined);
      if (answer !== '~') return Promise.resolve(answer === '+');
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(false)));
    };
    const skip = (): void => void skipped++;
    const prober = new HealthProber({
      ...{ probe, schedule: time.schedule, clock: time.clock, random: () => random },
      ...{ spareFiles: 64, onSkipped: skip },
    });
    const stop = prober.watch(target, (health) => reports.push(`${time.now} ${health}`));
    return { time, probedAt, reports, stop, skipped: () => skipped };
  }

  it('probes at once and then every five seconds', async () => {
    const { time, probedAt, reports } = setUp('++');
    await time.pass(15_000);
    expect(probedAt).to.deep.equal([0, 5_000, 10_000, 15_000]);
    expect(reports).to.deep.equal(['5000 healthy']);
    // The time-outs of probes that ended are cancelled.
    expect(time.pending).to.deep.equal([20_000]);
  });

  it('probes up to a tenth of the interval early or late, so that instances are not probed at once', async () => {
    for (const [random, first] of [
      [0, 4_500],
      [0.999999, 5_500],
    ] as const) {
      const { time, probedAt } = setUp('', random);
      await time.pass(6_000);
      expect(probedAt[1]).to.be.closeTo(first, 1);
    }
  });

  it('reports only changes of health', async () => {
    const { time, reports } = setUp('++-+--+++');
    await time.pass(45_000);
    expect(reports).to.deep.equal(['5000 healthy', '25000 unhealthy', '35000 healthy']);
  });

  it('counts a probe that could not be made, which is neither a success nor a failure', async () => {
    const { time, probedAt, reports, skipped } = setUp('++00-00-');
    await time.pass(35_000);
    expect(probedAt).to.have.length(8);
    expect(skipped()).to.equal(4);
    expect(reports).to.deep.equal(['5000 healthy', '35000 unhealthy']);
  });

  it('treats the lack of a response within two seconds as a failure', async () => {
    const { time, probedAt, reports } = setUp('~~');
    await time.pass(9_000);
    expect(probedAt).to.deep.equal([0, 7_000]);
    expect(reports).to.deep.equal(['9000 unhealthy']);
  });

  it('stops on request, even during a probe', async () => {
    const { time, probedAt, reports, stop } = setUp('-~');
    await time.pass(5_500);
    stop();
    await time.pass(60_000);
    expect(probedAt).to.deep.equal([0, 5_000]);
    expect(reports).to.deep.equal([]);
    expect(time.pending).to.deep.equal([]);
  });
});

describe('the HTTP probe', () => {
  it('succeeds for 2xx only, follows no redirect, and sends the registered host', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.headers.host} ${request.url}`);
      const status = Number(request.url!.slice(1));
      if (status === 0) request.socket.destroy();
      else response.writeHead(status, { location: '/200' }).end('x'.repeat(200_000));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const probe = httpProbe();
    const signal = new AbortController().signal;
    const wellAt = (path: string) =>
      probe({ address: '127.0.0.1', port, path, host: 'orders', metadata: {} }, signal);
    const well = [];
    for (const path of ['/200', '/204', '/302', '/404', '/500', '/0']) well.push(await wellAt(path));
    expect(well).to.deep.equal([true, true, false, false, false, false]);
    expect(asked[0]).to.equal(`orders:${port} /200`);
    expect(asked).to.have.length(6);
    server.close();
    await once(server, 'close');
    expect(await wellAt('/200')).to.equal(false);
  });

  it('has no result when the process has no file descriptor left', async function () {
    if (!canLimitFiles()) this.skip();
    const probe = httpProbe();
    const { signal } = new AbortController();
    expect(await withoutFiles(() => probe(target, signal))).to.equal(undefined);
  });
});
