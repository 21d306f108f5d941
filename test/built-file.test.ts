import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { defineService } from 'multilane';
import { builtFile } from '#src/built-file.js';
import { fileOf } from '#src/testing/file-of.js';

describe('the file that a URL of a project means', () => {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-test-'));
  const url = (name: string): URL => pathToFileURL(join(folder, name));
  for (const name of ['built.js', 'built.mjs', 'both.ts', 'both.js', 'source.ts'])
    writeFileSync(join(folder, name), '');
  after(() => rmSync(folder, { recursive: true }));

  for (const [named, meant] of [
    ['built.ts', 'built.js'],
    ['built.mts', 'built.mjs'],
    ['both.ts', 'both.ts'],
    ['source.ts', 'source.ts'],
    ['missing.ts', 'missing.ts'],
    ['missing.js', 'missing.js'],
  ] as const) {
    it(`is ${meant} for ${named}`, () => {
      expect(builtFile(url(named)).href).to.equal(url(meant).href);
    });
  }

  it('is used for the tasks of a service, and for the configuration that a test names', () => {
    const { tasks } = defineService({ name: 'one', routes() {}, tasks: url('built.ts') });
    expect(tasks?.href).to.equal(url('built.js').href);
    expect(fileOf(url('built.ts'))).to.equal(join(folder, 'built.js'));
    expect(fileOf(join(folder, 'built.ts'))).to.equal(join(folder, 'built.js'));
    expect(fileOf(join(folder, 'both.ts'))).to.equal(join(folder, 'both.ts'));
  });
});
