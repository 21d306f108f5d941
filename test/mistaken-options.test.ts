// The options of all interfaces for services: unknown names are refused everywhere.
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { createDatabase } from '#src/db/create-database.js';
import { compensate, outcomeOf, runIdempotent } from '#src/db/idempotent-effect.js';
import { StatementCache } from '#src/db/statement.js';
import {
  cors,
  createBreaker,
  createBulkhead,
  createRateLimiter,
  csrfGuard,
  defineSaga,
  defineService,
  idempotent,
  securityHeaders,
} from '#src/index.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { WorkerSagas } from '#src/saga/worker-sagas.js';
import { checkLimits } from '#src/server/body/multipart.js';
import type { Application, RouteOptions } from '#src/server/handler.js';
import { setCookie } from '#src/server/response/cookies.js';
import { createCall } from '#src/upstream/client.js';
import { createSharedPrimitives } from '#src/worker/shared-primitives.js';
import { silentLog } from '#test/support/silent-log.js';
import { bench } from './server/kit.js';

/** Dependencies that no refused call may reach. */
const nothing = new Proxy({}, { get: (_, name) => expect.fail(`${String(name)} was read`) }) as never;
const block = Block.create({ workers: 1 });
const shared = createSharedPrimitives({
  block,
  slot: 1,
  clock: sharedClock(block),
  recorder: { counter: () => ({ add() {} }) } as never,
  log: silentLog as never,
  rateLimits: nothing,
  isReplacement: false,
})('shop') as unknown as Record<'breaker' | 'bulkhead' | 'rateLimiter', (...args: unknown[]) => unknown>;
const call = createCall(nothing) as (...args: unknown[]) => ReturnType<ReturnType<typeof createCall>>;
const sagas = new WorkerSagas(nothing) as unknown as Record<
  'start' | 'wait',
  (...args: unknown[]) => unknown
>;
const db = createDatabase({
  connection: 'postgres://nouser@127.0.0.1:1/none',
  service: 'shop',
  settings: { databaseStatementTimeoutMs: 1000, databasePrepare: true },
  budget: nothing,
  log: silentLog as never,
}) as unknown as Record<'transaction' | 'idempotent' | 'query', (...args: unknown[]) => unknown>;
const onRoute = (options: unknown) => () =>
  bench((app: Application) => app.get('/a', options as RouteOptions, () => 1));
const key = { route: 'POST /a', key: 'k' };
const effect = async () => ({ status: 200, body: 1 });
const step = { name: 'a', run: () => 1 };
const any = (value: unknown): never => value as never;

type Case = readonly [what: string, ask: () => unknown, message: string];

