import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { ROOT } from '#test/support/cluster.js';
import { runPrimary } from '#test/support/command.js';
import { useSharedShop } from './shop.js';

const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { version: string };

describe('the start of the process', () => {
  const shop = useSharedShop();

  it('prints exactly one ready line, on stderr, with the real ports', () => {
    const lines = shop.stderr.filter((line) => line.includes('multilane ready'));
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^multilane ready http:\/\/127\.0\.0\.1:\d+ admin http:\/\/127\.0\.0\.1:\d+$/);
    expect(new URL(shop.url).port).to.not.equal('0');
  });

  it('is ready when the line is printed: /readyz, /ready, /health and a route with a database answer 200', async () => {
    expect((await get(`${shop.adminUrl}/readyz`)).status).to.equal(200);
    expect((await get(`${shop.adminUrl}/livez`)).status).to.equal(200);
    expect((await get(`${shop.url}/ready`)).status).to.equal(200);
    const health = await get(`${shop.url}/health`);
    expect(health.status).to.equal(200);
    const body = (await health.json()) as { status: string; timestamp: string };
    expect(body.status).to.equal('healthy');
    expect(new Date(body.timestamp).toISOString()).to.equal(body.timestamp);
    expect(Object.keys(body)).to.have.members(['status', 'timestamp']);
    expect((await get(`${shop.url}/api/users/1/orders`)).status).to.equal(200);
  });

  it('writes logs alone to stdout: every line is one JSON object', () => {
    expect(shop.stdout).to.have.length.greaterThan(0);
    for (const line of shop.logs()) expect(line).to.include.keys('level', 'time', 'msg');
  });

  it('runs the data plane, the workers and the admin plane in one process', () => {
    const children = execFileSync('ps', ['--ppid', `${shop.pid}`, '-o', 'comm='], { encoding: 'utf8' });
    expect(children).to.not.contain('node');
  });
});

describe('the command line', () => {
  it('--version prints the version of the package and exits 0', async () => {
    const run = await runPrimary({ args: ['--version'] });
    expect(run.code).to.equal(0);
    expect(run.stdout.trim()).to.equal(version);
  });

  it('--help lists every setting with its default and exits 0', async () => {
    const run = await runPrimary({ args: ['--help'] });
    expect(run.code).to.equal(0);
    for (const flag of [
      '--port',
      '--admin-port',
      '--workers',
      '--data-dir',
      '--database-url',
      '--drain-ms',
    ]) {
      expect(run.stdout).to.contain(flag);
    }
    expect(run.stdout).to.contain('8080').and.to.contain('9901');
  });

  it('--check prints the settings with secrets masked, starts nothing and exits 0', async () => {
    const run = await runPrimary({
      args: ['--check', '--workers', '3'],
      env: {
        ADMIN_TOKEN: 'a-very-secret-token-of-more-than-32-characters',
        DATABASE_URL: 'postgres://shop:hunter2secret@db.example/postgres',
      },
    });
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stdout).to.match(/\bworkers\b.*\b3\b/i);
    expect(run.stdout + run.stderr)
      .to.not.contain('a-very-secret-token')
      .and.not.contain('hunter2secret');
    expect(run.leftovers).to.deep.equal([]);
  });

  it('--check prints the folder of the database socket', async () => {
    const run = await runPrimary({ args: ['--check'] });
    expect(run.code, run.stderr).to.equal(0);
    expect(run.stdout).to.match(/\/pg\/socket\b/);
  });
});
