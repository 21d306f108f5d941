import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ClusterError, startCluster } from '#src/testing.js';
import { cleanEnvironment } from '#test/support/cluster.js';
import { leftovers, remaining } from '#test/support/leftovers.js';

const CONFIG = new URL('../../../examples/hello/multilane.config.js', import.meta.url);

/** The DATA_DIR of a process, from its environment in /proc. */
const dataDirOf = (pid: number): string =>
  /(?:^|\0)DATA_DIR=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))![1]!;
/** Requests without keep-alive, since an open connection would delay the stop. */
const ask = (url: string, init: RequestInit = {}): Promise<Response> =>
  fetch(url, { ...init, headers: { connection: 'close' } });
const failure = async (attempt: Promise<unknown>): Promise<ClusterError> => {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(ClusterError);
  return error as ClusterError;
};

describe('startCluster', () => {
  it('starts the real process on free ports, and stops it with its data folder', async () => {
    const cluster = await startCluster({ config: CONFIG, settings: { workers: 1, maxBodyBytes: 40 } });
    const dataDir = dataDirOf(cluster.pid);
    expect(cluster.stderr).to.deep.equal([`multilane ready ${cluster.url} admin ${cluster.adminUrl}`]);
    expect(await (await ask(`${cluster.url}/hello/ada`)).json()).to.deep.equal({ hello: 'ada', q: null });
    const large = { method: 'POST', body: JSON.stringify({ name: 'x'.repeat(40), price: 1 }) };
    expect((await ask(`${cluster.url}/items`, large)).status).to.equal(413);
    expect(await (await ask(`${cluster.adminUrl}/workers`)).json()).to.have.length(1);
    expect(cluster.stdout.map((line) => (JSON.parse(line) as { msg: string }).msg)).to.include('ready');
    expect(existsSync(dataDir)).to.equal(true);
    await Promise.all([cluster.stop(), cluster[Symbol.asyncDispose]()]);
    expect(await cluster.exited).to.deep.equal({ code: 0, signal: null });
    expect(existsSync(dataDir)).to.equal(false);
    expect(leftovers(dataDir)).to.deep.equal([]);
  });

  it('starts a service that has fetch and no routes', async () => {
    const config = new URL('./fixtures/fetch-alone.js', import.meta.url);
    await using cluster = await startCluster({ config, settings: { workers: 1 } });
    expect(await (await ask(`${cluster.url}/posts/7?q`)).text()).to.equal('at /posts/7');
  });

  it('rejects stop when the process had ended with an error before', async () => {
    const cluster = await startCluster({ config: CONFIG, env: { WORKERS: '1' } });
    process.kill(cluster.pid, 'SIGKILL');
    await cluster.exited;
    const error = await failure(cluster.stop());
    expect(error.exit).to.deep.equal({ code: null, signal: 'SIGKILL' });
    expect(error.message).to.match(/^multilane ended with signal SIGKILL:\n {2}multilane ready http/);
  });

  it('fails with the exit code and output of a process that does not start, and inherits no settings of the shell', async () => {
    Object.assign(process.env, { MULTILANE_PORT: 'x', ADMIN_PORT: 'x' });
    try {
      const error = await failure(startCluster({ config: CONFIG, settings: { workers: 0 } }));
      expect(error.exit).to.deep.equal({ code: 78, signal: null });
      expect(error.message).to.equal(
        'multilane ended (exit code 78) before it was ready:\n' +
          '  multilane: --workers: "0" is not a whole number from 1 to 256',
      );
    } finally {
      delete process.env.MULTILANE_PORT;
      delete process.env.ADMIN_PORT;
    }
  });

  it('refuses a misspelt option', async () => {
    const failed = await startCluster({ confg: CONFIG } as never).catch((error: unknown) => String(error));
    expect(failed).to.include('TypeError: startCluster: unknown option "confg", did you mean "config"?');
  });

  it('kills a process that is not ready in time', async () => {
    const error = await failure(startCluster({ config: CONFIG, startTimeoutMs: 1 }));
    expect(error.message).to.match(/^multilane was not ready within 1 ms:/);
    expect(error.exit).to.equal(undefined);
  });

  it('ends when its parent process ends, even when that is killed', async () => {
    const orphaning = fileURLToPath(new URL('./fixtures/orphan.js', import.meta.url));
    const parent = spawn(process.execPath, [orphaning], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const dataDir = dataDirOf(Number(line));
    parent.kill('SIGKILL');
    expect(await remaining(dataDir, 10_000)).to.deep.equal([]);
    rmSync(dataDir, { recursive: true });
  });
});
