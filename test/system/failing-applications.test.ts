// A mounted application of Fastify whose plugins fail: the start and the check name the place in the
// application, and where it is mounted.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';
import { ROOT } from '#test/support/cluster.js';

const CONFIG = `import { defineConfig, defineService } from 'multilane';
import { app } from './app.js';

const notes = defineService({
  name: 'notes',
  routes(routes) {
    routes.mountNode('/api', app);
  },
});
export default defineConfig({ services: [notes], httpCore: 'node', workers: 1 });
`;
/** What is behind it begins in line 4. */
const HEAD =
  "import websocket from '@fastify/websocket';\nimport fastify from 'fastify';\nexport const app = fastify({ pluginTimeout: 500 });\n";
const MOUNTED =
  'while the application of service notes, mountNode /api at multilane.config.js:7:12, is prepared.';

interface Fault {
  readonly code: string;
  readonly says: string;
  /** @default that it is to be corrected */
  readonly next?: string;
  /** @default 78 */
  readonly exitCode?: number;
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'a plugin': {
    code: 'app.register(async function words() {\n  undefined.url;\n});',
    says: 'app.js:5:13: TypeError: Cannot read properties of undefined',
  },
  'a plugin of a plugin, with its cause': {
    code: `app.register(async (outer) => {
  outer.register(async () => {
    throw new Error('no words', { cause: new Error('no file') });
  });
});`,
    says: 'app.js:6:11: Error: no words\n    at app.js:6:11\n  caused by Error: no file\n',
  },
  'a hook onReady': {
    code: "app.addHook('onReady', async () => {\n  throw new Error('not ready');\n});",
    says: 'app.js:5:9: Error: not ready',
  },
  'a plugin that waits in vain': {
    code: 'app.register(() => new Promise(() => setInterval(() => {}, 1000)));',
    says: 'multilane.config.js:7:12: FastifyError: ',
    next: 'Let that plugin call done(), or resolve its promise. If it waits for a server, start again when that',
    exitCode: 1, // it may wait for a server
  },
  'WebSockets of its own': {
    code: 'app.register(websocket);',
    says: 'multilane.config.js:7:12: its WebSockets (@fastify/websocket) get no connection here',
  },
};

describe('the start and the check with a mounted application that cannot start', () => {
  let project: Project;
  before(() => {
    project = new Project({ 'package.json': '{ "type": "module" }', 'multilane.config.js': CONFIG });
    project.install();
    mkdirSync(join(project.folder, 'node_modules/@fastify'));
    for (const name of ['fastify', '@fastify/websocket'])
      symlinkSync(join(ROOT, 'node_modules', name), join(project.folder, 'node_modules', name));
  });
  after(() => project.remove());

  const run = (command: string, application: string) => {
    project.write('app.js', HEAD + application);
    return multilane([command], {
      cwd: project.folder,
      env: command === 'start' ? { PORT: '0', ADMIN_PORT: '0' } : {},
    });
  };

  for (const [what, { code: application, says, next = 'Correct it', exitCode = 78 }] of Object.entries(
    FAULTS,
  ))
    for (const command of ['start', 'check'])
      it(`is refused by ${command}: ${what}`, async () => {
        const { code, stderr } = await run(command, application);
        expect(code, stderr).to.equal(exitCode);
        expect(stderr).to.include(says).and.include(`${MOUNTED} ${next}`);
      });

  it('is refused for no other reason: another one passes the check, which ends though it holds a timer', async () => {
    const { code, stderr } = await run(
      'check',
      'app.register(async () => void setInterval(() => {}, 1000));',
    );
    expect(code, stderr).to.equal(0);
  });
});