const misspelt: readonly Case[] = [
  [
    'shared.breaker',
    () => shared.breaker('m', { minimumCals: 3 }),
    'shared.breaker("m"): unknown option "minimumCals", did you mean "minimumCalls"?',
  ],
  [
    'shared.bulkhead',
    () => shared.bulkhead('r', { limit: 2, que: 3 }),
    'shared.bulkhead("r"): unknown option "que", did you mean "queue"?',
  ],
  [
    'shared.rateLimiter',
    () => shared.rateLimiter('c', { limit: '2/minute', points: 3 }),
    'unknown option "points"; known are limit',
  ],
  [
    'createBreaker',
    () => createBreaker(any({ minimumCals: 3 })),
    'createBreaker: unknown option "minimumCals"',
  ],
  ['createBulkhead', () => createBulkhead(any({ limit: 3, que: 3 })), 'createBulkhead: unknown option "que"'],
  ['createRateLimiter', () => createRateLimiter(any({ limit: '2/minute', kyes: 3 })), 'did you mean "keys"?'],
  [
    'run of a breaker',
    () => createBreaker().run(() => 1, any({ signl: 1 })),
    'run: unknown option "signl", did you mean "signal"?',
  ],
  [
    'run of a bulkhead',
    () => createBulkhead({ limit: 1 }).run(() => 1, any({ signl: 1 })),
    'did you mean "signal"?',
  ],
  ['a route', onRoute({ maxConcurent: 4 }), 'unknown option "maxConcurent", did you mean "maxConcurrent"?'],
  [
    'maxConcurrent of a route',
    onRoute({ maxConcurrent: { limit: 3, quee: 3 } }),
    'maxConcurrent: unknown option "quee", did you mean "queue"?',
  ],
  [
    'rateLimit of a route',
    onRoute({ rateLimit: { limit: '5/minute', keys: 'global' } }),
    'rateLimit: unknown option "keys", did you mean "key"?',
  ],
  [
    'the key of a rateLimit',
    onRoute({ rateLimit: { limit: '5/minute', key: { headers: 'x-api-key' } } }),
    'rateLimit: key must be "address", "global", { header }',
  ],
  ['a WebSocket route', () => bench((app) => app.ws('/w', any({ mesage() {} }))), 'did you mean "message"?'],
  [
    'a call',
    () => call('demo').get('/x', any({ timeout: 5 })),
    'call: unknown option "timeout", did you mean "timeoutMs"?',
  ],
  [
    'call of a service',
    () => call('demo', { prefr: 'network' }),
    'call: unknown option "prefr", did you mean "prefer"?',
  ],
  ['prefer', () => call('demo', { prefer: 'socket' }), 'call: prefer must be "network", not "socket"'],
  ['fallback', () => call('demo').get('/x', any({ fallback: {} })), 'call: fallback must be a function, not'],
  [
    'sagas.start',
    () => sagas.start('pay', {}, { idempotencykey: 'k' }),
    'sagas.start: unknown option "idempotencykey", did you mean "idempotencyKey"?',
  ],
  [
    'sagas.wait',
    () => sagas.wait('id', { timeout: 3 }),
    'sagas.wait: unknown option "timeout", did you mean "timeoutMs"?',
  ],
  [
    'db.idempotent',
    () => runIdempotent(nothing, any({ ...key, bdy: 1 }), effect),
    'db.idempotent: unknown option "bdy", did you mean "body"?',
  ],
  [
    'db.compensate',
    () => compensate(nothing, any({ ...key, scpe: 'a' }), async () => undefined),
    'db.compensate: unknown option "scpe", did you mean "scope"?',
  ],
  [
    'db.outcomeOf',
    () => outcomeOf(nothing, any({ ...key, scpe: 'a' })),
    'db.outcomeOf: unknown option "scpe"',
  ],
  [
    'idempotent',
    () => idempotent(nothing, nothing, effect, any({ scoppe: 'a' })),
    'idempotent: unknown option "scoppe", did you mean "scope"?',
  ],
  [
    'a cookie',
    () => setCookie('a', 'b', any({ httponly: true })),
    'cookie a: unknown option "httponly", did you mean "httpOnly"?',
  ],
  [
    'the limits of parts',
    () => checkLimits(any({ maxFilesBytes: 1 })),
    'readParts: unknown option "maxFilesBytes", did you mean "maxFileBytes"?',
  ],
  ['cors', () => cors(any({ origin: '*' })), 'cors: unknown option "origin", did you mean "origins"?'],
  ['csrfGuard', () => csrfGuard(any({ origin: [] })), 'csrfGuard: unknown option "origin"'],
  [
    'securityHeaders',
    () => securityHeaders(any({ csp: '' })),
    'securityHeaders: unknown option "csp"; known are',
  ],
  [
    'defineService',
    () => defineService(any({ name: 'a', routes() {}, migration: 1 })),
    'unknown member "migration", did you mean "migrations"?',
  ],
  [
    'defineSaga',
    () => defineSaga(any({ name: 'a', version: 1, steps: [{ ...step, compensat: 1 }] })),
    'unknown member "compensat", did you mean "compensate"?',
  ],
];

