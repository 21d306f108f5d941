// The bundle (scripts/bundle.mjs), as a project uses it: in a process without the condition under which these
// tests run.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import * as surface from '#src/index.js';
import * as kit from '#src/testing.js';
import { cleanEnvironment, ROOT } from './support/cluster.js';

/** Runs a module in the root of this repository. @returns what it prints, parsed */
function run(code: string): unknown {
  const text = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ROOT,
    env: cleanEnvironment(),
    encoding: 'utf8',
  });
  return JSON.parse(text);
}

const modulesOfFiles = (): Readonly<Record<string, readonly string[]>> =>
  JSON.parse(readFileSync(join(ROOT, 'dist/bundle/modules.json'), 'utf8')) as Record<string, string[]>;

describe('the bundle', () => {
  it('exports what the modules export, under the same names', () => {
    const exported = run(`
      const names = (module) => Object.entries(module).map(([name, { name: own }]) => [name, own]);
      console.log(JSON.stringify({
        surface: names(await import('multilane')),
        kit: names(await import('multilane/testing')),
      }));`);
    const names = (module: object) =>
      Object.entries(module).map(([name, { name: own }]: [string, { name?: string }]) => [
        name,
        ...(own === undefined ? [null] : [own]),
      ]);
    expect(exported).to.deep.equal({ surface: names(surface), kit: names(kit) });
  });

  it('is beside modules that load no package of their own', () => {
    const modules = ['worker/system-routes', 'cluster/file-operations', 'testing/tethered', 'cli', 'primary'];
    const imported = modules.flatMap((module) => {
      const code = readFileSync(join(ROOT, `dist/${module}.js`), 'utf8');
      return [...code.matchAll(/^(?:import|export) (?:.* from )?'([^']+)';$/gm)].map(([, name]) => name!);
    });
    expect(imported.filter((name) => !/^(?:node:|#)/.test(name))).to.deep.equal([]);
  });

  it('has one instance of each class for projects and the runtime', () => {
    const status = run(`
      import { defineService, HttpError, ValidationError } from 'multilane';
      import { createTestApp } from 'multilane/testing';
      const demo = defineService({ name: 'demo', routes(app) {
        app.get('/conflict', () => { throw new HttpError('STALE', 'Not now.', { status: 412 }); });
        app.get('/invalid', () => { throw new ValidationError([{ path: '/a', message: 'is wrong' }]); });
      } });
      const app = await createTestApp({ services: [demo] });
      const statusOf = async (path) => (await app.inject({ path })).status;
      console.log(JSON.stringify([await statusOf('/conflict'), await statusOf('/invalid')]));
      await app.close();`);
    expect(status).to.deep.equal([412, 422]);
  });

  it('gives projects classes of the fetch standard that have the names of those of Node.js', () => {
    const shape = `
      const shapeOf = (object) => Reflect.ownKeys(object).flatMap((key) => {
        // The runtime adds it, so that instances of both classes are instances of either.
        if (key === Symbol.hasInstance) return [];
        const { value, get } = Object.getOwnPropertyDescriptor(object, key);
        const made = value ?? get;
        return typeof made === 'function' ? [[String(key), made.name, made.length]] : [];
      }).sort();
      const shape = () => [[globalThis.fetch.name, globalThis.fetch.length]].concat(
        [Request, Response, Headers].map((made) => [made.name, made.length, shapeOf(made)]),
        [Response, Headers].map(({ prototype }) => shapeOf(prototype)));
      const kinds = (request) =>
        [request, new Request('http://a/'), new Response(), new Headers(), request.headers, Response.json(1).headers]
          .map((made) => [made.constructor.name, Object.prototype.toString.call(made)]);`;
    const served = run(`
      import { defineService } from 'multilane';
      import { createTestApp } from 'multilane/testing';
      ${shape}
      const demo = defineService({
        name: 'demo',
        fetch: (request) => Response.json([kinds(request), shape()]),
      });
      const app = await createTestApp({ services: [demo] });
      console.log((await app.inject({ path: '/' })).text());
      await app.close();`);
    const ofNode = run(`
      ${shape}
      console.log(JSON.stringify([kinds(new Request('http://a/')), shape()]));`);
    expect(served).to.deep.equal(ofNode);
  });

  it('contains no module twice', () => {
    const seen = new Map<string, string>();
    for (const [file, modules] of Object.entries(modulesOfFiles()))
      for (const module of modules) {
        expect(seen.get(module) ?? file, module).to.equal(file);
        seen.set(module, file);
      }
    expect(seen.size).to.be.greaterThan(400);
  });

  it('keeps packages out of the files of the runtime, by which stalled code is judged', () => {
    for (const [file, modules] of Object.entries(modulesOfFiles())) {
      const folder = file.startsWith('dist/packages/') ? 'node_modules/' : 'src/';
      // esbuild's own helpers, and what it writes in place of a module, have no path.
      const paths = modules.filter((module) => /^(?:src|node_modules)\//.test(module));
      expect(
        paths.filter((module) => !module.startsWith(folder)),
        file,
      ).to.deep.equal([]);
    }
  });

  it('checks requests with the formats, kinds and texts that a project has registered', () => {
    const statuses = run(`
      import { defineService, FormatRegistry, SetErrorFunction, Type, TypeRegistry, TypeSystemPolicy } from 'multilane';
      import { createTestApp } from 'multilane/testing';
      FormatRegistry.Set('even', (text) => text.length % 2 === 0);
      SetErrorFunction(() => 'own text');
      TypeSystemPolicy.AllowArrayObject = true;
      const demo = defineService({ name: 'demo', routes(app) {
        app.post('/even', { body: Type.Object({ text: Type.Optional(Type.String({ format: 'even' })) }) }, () => 'done');
      } });
      const app = await createTestApp({ services: [demo] });
      const send = (json) => app.inject({ method: 'POST', path: '/even', json });
      const odd = await send({ text: 'a' });
      console.log(JSON.stringify([
        (await send({ text: 'ab' })).status, odd.status, odd.json().errors[0].message, (await send([])).status,
      ]));
      await app.close();`);
    expect(statuses).to.deep.equal([200, 422, 'own text', 200]);
  });

  it('is whole at every moment while it is made anew', async () => {
    const build = `
      const { bundle } = await import('./scripts/bundle.mjs');
      for (let n = 0; n < 2; n++) if (!(await bundle())) throw new Error('esbuild has failed');`;
    const builder = spawn(process.execPath, ['--input-type=module', '-e', build], {
      cwd: ROOT,
      env: cleanEnvironment(),
      stdio: 'ignore',
    });
    const ended = once(builder, 'exit');
    let starts = 0;
    while (builder.exitCode === null) {
      expect(run("await import('multilane/testing'); console.log(1)")).to.equal(1);
      starts++;
      await setImmediate();
    }
    expect(await ended).to.deep.equal([0, null]);
    expect(starts).to.be.greaterThan(1);
  }).timeout(120_000);

  it('refuses to load entries of two builds into one thread', () => {
    const text = run(`
      await import('multilane');
      globalThis[Symbol.for('multilane.build')] = { build: 'another', by: 'file:///other/index.js' };
      console.log(JSON.stringify(await import('multilane/testing').then(() => 'loaded', String)));`);
    expect(text).to.match(
      /^Error: file:\/\/\/other\/index.js and file:\S+testing.js are of two builds of multilane: start/,
    );
  });

  it('comes with the licences of the packages in it', () => {
    const licences = readFileSync(join(ROOT, 'dist/bundle/LICENSES.txt'), 'utf8');
    for (const name of ['@sinclair/typebox', 'pino', 'cookie', 'forwarded-parse']) {
      expect(licences).to.match(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, 'm'));
    }
    expect(licences.split('Permission is hereby granted').length).to.be.greaterThan(4);
  });
});
