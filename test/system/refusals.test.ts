import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { get } from '#test/support/client.js';
import { type Ended, runPrimary } from '#test/support/command.js';
import { useSharedShop } from './shop.js';

/** Asserts that the start fails with one line that names the cause and shows no stack. */
function expectRefusal(run: Ended, code: number, expected: RegExp): void {
  const shown = `${run.code ?? run.signal}\n${run.stderr}`;
  expect(run.code, shown).to.equal(code);
  const lines = run.stderr.trim().split('\n');
  expect(lines, shown).to.have.length(1);
  expect(lines[0]).to.match(expected);
  expect(run.stderr).to.not.match(/\bat .+:\d+:\d+/);
  expect(run.leftovers).to.deep.equal([]);
}

describe('a start that fails', () => {
  const settings: [string, Parameters<typeof runPrimary>[0], RegExp][] = [
    ['a port out of range', { env: { PORT: '70000' } }, /PORT.*70000|70000.*PORT/],
    ['a number that is none', { env: { WORKERS: 'many' } }, /WORKERS/],
    ['no worker at all', { env: { WORKERS: '0' } }, /WORKERS/],
    ['an unknown MULTILANE_ variable', { env: { MULTILANE_WORKRES: '2' } }, /MULTILANE_WORKRES.*WORKERS/],
    ['an unknown flag', { args: ['--wrokers', '2'] }, /--wrokers.*--workers/],
    ['a service that does not exist', { env: { SERVICES: 'users,ordres' } }, /ordres.*orders/],
    [
      'an open admin plane without a long token',
      { env: { ADMIN_HOST: '0.0.0.0', ADMIN_TOKEN: 'short' } },
      /ADMIN_TOKEN/,
    ],
    [
      'a mesh token that can be guessed',
      { env: { MESH_TOKEN: 'x'.repeat(31) } },
      /MESH_TOKEN.*at least 32.*openssl rand/,
    ],
    [
      'a configuration file that does not exist',
      { args: ['--config', 'absent.config.js'] },
      /absent\.config\.js/,
    ],
    ['fewer database connections than databases', { env: { DATABASE_POOL_MAX: '1' } }, /DATABASE_POOL_MAX/],
  ];
  for (const [what, run, expected] of settings) {
    it(`for ${what} exits 78 with one line that names the setting`, async () => {
      expectRefusal(await runPrimary(run), 78, expected);
    });
  }

  it('for a registry token that can be guessed exits 78 with one line that names the file and the line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-tokens-'));
    const file = join(folder, 'tokens');
    writeFileSync(file, `# who may register\n${'x'.repeat(32)} orders\n${'y'.repeat(31)} users\n`);
    try {
      const run = await runPrimary({ env: { REGISTRY_ACCEPT_TOKENS_FILE: file } });
      expectRefusal(run, 78, /REGISTRY_ACCEPT_TOKENS_FILE.*tokens line 3:.*at least 32.*openssl rand/);
      expect(run.stderr).to.not.contain('y'.repeat(31));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('in a folder without a project exits 78 with one line, whatever DATABASE_URL is', async () => {
    const env = { DATABASE_URL: 'postgres://shop:hunter2secret@127.0.0.1:1/postgres' };
    const run = await runPrimary({ bare: true, env });
    expectRefusal(run, 78, /no configuration file: looked for .*multilane\.config\.mjs.* in \/.*--demo/);
  });

  for (const name of ['DATABASE_URL', 'PAYMENTS_DATABASE_URL']) {
    it(`for a ${name} that cannot be reached exits 1 with one line that names it`, async function () {
      this.timeout(25_000);
      const run = await runPrimary({ env: { [name]: 'postgres://shop:hunter2secret@127.0.0.1:1/postgres' } });
      expectRefusal(run, 1, new RegExp(`${name}: .*127\\.0\\.0\\.1:1: .*ECONNREFUSED.*; `));
      expect(run.stderr).to.not.contain('hunter2secret');
    });
  }

  // The recursive mkdir of Node.js never returns below /proc.
  it('for a DATA_DIR that cannot be created exits 1 with one line that names it', async function () {
    if (process.platform !== 'linux') this.skip();
    expectRefusal(await runPrimary({ env: { DATA_DIR: '/proc/absent/data' } }), 1, /\/proc\/absent/);
  });

  for (const name of ['PORT', 'ADMIN_PORT'] as const) {
    it(`for a taken ${name} exits 1 with one line that names the port, and its PostgreSQL is gone`, async () => {
      const holder = createServer();
      holder.listen(0, '127.0.0.1');
      await once(holder, 'listening');
      const { port } = holder.address() as AddressInfo;
      try {
        expectRefusal(await runPrimary({ env: { [name]: `${port}` } }), 1, new RegExp(`\\b${port}\\b`));
      } finally {
        holder.close();
      }
    });
  }

  describe('because of an error in the code of a project', () => {
    const project = new Project({ 'package.json': '{ "type": "module" }' });
    before(() => project.install());
    after(() => project.remove());

    for (const [where, code, expected] of [
      [
        'in a promise that nothing handles',
        `void Promise.reject(new RangeError('no way'));`,
        /service\.js:3:21: RangeError: no way\n +at \S+service\.js:3:21\n +in a promise that nothing handles/,
      ],
      [
        'in workers only',
        `if (!isMainThread) throw new RangeError('no way');`,
        /service\.js:3:26: RangeError: no way\n +at \S+service\.js:3:26\n +while loading multilane\.config\.js\. /,
      ],
      [
        'while it declares its routes',
        `const routes = () => {\n  throw new RangeError('no way');\n};`,
        /service\.js:4:9: service one: no way\n +at \S*routes \(\S+service\.js:4:9\)\n +while routes are registered\. /,
      ],
    ] as const) {
      it(`thrown ${where} exits 78 with file and line, the frames of the project and what to do`, async () => {
        project.write(
          'service.js',
          `import { defineService } from 'multilane';
          import { isMainThread } from 'node:worker_threads';\n${code}
          export default defineService({ name: 'one', routes: ${code.includes('routes') ? 'routes' : '() => {}'} });`,
        );
        project.write(
          'multilane.config.js',
          `import one from './service.js'; export default { services: [one] };`,
        );
        const run = await runPrimary({ args: ['--config', join(project.folder, 'multilane.config.js')] });
        expect(run.code, run.stderr).to.equal(78);
        expect(run.stderr).to.match(expected).and.include('Correct it and start again.');
        expect(run.stderr).to.not.match(/node:internal|\/dist\//);
      });
    }
  });

  describe('because DATA_DIR is in use', () => {
    const shop = useSharedShop();

    it('exits 1 with one line, and the first process goes on', async () => {
      expectRefusal(await runPrimary({ dataDir: shop.dataDir }), 1, new RegExp(shop.dataDir));
      expect((await get(`${shop.url}/api/users/1/orders`)).status).to.equal(200);
    });
  });
});
