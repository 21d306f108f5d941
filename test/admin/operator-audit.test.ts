import { expect } from 'chai';
import type { AdminHandler, AdminRoute } from '#src/admin/admin-route.js';
import { sagaRoutes } from '#src/admin/saga-routes.js';
import { NotFoundError } from '#src/errors.js';
import type { SagaOperator } from '#src/saga/operator.js';
import { createLogger } from '#src/telemetry/log.js';
import { type LogLevel, levelNumber } from '#src/telemetry/log-level.js';
import { closePlanes, type Plane, plane } from './admin-fixture.js';

const DONE = (): { status: number } => ({ status: 204 });
const actionsIn = (lines: readonly { msg: string }[]) =>
  lines.filter(({ msg }) => msg === 'action of an operator') as unknown as Record<string, unknown>[];
const send = (one: Plane, method: string, path: string, body?: object): Promise<Response> =>
  fetch(one.url + path, {
    method,
    headers: { 'x-request-id': 'r-7', 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });

describe('the log of what operators do', () => {
  afterEach(closePlanes);

  for (const [title, handler, status, code] of [
    ['that succeeds', DONE, 204, undefined],
    ['that is refused', () => Promise.reject(new NotFoundError('no')), 404, 'NOT_FOUND'],
    ['that throws', () => void JSON.parse('{'), 500, 'INTERNAL'],
  ] as [string, AdminHandler, number, string | undefined][]) {
    for (const method of ['POST', 'PUT', 'DELETE'] as const) {
      it(`has one line for a ${method} ${title}: by which client, what, on what, and how it ended`, async () => {
        const one = await plane([{ method, path: '/things/:id/turn', handler }]);
        expect((await send(one, method, '/things/a%20b/turn')).status).to.equal(status);
        const lines = actionsIn(one.logged);
        expect(lines).to.have.length(1);
        expect(lines[0]).to.deep.include({
          logger: 'audit',
          ...{ level: 40, action: `${method} /things/:id/turn`, on: { id: 'a b' } },
          ...{ address: '127.0.0.1', status, request_id: 'r-7' },
        });
        expect(lines[0]!.code).to.equal(code);
      });
    }
  }

  it('has what a switch has changed, and why, in the same line', async () => {
    const change = { switch: 'log level', from: 'info', to: 'debug', reason: 'orders are late' };
    const handler = () => ({ status: 200, json: {}, change });
    const one = await plane([{ method: 'PUT', path: '/switches/log-level', handler }]);
    const response = await send(one, 'PUT', '/switches/log-level');
    expect(await response.json()).to.deep.equal({});
    expect(one.logged).to.have.length(1);
    expect(actionsIn(one.logged)[0]).to.deep.include({ logger: 'audit', ...change, status: 200 });
  });

  it('has every action on a saga', async () => {
    const done = async (): Promise<never> => ({}) as never;
    const one = await plane(
      sagaRoutes(() => ({ retry: done, compensate: done, skip: done }) as unknown as SagaOperator),
    );
    for (const action of ['retry', 'compensate', 'skip'])
      expect((await send(one, 'POST', `/sagas/s-1/${action}`, {})).status).to.equal(200);
    expect(actionsIn(one.logged).map(({ action, on, status }) => [action, on, status])).to.deep.equal(
      ['retry', 'compensate', 'skip'].map((action) => [`POST /sagas/:id/${action}`, { id: 's-1' }, 200]),
    );
  });

  it('has no line for what is read, and for what programs do all the time', async () => {
    const routes: readonly AdminRoute[] = [
      { method: 'GET', path: '/read', handler: DONE },
      { method: 'POST', path: '/query', isAction: false, handler: DONE },
      { method: 'PUT', path: '/renew', access: 'delegate', handler: DONE },
      { method: 'PUT', path: '/drain', access: 'delegate', isAction: true, handler: DONE },
    ];
    const one = await plane(routes);
    for (const { method, path } of routes) expect((await send(one, method, path)).status).to.equal(204);
    expect(actionsIn(one.logged).map(({ action }) => action)).to.deep.equal(['PUT /drain']);
  });

  it('follows the log level, and has the action that changes it at the more verbose of both', async () => {
    let level: LogLevel = 'error';
    const lines: { msg: string }[] = [];
    const sink = { write: (line: string) => void lines.push(JSON.parse(line)), flush: () => {} };
    const log = createLogger({ logLevel: 'info', logFormat: 'json' }, {}, sink, () => levelNumber(level));
    const handler: AdminHandler = ({ params }) => {
      level = params.level as LogLevel;
      return { status: 204 };
    };
    const one = await plane([{ method: 'PUT', path: '/level/:level', handler }], { log });
    for (const next of ['silent', 'info', 'silent', 'error'])
      expect((await send(one, 'PUT', `/level/${next}`)).status).to.equal(204);
    expect(actionsIn(lines).map(({ on }) => on)).to.deep.equal([{ level: 'info' }, { level: 'silent' }]);
  });
});
