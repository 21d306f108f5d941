// Three primaries with a registry in PostgreSQL: behind a proxy, and with one service scaled alone.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { blockOf } from '#test/docs/blocks.js';
import { asPattern, stepsOf } from '#test/docs/steps.js';
import { get, json, post, uniqueEmail } from '#test/support/client.js';
import { pace } from '#test/support/pace.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { until } from '#test/support/until.js';
import { EVERYTHING } from './fixtures/paths.js';
import { needs, needsHttp3, startThreePrimaries, type ThreePrimaries } from './three-primaries.js';

/** Instances of a process that was killed have left after one and a half times the time of a lease. */
const GONE_MS = 1.5 * 15_000;
/** How many requests are sent at least before a process is killed, and after. */
const BEFORE = 100;
const AFTER = 400;
/** How often the proxy has checked a process, so that it knows what is up, before the load ends. */
const CHECKS = 4;

for (const name of ['haproxy', 'caddy'] as const) {
  describe(`three primaries behind ${name}`, function () {
    this.timeout(90_000);
    let three: ThreePrimaries;
    before(async function () {
      needs(this, name);
      const { url } = await startTestPostgres();
      three = await startThreePrimaries(['--proxy', name, '--config', EVERYTHING], { DATABASE_URL: url });
    });
    after(() => three?.stop());

    const certificate = (): Buffer => readFileSync(three.proxy!.certificate);

    /** @returns the status of a response over HTTP/1.1 and its body, or the error of the connection */
    async function who(agent: Agent, headers: Record<string, string> = {}): Promise<string> {
      const sent = request(`${three.proxy!.url}/who`, { agent, headers });
      sent.end();
      try {
        const [response] = await once(sent, 'response');
        return `${response.statusCode} ${await text(response)}`;
      } catch (error) {
        return String(error);
      }
    }

    /** How often the proxy has found that the first process is ready. */
    const checks = async (): Promise<number> => {
      const page = await (await get(`${three.primaries[0]!.adminUrl}/metrics`)).text();
      const ready =
        /^http_server_request_duration_seconds_count\{.*http_route="\/ready",.*code="200".* (\d+)$/m;
      return Number(ready.exec(page)?.[1] ?? 0);
    };

    it('are reached over TLS and HTTP/2', async () => {
      const session = connect(three.proxy!.url, { ca: certificate() });
      const stream = session.request({ ':path': '/who' });
      const [headers] = await once(stream, 'response');
      expect([session.alpnProtocol, headers[':status']]).to.deep.equal(['h2', 200]);
      session.destroy();
    });

    if (name === 'caddy')
      it('are reached over HTTP/3', function () {
        needsHttp3(this);
        const shown = ['-s', '-o', '/dev/null', '-w', '%{http_version} %{http_code}'];
        const args = [
          '--http3-only',
          '--cacert',
          three.proxy!.certificate,
          ...shown,
          `${three.proxy!.url}/who`,
        ];
        expect(execFileSync('curl', args, { encoding: 'utf8' })).to.equal('3 200');
      });

    it('believe no address, host or deadline that a client writes', async () => {
      const agent = new Agent({ ca: certificate() });
      const honest = await who(agent);
      const forged = {
        'x-forwarded-for': '203.0.113.9',
        'x-forwarded-host': 'evil.example',
        forwarded: 'for=203.0.113.9',
        'x-request-deadline': '0',
      };
      expect(honest).to.match(/^200 /).and.to.include('127.0.0.1');
      expect(await who(agent, forged)).to.equal(honest);
      agent.destroy();
    });

    /** Sends requests all the time while a process gets a signal. @returns responses that differ */
    async function underLoad(pid: number, signal: NodeJS.Signals): Promise<readonly string[]> {
      const agent = new Agent({ ca: certificate(), keepAlive: true, maxSockets: 4 });
      const expected = await who(agent);
      expect(expected).to.match(/^200 /);
      const others = new Set<string>();
      let count = 0;
      let isChecked = false;
      const load = async (): Promise<void> => {
        for (; count < BEFORE + AFTER || !isChecked; count += 1) {
          if (count === BEFORE) process.kill(pid, signal);
          const response = await who(agent);
          if (response !== expected) others.add(response);
          await pace();
        }
      };
      const all = Promise.all([1, 2, 3, 4].map(load));
      const most = (await checks()) + CHECKS;
      const checked = await until(checks, (seen) => seen >= most);
      isChecked = true;
      await all;
      agent.destroy();
      expect(checked).to.be.at.least(most);
      return [...others];
    }

    it('fail no request that may be repeated when one of them is killed', async () => {
      expect(await underLoad(three.primaries[1]!.pid, 'SIGKILL')).to.deep.equal([]);
    });

    it('fail no request when one of them stops', async () => {
      expect(await underLoad(three.primaries[2]!.pid, 'SIGTERM')).to.deep.equal([]);
    });
  });
}

interface User {
  readonly id: number;
  readonly orders: readonly { readonly id: number }[] | null;
}

describe('the orders service, scaled alone', function () {
  this.timeout(90_000);
  let three: ThreePrimaries;
  let id: number;
  before(async () => {
    three = await startThreePrimaries(['users,payments,checkout', 'orders', 'orders'], {});
  });
  after(() => three?.stop());

  const ofUser = async (): Promise<User> =>
    json<User>(await get(`${three.primaries[0]!.url}/api/users/${id}`));
  const instances = async (): Promise<number> => {
    const url = `${three.primaries[0]!.adminUrl}/registry/v1/services/orders`;
    const { instances: all } = await json<{ instances: { protocol: string }[] }>(await get(url));
    return all.filter(({ protocol }) => protocol === 'http').length;
  };

  it('shows the responses that the README of the example shows', async () => {
    const block = blockOf('examples/three-primaries/README.md', 'curl -sk https://localhost:8443');
    for (const { command, prints } of stepsOf(block)) {
      const here = command.replace('https://localhost:8443', three.primaries[0]!.url);
      const pattern = asPattern(prints!);
      // The instances of the orders service may still be unknown to the first process.
      const printed = await until(
        () => execFileSync('/bin/sh', ['-c', here], { encoding: 'utf8' }),
        (shown) => pattern.test(shown),
      );
      expect(printed).to.match(pattern);
    }
  });

  it('is called over the network, and its data are the same in both processes', async () => {
    expect(await until(instances, (count) => count === 2)).to.equal(2);
    const [users, first, second] = three.primaries;
    ({ id } = await json<User>(
      await post(`${users!.url}/api/users`, { name: 'Ada', email: uniqueEmail() }),
      201,
    ));
    for (const { url } of [first!, second!])
      await json(await post(`${url}/api/orders`, { userId: id, productId: 1, quantity: 1 }), 201);
    expect((await ofUser()).orders).to.have.length(2);
  });

  it('fails no call when one of its processes is killed, and that is gone in time', async () => {
    process.kill(three.primaries[2]!.pid, 'SIGKILL');
    const since = performance.now();
    let degraded = 0;
    const left = await until(
      async () => {
        for (let n = 0; n < 10; n += 1) if ((await ofUser()).orders === null) degraded += 1;
        return instances();
      },
      (count) => count === 1,
      2 * GONE_MS,
    );
    expect([left, degraded]).to.deep.equal([1, 0]);
    expect(performance.now() - since).to.be.below(GONE_MS);
  });
});
