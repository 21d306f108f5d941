// Runs the projects of the guides as their pages show them: requests of the page get the responses of the
// page. An application of another framework, whose files are in the folder `before`, gets the same requests.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { type AddressInfo, Server } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { nodeTest } from '#test/support/node-test.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { withApp } from '#test/testing/with-app.js';
import type { Turn } from './examples.js';
import {
  type Captured,
  filled,
  GUIDES,
  type Guide,
  guideOf,
  isAsShown,
  runnable,
  withConfig,
} from './guide.js';

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Sends the requests of a scene in order. Each must get the response that the page shows. */
async function play(turns: readonly Turn[], ask: (turn: Turn) => Promise<Told>): Promise<void> {
  const captured: Captured = new Map();
  for (const { body, headers, ...turn } of turns) {
    const sent = Object.entries(headers).map(([name, value]) => [name, filled(value, captured)]);
    const {
      status,
      headers: fields,
      text,
    } = await ask({
      ...turn,
      url: filled(turn.url, captured),
      headers: Object.fromEntries(sent) as Record<string, string>,
      body: body && filled(body, captured),
    });
    const what = `${turn.method} ${turn.url}: ${status} ${text}`;
    expect(status, what).to.equal(turn.status);
    for (const [name, shown] of Object.entries(turn.fields)) {
      const value = [fields[name]].flat().join(', ');
      expect(isAsShown(shown, value, captured), `${what}\n${name}: ${value}`).to.equal(true);
    }
    if (turn.response !== undefined) expect(isAsShown(turn.response, text, captured), what).to.equal(true);
  }
}

function projectOf(files: Readonly<Record<string, string>>, packages: readonly string[]): Project {
  const project = new Project({ 'package.json': '{ "type": "module" }', ...files });
  project.install();
  for (const name of packages) {
    const link = join(project.folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link);
  }
  return project;
}

/** Compiles the application of another framework as its users do, with the metadata of decorators. */
function compileBefore(folder: string): void {
  const options = ['--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', '--strict', '--types', ''];
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      resolve('node_modules/typescript/bin/tsc'),
      ...options,
      '--experimentalDecorators',
      '--emitDecoratorMetadata',
      'before/server.ts',
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  expect(status, stdout).to.equal(0);
}

/** Loads a module that starts a server, at a free port of loopback instead of its own one. */
async function serverOf(path: string): Promise<Server> {
  const listen = Reflect.get(Server.prototype, 'listen') as (this: Server, ...given: unknown[]) => Server;
  const started = new Promise<Server>((found) => {
    Server.prototype.listen = function (this: Server, ...given: unknown[]): Server {
      const callback = given.findLast((one) => typeof one === 'function') as (() => void) | undefined;
      this.once('listening', () => found(this));
      return listen.call(this, { port: 0, host: '127.0.0.1' }, callback);
    };
  });
  try {
    await import(pathToFileURL(path).href);
    return await started;
  } finally {
    Server.prototype.listen = listen;
  }
}

async function askServer(server: Server, { method, url, headers, body }: Turn): Promise<Told> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${url}`, { method, headers, body: body ?? null });
  const fields = Object.fromEntries(response.headers);
  return { status: response.status, headers: fields, text: await response.text() };
}

function testsOf(guide: Guide, packages: readonly string[]): void {
  for (const [at, { title, files, turns }] of guide.scenes.entries()) {
    const after = Object.entries(files).filter(([name]) => !name.startsWith('before/'));

    it(`shows real responses: ${title} (${at + 1})`, async () => {
      expect(turns).to.not.have.length(0);
      const project = projectOf(withConfig(runnable(Object.fromEntries(after))), packages);
      try {
        const config = pathToFileURL(join(project.folder, 'multilane.config.js'));
        const { url: databaseUrl } = await startTestPostgres();
        await withApp({ config, databaseUrl }, (app) =>
          play(turns, async ({ method, url, headers, body }) => {
            const told = await app.inject({ method, path: url, headers, ...(body && { body }) });
            return { status: told.status, headers: { ...told.headers }, text: told.text() };
          }),
        );
      } finally {
        project.remove();
      }
    });

    if (after.length < Object.keys(files).length)
      it('shows an application of the other framework that gives the same responses', async () => {
        const project = projectOf(files, packages);
        try {
          if (files['before/server.ts'] !== undefined) compileBefore(project.folder);
          const server = await serverOf(join(project.folder, 'before/server.js'));
          await play(turns, (turn) => askServer(server, turn)).finally(() => server.close());
        } finally {
          project.remove();
        }
      });
  }
}

function projectTestsOf({ files }: Guide, packages: readonly string[]): void {
  const tests = Object.keys(files).filter((name) => /\.test\.[jt]s$/.test(name));
  if (tests.length === 0) return;
  it('shows a project whose tests pass', async () => {
    const project = projectOf(withConfig(runnable(files)), packages);
    try {
      const { code, output } = await nodeTest(
        project.folder,
        tests.map((name) => name.replace(/ts$/, 'js')),
      );
      expect(code, output).to.equal(0);
    } finally {
      project.remove();
    }
  });
}

for (const [page, packages] of Object.entries(GUIDES)) {
  describe(page, () => {
    const guide = guideOf(readFileSync(page, 'utf8'));
    testsOf(guide, packages);
    projectTestsOf(guide, packages);
  });
}
