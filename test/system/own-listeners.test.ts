// An application that was written for a process of its own, and listens when its database is connected: after
// its module was loaded. It ends a start. A process that serves closes the listener and says so.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';
import { launchCluster } from '#test/support/cluster.js';
import { accepts, freePort } from '#test/support/ports.js';
import { until } from '#test/support/until.js';

const CONFIG = `import { defineConfig, defineService } from 'multilane';
import './app.js';
const hello = defineService({ name: 'hello', routes: (app) => void app.get('/hello', () => 'hello') });
export default defineConfig({ services: [hello] });
`;
/** No worker is ever loaded, so the process does not become ready. */
const NEVER_READY = `import { isMainThread } from 'node:worker_threads';
setInterval(() => undefined, 60_000);
if (!isMainThread) await new Promise(() => undefined);
`;
/** Listens, and prints that in a later callback as Fastify does, once \`connected\` resolves. */
const listening = (connected: string, port: number): string =>
  `import { createServer } from 'node:http';
const own = createServer((request, response) => response.end('own'));
const connect = async () => { ${connected} };
connect().then(() => own.listen(${port}, () => setImmediate(() => console.log(own.address().port))));
`;

describe('an application that listens after its module was loaded', () => {
  let project: Project;
  beforeEach(() => {
    project = new Project({ 'package.json': '{ "type": "module" }', 'multilane.config.js': CONFIG });
    project.install();
  });
  afterEach(() => project.remove());

  const start = async (app: string, port: number) => {
    project.write('app.js', app);
    const env = { PORT: String(port), ADMIN_PORT: '0', WORKERS: '1' };
    return multilane(['start'], { cwd: project.folder, env });
  };

  for (const delayMs of [20, 300])
    for (const [where, differs] of [
      ['the port of the process', false],
      ['another port', true],
    ] as const)
      it(`ends a start with the line of its call: ${delayMs} ms later, on ${where}`, async () => {
        const port = await freePort();
        const own = differs ? await freePort() : port;
        const app = listening(`await new Promise((resolve) => setTimeout(resolve, ${delayMs}));`, own);
        const { code, stderr } = await start(app + NEVER_READY, port);
        expect(code, stderr).to.equal(78);
        const place = `multilane: app.js:4:26: it listens on port ${own} by itself, which the next thread`;
        expect(stderr).to.include(place);
        expect(stderr).to.include('after loading multilane.config.js. Remove the call of `listen`');
        expect(stderr.split('multilane: ')).to.have.length(2);
      });

  for (const where of ['the port of the process', 'another port'])
    it(`loses its listener where the process serves: on ${where}`, async () => {
      const port = await freePort();
      const own = where === 'another port' ? await freePort() : port;
      const go = join(project.folder, 'go');
      const poll = `import { existsSync } from 'node:fs';\n`;
      const connected = `await new Promise((resolve) => {
  const due = setInterval(() => existsSync(${JSON.stringify(go)}) && resolve(clearInterval(due)), 20);
});`;
      project.write('app.js', poll + listening(connected, own));
      const config = join(project.folder, 'multilane.config.js');
      const cluster = launchCluster({ config, env: { PORT: String(port) } });
      try {
        const { url } = await cluster.ready();
        const lines = () => cluster.logs().filter(({ msg }) => String(msg).includes('by itself'));
        expect(lines()).to.deep.equal([]);
        writeFileSync(go, '');
        const ready = await until(() => cluster.logs().find(({ msg }) => msg === 'ready'), Boolean);
        const workers = Number(ready?.workers);
        // One line of the primary, and one of each worker.
        const found = await until(lines, ({ length }) => length === 1 + workers);
        expect(new Set(found.map(({ worker }) => worker)).size).to.equal(1 + workers);
        for (const { level, msg } of found) {
          expect(level).to.equal(50);
          expect(msg).to.match(/app\.js:\d+:\d+: it listened on port \d+ by itself/);
          expect(msg).to.include('its listener was closed. Remove the call of `listen`');
        }
        expect(await (await fetch(`${url}/hello`)).text()).to.include('hello');
        if (own !== port) expect(await accepts(own)).to.equal(false);
        const failed = cluster
          .logs()
          .filter(({ level, msg }) => Number(level) >= 50 && !String(msg).includes('by itself'));
        expect(failed).to.deep.equal([]);
        expect((await cluster.stop()).code).to.equal(0);
      } finally {
        await cluster.dispose();
      }
    });

  it('is reported when it ends the process instead', async () => {
    const app = `new Promise((resolve) => setTimeout(resolve, 20)).then(() => process.exit(3));\n`;
    const { code, stderr } = await start(app + NEVER_READY, 0);
    expect(code, stderr).to.equal(3);
    expect(stderr).to.include('multilane: app.js:1:70: process.exit(3) has ended the whole process');
    expect(stderr.split('multilane: ')).to.have.length(2);
  });
});
