// The files that `multilane generate` writes. Every one runs as it is, and its test passes.
type Language = 'ts' | 'js';

/** An existing service in a test. */
export interface ImportedService {
  readonly name: string;
  /** Its variable in the test. */
  readonly identifier: string;
  /** Imports it. */
  readonly statement: string;
}

/** Text that only TypeScript has. */
const only = (language: Language, text: string): string => (language === 'ts' ? text : '');

/** The declaration of a variable that `before` sets. */
const variable = (language: Language, name: string, type: string): string =>
  `let ${name}${only(language, `: ${type}`)};`;

export const service = (
  name: string,
  identifier: string,
): string => `import { defineService, Type } from 'multilane';

const Status = Type.Object({ service: Type.String() });

export const ${identifier} = defineService({
  name: '${name}',
  routes(app) {
    app.get('/${name}', { response: { 200: Status }, summary: 'The service ${name}' }, () => ({
      service: '${name}',
    }));
  },
});
`;

/** The beginning of a test file of requests. */
const testHead = (
  language: Language,
  imports: readonly string[],
): string => `import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp${only(language, ', type TestApp')} } from 'multilane/testing';
${imports.join('\n')}
`;

const appOf = (language: Language, identifier: string): string => `
${variable(language, 'app', 'TestApp')}
before(async () => {
  app = await createTestApp({ services: [${identifier}] });
});
after(() => app?.close());
`;

export const serviceTest = (
  language: Language,
  name: string,
  identifier: string,
  module: string,
): string => `${testHead(language, [`import { ${identifier} } from '${module}';`])}${appOf(language, identifier)}
test('GET /${name} responds', async () => {
  const response = await app.inject('/${name}');
  assert.equal(response.status, 200);
  assert.deepEqual(response.json(), { service: '${name}' });
});
`;

export const route = (
  language: Language,
  path: string,
  identifier: string,
): string => `import { ${only(language, 'type Application, ')}Type } from 'multilane';

const Reply = Type.Object({ route: Type.String() });

/** Registers \`GET ${path}\`. */
export function ${identifier}(app${only(language, ': Application')})${only(language, ': void')} {
  app.get('${path}', { response: { 200: Reply }, summary: 'The route ${path}' }, () => ({
    route: '${path}',
  }));
}
`;

export const routeTest = (
  language: Language,
  path: string,
  { identifier, statement }: ImportedService,
): string => `${testHead(language, [statement])}${appOf(language, identifier)}
test('GET ${path} responds', async () => {
  const response = await app.inject('${path}');
  assert.equal(response.status, 200);
  assert.deepEqual(response.json(), { route: '${path}' });
});
`;

export const saga = (
  language: Language,
  name: string,
  identifier: string,
): string => `import { BusinessError, defineSaga } from 'multilane';

// A step may run again after a crash. Pass \`ctx.key\` to what it calls, as the idempotency key: it stays the
// same over retries and restarts.
export const ${identifier} = defineSaga${only(language, '<{ value: number }>')}({
  name: '${name}',
  version: 1, // increase it when the steps change
  steps: [
    {
      name: 'reserve',
      run: async ({ value }) => ({ reserved: value }),
      // It undoes \`run\`, also when the outcome of \`run\` is unknown.
      compensate: async () => {},
    },
    {
      name: 'confirm',
      run: async ({ value }) => {
        // A BusinessError is final, and the steps before are compensated. Any other error is tried again.
        if (value < 0) throw new BusinessError('BAD_VALUE', 'The value is negative.');
        return { confirmed: value };
      },
    },
  ],
});
`;

export const sagaTest = (
  language: Language,
  name: string,
  identifier: string,
  module: string,
): string => `// The saga runs on its real engine, with a journal in an embedded PostgreSQL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { defineService } from 'multilane';
import { createTestApp, startPostgres${only(language, ', type TestApp, type TestPostgres')} } from 'multilane/testing';
import { ${identifier} } from '${module}';

const starter = defineService({
  name: 'starter',
  sagas: [${identifier}],
  routes(app, { sagas }) {
    app.post('/run/:value', async (ctx) => {
      const value = Number(ctx.params.value);
      const { sagaId } = await sagas.start('${name}', { value }, { idempotencyKey: \`value \${value}\` });
      return sagas.wait(sagaId, { timeoutMs: 10_000 });
    });
  },
});

${variable(language, 'postgres', 'TestPostgres')}
${variable(language, 'app', 'TestApp')}
before(async () => {
  postgres = await startPostgres();
  app = await createTestApp({ services: [starter], databaseUrl: postgres.url });
});
after(async () => {
  await app?.close();
  await postgres?.stop();
});

const run = async (value${only(language, ': number')}) =>
  (await app.inject({ method: 'POST', path: \`/run/\${value}\` })).json()${only(language, ' as { status: string }')};

test('the saga ${name} completes', async () => {
  assert.equal((await run(1)).status, 'completed');
});

test('the saga ${name} is compensated when a step refuses', async () => {
  assert.equal((await run(-1)).status, 'compensated');
});
`;

export const migrationTest = (
  language: Language,
  { name, identifier, statement }: ImportedService,
): string => `// The migrations of ${name} on an embedded PostgreSQL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp, startPostgres${only(language, ', type TestApp, type TestPostgres')} } from 'multilane/testing';
${statement}

${variable(language, 'postgres', 'TestPostgres')}
${variable(language, 'app', 'TestApp')}
before(async () => {
  postgres = await startPostgres();
  app = await createTestApp({ services: [${identifier}], databaseUrl: postgres.url });
});
after(async () => {
  await app?.close();
  await postgres?.stop();
});

test('the migrations of ${name} are applied', async () => {
  const { rows } = await app.database('${name}').query("select to_regclass('multilane.migrations_service') as applied");
  assert.ok(rows[0]${only(language, '?')}.applied);
});
`;
