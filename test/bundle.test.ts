// The bundle (scripts/bundle.mjs), as a project uses it: in a process without the condition under which these
// tests run.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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

  it('contains no module twice', () => {
    const seen = new Map<string, string>();
    for (const file of readdirSync(join(ROOT, 'dist/bundle'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js')) continue;
      const code = readFileSync(join(ROOT, 'dist/bundle', file), 'utf8');
      for (const [, module] of code.matchAll(/^\/\/ ((?:src|node_modules)\/\S+)$/gm)) {
        expect(seen.get(module!) ?? file, module).to.equal(file);
        seen.set(module!, file);
      }
    }
    expect(seen.size).to.be.greaterThan(400);
  });

  it('comes with the licences of the packages in it', () => {
    const licences = readFileSync(join(ROOT, 'dist/bundle/LICENSES.txt'), 'utf8');
    for (const name of ['@sinclair/typebox', 'pino', 'cookie', 'forwarded-parse']) {
      expect(licences).to.match(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, 'm'));
    }
    expect(licences.split('Permission is hereby granted').length).to.be.greaterThan(4);
  });
});
