// An application that was written for a process of its own, and listens when its database is connected: after
// its module was loaded. It ends a start. A process that serves closes the listener and says so.
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';
import { type Launched, launchCluster } from '#test/support/cluster.js';
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
const listening = (connected: string, port: number | string): string =>
  `import { createServer } from 'node:http';
const own = createServer((request, response) => response.end('own'));
const connect = async () => { ${connected} };
connect().then(() => own.listen(${port}, () => setImmediate(() => console.log(JSON.stringify(own.address())))));
`;
/** As the examples of Fastify do. */
const OR_EXIT = "own.on('error', () => process.exit(1));\n";
/** The same application with a UDP socket. */
const overUdp = (app: string): string =>
  app
    .replace(/import.*'node:http';/, "import { createSocket } from 'node:dgram';")
    .replace(/createServer\(.*\);/, "createSocket('udp4');")
    .replaceAll('own.listen(', 'own.bind(');
/** An application of Node.js that keeps its server up. */
const LISTENS_AGAIN = `own.on('close', () => { console.log('"closed"'); own.listen(own.address()); });\n`;

describe('an application that listens after its module was loaded', () => {
  let project: Project;
  beforeEach(() => {
    project = new Project({ 'package.json': '{ "type": "module" }', 'multilane.config.js': CONFIG });
    project.install();
  });
  afterEach(() => project.remove());

  const run = async (app: string, port: number, ...flags: readonly string[]) => {
    project.write('app.js', app);
    const env = { PORT: String(port), ADMIN_PORT: '0', WORKERS: '1' };
    return multilane(['start', ...flags], { cwd: project.folder, env });
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
        const { code, stderr } = await run(app + NEVER_READY, port);
        expect(code, stderr).to.equal(78);
        // The process may listen on its own port by then.
        const what = differs ? 'listens' : '(listens|cannot listen)';
        expect(stderr).to.match(new RegExp(`multilane: app\\.js:4:26: it ${what} on port ${own} by itself`));
        expect(stderr).to.include('after loading multilane.config.js. Remove the call of `listen`');
        expect(stderr.split('multilane: ')).to.have.length(2);
      });

  for (const [when, connected] of [
    ['during the load', ''],
    ['afterwards', 'await new Promise((resolve) => setTimeout(resolve, 300));'],
  ] as const)
    it(`ends a start with the line of its call where it ends the process of a taken port: ${when}`, async () => {
      const other = createServer();
      await once(other.listen(0), 'listening');
      try {
        const { port } = other.address() as AddressInfo;
        const wait = 'await new Promise((resolve) => setTimeout(resolve, 5_000));\n';
        const app = listening(connected, port) + OR_EXIT + (connected === '' ? wait : NEVER_READY);
        const { code, stderr } = await run(app, 0);
        expect(code, stderr).to.equal(78);
        expect(stderr).to.match(
          /app\.js:4:26: it (cannot|could not) listen on port \d+ by itself: listen EADDRINUSE/,
        );
        expect(stderr).to.include('Remove the call of `listen`');
        expect(stderr.split('multilane: ')).to.have.length(2);
      } finally {
        other.close();
      }
    });

  for (const flags of [[], ['--check']] as const)
    it(`ends ${flags[0] ?? 'a start'} with the line of its call where routes make it`, async () => {
      const routes = `(app) => { app.get('/hello', () => 'hello'); createServer().listen(${await freePort()}); }`;
      const config = CONFIG.replace(/\(app\) => .*'hello'\)/, routes);
      project.write('multilane.config.js', `import { createServer } from 'node:net';\n${config}`);
      const { code, stderr } = await run('', 0, ...flags);
      expect(code, stderr).to.equal(78);
      expect(stderr).to.match(/multilane: multilane\.config\.js:4:\d+: it listens on port \d+ by itself/);
    });

  /** Starts the application, and connects its database when all threads serve. */
  const whileServing = async (
    app: (connected: string, port: number) => string,
    check: (cluster: Launched, url: string) => Promise<void>,
  ) => {
    const port = await freePort();
    const go = join(project.folder, 'go');
    const connected = `await new Promise((resolve) => {
  const due = setInterval(() => existsSync(${JSON.stringify(go)}) && resolve(clearInterval(due)), 20);
});`;
    project.write('app.js', `import { existsSync } from 'node:fs';\n${app(connected, port)}`);
    const config = join(project.folder, 'multilane.config.js');
    const cluster = launchCluster({ config, env: { PORT: String(port) } });
    try {
      const { url } = await cluster.ready();
      expect(found(cluster)).to.deep.equal([]);
      writeFileSync(go, '');
      await check(cluster, url);
    } finally {
      await cluster.dispose();
    }
  };
  const found = (cluster: Launched) => cluster.logs().filter(({ msg }) => String(msg).includes('by itself'));

  const CLOSED = 'it listened on .* by itself, .* its listener was closed';
  const HELD = 'it could not listen on port \\d+ by itself: this process listens there already';
  /** Another thread has it for a moment. */
  const MEANWHILE = 'it could not listen on .* by itself: .*EADDRINUSE';

  for (const [where, address, outcomes] of [
    ['the port of the process', undefined, [HELD]],
    ['another port', freePort, [CLOSED, HELD, MEANWHILE]],
    ['a socket of the file system', () => "'./own.sock'", [CLOSED, MEANWHILE]],
    ['a UDP port', freePort, [CLOSED, MEANWHILE]],
  ] as const)
    it(`loses its listener where the process serves: ${where}`, async () => {
      const given = await address?.();
      const app = (connected: string, port: number): string => {
        const text = listening(connected, given ?? port) + LISTENS_AGAIN;
        return where === 'a UDP port' ? overUdp(text) : text;
      };
      await whileServing(app, async (cluster, url) => {
        const ready = await until(() => cluster.logs().find(({ msg }) => msg === 'ready'), Boolean);
        const workers = Number(ready?.workers);
        // One line of the primary, and one of each worker.
        const lines = await until(
          () => found(cluster),
          ({ length }) => length === 1 + workers,
        );
        expect(new Set(lines.map(({ worker }) => worker)).size).to.equal(1 + workers);
        for (const { level, msg } of lines) {
          expect(level).to.equal(50);
          expect(msg).to.match(new RegExp(`app\\.js:\\d+:\\d+: (${outcomes.join('|')})`));
          expect(msg).to.include('Remove the call');
        }
        expect(await (await fetch(`${url}/hello`)).text()).to.include('hello');
        if (where === 'another port') expect(await accepts(Number(given))).to.equal(false);
        expect(existsSync(join(project.folder, 'own.sock'))).to.equal(false);
        const failed = cluster
          .logs()
          .filter(({ level, msg }) => Number(level) >= 50 && !String(msg).includes('by itself'));
        expect(failed).to.deep.equal([]);
        expect(cluster.stdout).not.to.include('"closed"');
        expect((await cluster.stop()).code).to.equal(0);
      });
    });

  it('is reported as the reason where it ends a process that serves, with its exit code', () =>
    whileServing(
      (connected, port) => listening(connected, port) + OR_EXIT,
      async (cluster) => {
        expect((await cluster.exited).code).to.equal(1);
        const stderr = cluster.stderr.join('\n');
        expect(stderr).to.match(/app\.js:\d+:\d+: process\.exit\(1\) has ended the whole process/);
        expect(stderr).to.match(new RegExp(`Before, .*app\\.js:\\d+:\\d+: ${HELD}`));
      },
    ));

  it('is reported when it ends the process instead', async () => {
    const app = `new Promise((resolve) => setTimeout(resolve, 20)).then(() => process.exit(3));\n`;
    const { code, stderr } = await run(app + NEVER_READY, 0);
    expect(code, stderr).to.equal(3);
    expect(stderr).to.include('multilane: app.js:1:70: process.exit(3) has ended the whole process');
    expect(stderr.split('multilane: ')).to.have.length(2);
  });
});
