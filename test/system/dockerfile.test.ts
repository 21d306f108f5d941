// The Dockerfile of a new project: its steps are run in folders, and what they build is started by its CMD.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { StartedProcess } from '#src/testing/started-process.js';
import { multilane, Project } from '#test/support/cli.js';
import { get, json } from '#test/support/client.js';
import { cleanEnvironment, isolated } from '#test/support/cluster.js';
import { BuiltImage } from '#test/support/dockerfile.js';

for (const language of ['--ts', '--js'] as const) {
  describe(`the Dockerfile of multilane new ${language}`, () => {
    const project = new Project();
    let image: BuiltImage;
    before(async function () {
      this.timeout(60_000);
      await multilane(['new', 'web-shop', language], { cwd: project.folder });
      project.write('web-shop/package-lock.json', '{}');
      project.write('web-shop/.env', 'ADMIN_TOKEN=secret');
      image = new BuiltImage(join(project.folder, 'web-shop'));
    });
    after(() => {
      image?.remove();
      project.remove();
    });

    it('builds in stages, and the last one has no secrets, sources to compile and tools for that', () => {
      expect(image.instructions.filter(({ name }) => name === 'FROM')).to.have.length(2);
      for (const name of ['.env', 'tsconfig.json', 'multilane.config.ts', 'node_modules/typescript', 'test'])
        expect(existsSync(join(image.folder, name)), name).to.equal(false);
    });

    it('runs as another user than root, for production, with its data on a volume', () => {
      expect(image.last('USER')).to.equal('node');
      expect(image.last('ENV')).to.equal('NODE_ENV=production DATA_DIR=/data');
      expect(image.last('VOLUME')).to.equal('/data');
      expect(image.last('STOPSIGNAL')).to.equal('SIGTERM');
    });

    it('starts by its CMD, is healthy by its HEALTHCHECK, and drains at SIGTERM', async function () {
      this.timeout(90_000);
      const [program, ...args] = JSON.parse(image.last('CMD')!) as readonly string[];
      expect(program).to.equal('node');
      const env = cleanEnvironment({ ...isolated(join(project.folder, 'data')), NODE_ENV: 'production' });
      const child = spawn(process.execPath, args, {
        cwd: image.folder,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const started = new StartedProcess(child);
      const [, healthy] = /CMD (\[.*\])$/.exec(image.last('HEALTHCHECK')!)!;
      const [, ...check] = JSON.parse(healthy!) as readonly string[];
      try {
        const { url, adminUrl } = await started.ready(60_000);
        expect(await json(await get(`${url}/primes/100`)), 'the tasks module is found').to.deep.equal({
          count: 25,
        });
        const port = new URL(adminUrl).port;
        const health = (): number | null =>
          spawnSync(process.execPath, [...check], { env: cleanEnvironment({ ADMIN_PORT: port }) }).status;
        expect(health()).to.equal(0);
        expect(await started.stop('SIGTERM', 25_000)).to.deep.equal({ code: 0, signal: null });
        expect(health()).to.equal(1);
      } finally {
        child.kill('SIGKILL');
      }
    });
  });
}
