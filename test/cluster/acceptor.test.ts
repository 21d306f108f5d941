import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Acceptor } from '#src/cluster/acceptor.js';
import type { Descriptor } from '#src/cluster/sharding.js';
import { type CoreApp, loadCore } from '#src/server/uws/uws-core.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { expectProblem } from '#test/support/problem.js';
import { silentLog } from '#test/support/silent-log.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';

const plain = { tlsCertFile: undefined, tlsKeyFile: undefined };

describe('the acceptor', () => {
  const open: { close(): void }[] = [];
  const connections = new Map<number, number>();
  let opened = 0;
  /** How often the load of a worker was read. */
  let reads = 0;
  /** The app of a worker, on this thread. Its responses are its number. */
  const worker = (slot: number, app: CoreApp = loadCore().App()): Descriptor => {
    app.any('/*', (response) => void response.end(String(slot), true));
    open.push(app);
    return { slot, app: app.getDescriptor() };
  };
  const accept = (tls: Pick<ConstructorParameters<typeof Acceptor>[0], keyof typeof plain>): Acceptor => {
    const load = (slot: number) => {
      reads += 1;
      return { connections: connections.get(slot) ?? 0, inFlight: 0 };
    };
    const acceptor = new Acceptor(
      { host: '127.0.0.1', port: 0, sharing: 'alone', ...tls, load, opened: () => opened },
      silentLog,
    );
    open.unshift(acceptor);
    return acceptor;
  };
  const ask = async ({ port }: Acceptor, ca?: string): Promise<string> => {
    const wire = await Wire.open(`${ca === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, ca);
    const answer = await wire.request('GET', '/');
    await wire.closed();
    return answer?.status === 200 ? answer.body.toString() : `${answer?.status} ${answer?.body.toString()}`;
  };
  const askTwice = async (acceptor: Acceptor): Promise<string[]> =>
    [await ask(acceptor), await ask(acceptor)].sort();
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
    connections.clear();
    opened = 0;
  });

  it('hands connections to the workers in rotation in turn, and responds NO_WORKER itself when there are none', async () => {
    const acceptor = accept(plain);
    const [one, two] = [worker(1), worker(2)];
    expect(await ask(acceptor)).to.match(/^503 .*"NO_WORKER"/);
    acceptor.add(one);
    acceptor.add(two);
    expect(await askTwice(acceptor)).to.deep.equal(['1', '2']);
    acceptor.pause(one);
    expect(await askTwice(acceptor)).to.deep.equal(['2', '2']);
    acceptor.add(one);
    expect(await askTwice(acceptor)).to.deep.equal(['1', '2']);
    for (const gone of [one, two, two]) acceptor.remove(gone);
    expect(await ask(acceptor)).to.match(/^503 .*"NO_WORKER"/);
  });

  it('responds NO_WORKER with the request id and the trace that the client has sent, or with new ones', async () => {
    const { port } = accept(plain);
    const ask = async (fields: readonly string[]) => {
      const wire = await Wire.open(`http://127.0.0.1:${port}`);
      const refused = await wire.request('POST', '/', fields, 'body');
      await wire.closed();
      return { refused, problem: await expectProblem(refused, 503, 'NO_WORKER') };
    };
    const traceId = 'a'.repeat(32);
    const traced = await ask(['X-Request-Id: mine', `Traceparent: 00-${traceId}-${'b'.repeat(16)}-01`]);
    expect(traced.refused?.headers['x-request-id']).to.equal('mine');
    expect(traced.problem).to.include({ instance: 'urn:multilane:request:mine', traceId, executed: false });
    const bare = [await ask(['X-Request-Id: a b', 'Traceparent: 00-x']), await ask([])];
    const ids = bare.flatMap(({ problem }) => [problem.instance, problem.traceId]);
    expect(new Set([...ids, 'urn:multilane:request:a b'])).to.have.length(5);
  });

  it('excludes a worker with clearly more load, and includes it again when the others leave', async function () {
    this.timeout(15_000);
    const acceptor = accept(plain);
    const [one, two] = [worker(1), worker(2)];
    acceptor.add(one);
    acceptor.add(two);
    connections.set(1, 100);
    const isExcluded = (answers: string[]): boolean => answers.join() === '2,2';
    expect(await until(() => askTwice(acceptor), isExcluded)).to.deep.equal(['2', '2']);
    acceptor.pause(two);
    expect(await askTwice(acceptor)).to.deep.equal(['1', '1']);
    acceptor.add(two);
    expect(await until(() => askTwice(acceptor), isExcluded)).to.deep.equal(['2', '2']);
    connections.set(2, 95);
    const isBack = (answers: string[]): boolean => answers.join() === '1,2';
    expect(await until(() => askTwice(acceptor), isBack)).to.deep.equal(['1', '2']);
  });

  it('hands the expected number of connections to the workers with the fewest, and then takes turns again', async () => {
    const acceptor = accept(plain);
    for (const slot of [1, 2, 3]) acceptor.add(worker(slot));
    for (const [slot, count] of [8, 8, 0].entries()) connections.set(slot + 1, count);
    const ask3 = async (): Promise<string> =>
      [await ask(acceptor), await ask(acceptor), await ask(acceptor)].sort().join();
    expect(await ask3()).to.equal('1,2,3');
    // It expects them for one second, which may be over on a busy machine.
    const fill = (): Promise<string> => {
      acceptor.expect(3);
      return ask3();
    };
    expect(await until(fill, (answers) => answers === '3,3,3')).to.equal('3,3,3');
    opened += 3;
    expect(await until(ask3, (answers) => answers === '1,2,3')).to.equal('1,2,3');
  });

  it('prefers no worker where all have about the same number of connections', async () => {
    const acceptor = accept(plain);
    for (const slot of [1, 2]) acceptor.add(worker(slot));
    for (const [slot, count] of [8, 7].entries()) connections.set(slot + 1, count);
    acceptor.expect(100);
    expect(await askTwice(acceptor)).to.deep.equal(['1', '2']);
  });

  it('expects the long-lived connections of a worker when that worker leaves', async function () {
    this.timeout(15_000);
    const acceptor = accept(plain);
    const [old, other, next] = [worker(1), worker(2), worker(3)];
    for (const [slot, count] of [8, 8, 0].entries()) connections.set(slot + 1, count);
    for (const one of [old, other]) acceptor.add(one);
    const looks = 4;
    const leave = async (): Promise<string[]> => {
      reads = 0;
      await until(
        () => reads,
        (count) => count >= 2 * looks,
      );
      acceptor.add(next);
      acceptor.remove(old);
      const answers = await askTwice(acceptor);
      acceptor.remove(next);
      acceptor.add(old);
      return answers;
    };
    const isFilled = (answers: string[]): boolean => answers.join() === '3,3';
    expect(await until(leave, isFilled, 10_000)).to.deep.equal(['3', '3']);
  });

  it('removes an excluded worker from the rotation', async function () {
    this.timeout(15_000);
    const acceptor = accept(plain);
    const [one, two] = [worker(1), worker(2)];
    acceptor.add(one);
    acceptor.add(two);
    connections.set(1, 100);
    await until(
      () => askTwice(acceptor),
      (answers) => answers.join() === '2,2',
    );
    acceptor.remove(one);
    expect(await askTwice(acceptor)).to.deep.equal(['2', '2']);
    acceptor.remove(two);
    expect(await ask(acceptor)).to.match(/^503 /);
  });

  it('accepts connections over TLS', async function () {
    needsOpenssl(this);
    const folder = mkdtempSync(join(tmpdir(), 'multilane-acceptor-'));
    try {
      const { certFile, keyFile, ca } = makeCertificate(folder, 'acceptor');
      const acceptor = accept({ tlsCertFile: certFile, tlsKeyFile: keyFile });
      expect(await ask(acceptor, ca)).to.match(/^503 .*"NO_WORKER"/);
      const secure = loadCore().SSLApp({ cert_file_name: certFile, key_file_name: keyFile });
      acceptor.add(worker(1, secure));
      expect(await ask(acceptor, ca)).to.equal('1');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
