// A service folder is made to be copied: all have the same few file names, and rules without I/O. Allowed
// imports are tested in architecture.test.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  it('exports exactly these names', () => {
    expect(Object.keys(multilane).sort()).to.deep.equal([
      'BusinessError',
      'ConfigError',
      'DeadlineExceededError',
      'FormatRegistry',
      'HttpError',
      'Kind',
      'NotFoundError',
      'OutcomeUnknownError',
      'RequestBodyError',
      'RpcError',
      'SetErrorFunction',
      'Type',
      'TypeRegistry',
      'TypeSystemPolicy',
      'UnavailableError',
      'ValidationError',
      'cors',
      'createBreaker',
      'createBulkhead',
      'createRateLimiter',
      'csrfGuard',
      'defineConfig',
      'defineSaga',
      'defineService',
      'hostGuard',
      'idempotencyKey',
      'idempotent',
      'isUniqueViolation',
      'refererGuard',
      'securityHeaders',
    ]);
  });
});
