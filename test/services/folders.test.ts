// A service folder is made to be copied: it may know the public surface and itself, nothing else of src/.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import * as multilane from 'multilane';
import { referenceShop } from '#src/services/catalog.js';

const SERVICES = fileURLToPath(new URL('../../../src/services/', import.meta.url));

const importsOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*?from\s+'([^']+)'/gm)].map(
    ([, from]) => from!,
  );

describe('the service folders', () => {
  for (const { name, migrations, sagas = [] } of referenceShop) {
    const folder = join(SERVICES, name);
    const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));

    it(`${name} imports the public surface, packages and its own files only`, () => {
      for (const file of files) {
        for (const from of importsOf(join(folder, file))) {
          expect(from, `${name}/${file}`).to.not.match(/^#/);
          if (!from.startsWith('.')) continue;
          const target = relative(folder, resolve(dirname(join(folder, file)), from));
          expect(target.startsWith('..'), `${name}/${file} imports ${from}`).to.equal(false);
        }
      }
    });

    it(`${name} has the file names that every folder has`, () => {
      expect(files).to.include.members(['routes.ts', 'rules.ts', 'schema.ts', 'service.ts']);
      if (migrations) expect(files).to.include('store.ts');
      if (sagas.length > 0) expect(files).to.include('saga.ts');
    });

    it(`${name} has rules without I/O`, () => {
      for (const from of importsOf(join(folder, 'rules.ts')))
        expect(from).to.match(/^(multilane|\.\/schema\.js)$/);
    });
  }
});

describe('the public surface', () => {
  it('is made of names, and these are all', () => {
    expect(Object.keys(multilane).sort()).to.deep.equal([
      'BusinessError',
      'ConfigError',
      'DeadlineExceededError',
      'HttpError',
      'NotFoundError',
      'Type',
      'UnavailableError',
      'ValidationError',
      'defineConfig',
      'defineSaga',
      'defineService',
      'idempotencyKey',
      'idempotent',
    ]);
  });
});