const mistaken: readonly Case[] = [
  [
    'a breaker with a number as options',
    () => shared.breaker('m', 20),
    'shared.breaker("m"): options must be an object such as { openMs: 30_000 }, not 20',
  ],
  ['a breaker with null as options', () => shared.breaker('m', null), 'not null'],
  [
    'a breaker without a name',
    () => shared.breaker({ minimumCalls: 3 }),
    'shared.breaker(an object): names are made of',
  ],
  [
    'a breaker with an openMs that is too short',
    () => shared.breaker('m', { openMs: 5 }),
    'openMs must be a whole number from 100 to 86400000, not 5',
  ],
  [
    'a breaker with an isFailure that is not a function',
    () => shared.breaker('m', { isFailure: /x/ }),
    'isFailure must be a function, not a RegExp',
  ],
  [
    'force with an unknown state',
    () => createBreaker().force(any('opn')),
    'force: it must be "open" or "closed" or "auto", not "opn"',
  ],
  [
    'a bulkhead without options',
    () => shared.bulkhead('r'),
    'must be an object such as { limit: 20, queue: 50 }, not undefined',
  ],
  [
    'a bulkhead without a limit',
    () => shared.bulkhead('r', {}),
    'limit must be a whole number >= 1, not undefined',
  ],
  [
    'a rate limiter without a limit',
    () => shared.rateLimiter('c'),
    "must be an object such as { limit: '100/minute' }, not undefined",
  ],
  ['a rate limiter with a string as options', () => shared.rateLimiter('c', '2/minute'), 'not "2/minute"'],
  [
    'a rate limiter with an invalid rate',
    () => shared.rateLimiter('c', { limit: 2 }),
    'limit must be "N/second" or "N/minute"',
  ],
  [
    'run with a promise instead of a function',
    () => createBreaker().run(any(Promise.resolve(1))),
    'run: work must be a function, such as () => fetch(url), not a Promise',
  ],
  [
    'run without a function',
    () => createBulkhead({ limit: 1 }).run(any(undefined)),
    'run: work must be a function',
  ],
  [
    'maxConcurrent as a string',
    onRoute({ maxConcurrent: '4' }),
    'maxConcurrent: it must be a number, or { limit, queue, queueMs }, not "4"',
  ],
  [
    'rateLimit as a number',
    onRoute({ rateLimit: 5 }),
    'rateLimit must be "off", a limit such as "100/minute", or { limit, key }, not 5',
  ],
  [
    'a class of statuses in response',
    onRoute({ response: { '2xx': Type.Object({}) } }),
    'response must be an object of schemas by status, such as { 200: Type.Object({ … }) }; "2xx" is not a status',
  ],
  [
    'a misspelt status in response',
    onRoute({ response: { '2OO': Type.Object({}) } }),
    '"2OO" is not a status',
  ],
  [
    'a response without its status',
    onRoute({ response: Type.Object({}) }),
    'response must be an object of schemas by status',
  ],
  ['a list as response', onRoute({ response: [Type.Object({})] }), 'not an array'],
  [
    'a status with a class instead of a schema',
    onRoute({ response: { 200: String } }),
    'response 200 must be a schema such as Type.Object({ … }), not a function',
  ],
  [
    'a query of classes',
    onRoute({ query: { name: String } }),
    'query must be a schema of TypeBox, such as Type.Object({ … }), not an object',
  ],
  [
    'params of JSON Schema',
    onRoute({ params: { type: 'object', properties: {} } }),
    'params must be a schema',
  ],
  ['headers as a list', onRoute({ headers: ['x-a'] }), 'headers must be a schema'],
  ['rateLimit as false', onRoute({ rateLimit: false }), '{ limit, key }, not false'],
  [
    'a call without a service name',
    () => call(),
    "call: undefined is not a service name; give one, as in call('orders')",
  ],
  [
    'sagas.start with an object that is no definition',
    () => sagas.start({ saga: 'pay' }, {}),
    'sagas.start: the name of the saga must be a non-empty string, not undefined',
  ],
  [
    'sagas.start with a number as key',
    () => sagas.start('pay', {}, { idempotencyKey: 7 }),
    'sagas.start: idempotencyKey must be a string, not 7',
  ],
  [
    'sagas.start with a key instead of options',
    () => sagas.start('pay', {}, 'k'),
    'options must be an object such as { idempotencyKey }, not "k"',
  ],
  [
    'sagas.wait with a number as options',
    () => sagas.wait('id'),
    'sagas.wait: options must be an object such as { timeoutMs: 5000 }',
  ],
  [
    'sagas.wait with a string as timeout',
    () => sagas.wait('id', { timeoutMs: '3s' }),
    'timeoutMs must be a number of milliseconds from 0 to 2147483647, not "3s"',
  ],
  [
    'db.idempotent without a key',
    () => db.idempotent({ route: 'POST /a' }, effect),
    'db.idempotent: key must be a string, not undefined',
  ],
  [
    'db.idempotent with an empty scope',
    () => runIdempotent(nothing, { ...key, scope: '' }, effect),
    'db.idempotent: scope must be a non-empty string, not ""',
  ],
  [
    'db.idempotent without an effect',
    () => db.idempotent(key),
    'db.idempotent: effect must be a function, such as async (tx) =>',
  ],
  [
    'db.compensate without an undo',
    () => compensate(nothing, key, any(undefined)),
    'db.compensate: undo must be a function',
  ],
  [
    'idempotent without an effect',
    () => idempotent(nothing, nothing, any(1)),
    'idempotent: effect must be a function',
  ],
  ['db.transaction without a function', () => db.transaction(), 'db.transaction: fn must be a function'],
  [
    'db.transaction with unknown options',
    () => db.transaction(effect, { isolation: 'serializable' }),
    'db.transaction: it has no options',
  ],
  [
    'a statement as an object of pg',
    () => db.query({ text: 'select 1' }),
    'db: the statement must be a string, its values an array behind it',
  ],
  [
    'a statement in a transaction',
    () => new StatementCache(true).of(any({ text: 'select 1' })),
    'not an object',
  ],
];

describe('options', () => {
  for (const [what, ask, message] of misspelt) {
    it(`of ${what} are refused when misspelt`, () => refused(ask, message));
  }
  for (const [what, ask, message] of mistaken) {
    it(`are refused when they are ${what}`, () => refused(ask, message));
  }

  it('that are refused leave no unhandled rejection of work that has begun', async () => {
    const unhandled: unknown[] = [];
    const seen = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', seen);
    try {
      const begun = Promise.reject(new Error('down'));
      await refused(() => createBreaker().run(any(begun)), 'run: work must be a function');
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', seen);
    }
  });
});

async function refused(ask: () => unknown, message: string): Promise<void> {
  const error = await Promise.resolve()
    .then(ask)
    .catch((reason: unknown) => reason);
  expect(error).to.be.instanceOf(Error);
  expect((error as Error).name).to.be.oneOf(['TypeError', 'ConfigError']);
  expect((error as Error).message).to.include(message);
}
