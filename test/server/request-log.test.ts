import { expect } from 'chai';
import type { Logger } from 'pino';
import { RequestLog, type RequestLogOptions } from '#src/server/request-log.js';
import { RequestPhases } from '#src/server/request-phases.js';
import { bench, latch, settled } from './kit.js';

function logging(requestLog: Partial<RequestLogOptions>) {
  const gate = latch<unknown>();
  const world = bench(
    (app) => {
      app.get('/users/:id', (ctx) => ({ id: ctx.params.id }));
      app.get('/fail', () => {
        throw new Error('no');
      });
      app.get('/late', async () => gate.opened);
      app.mount('/app', () => new Response());
      app.post('/body', async (ctx) => ctx.readText());
    },
    { requestLog: { share: () => 0, slowMs: 0, ...requestLog } },
  );
  const requests = () => world.logs.filter(({ logger }) => logger === 'request' || logger === 'slow-request');
  return { ...world, gate, requests };
}

describe('the request log', () => {
  it('is off by default', async () => {
    const { inject, requests } = logging({});
    await inject({ url: '/users/1' });
    await inject({ url: '/fail' });
    expect(requests()).to.deep.equal([]);
  });

  it('has one line for each request, without its query, fields and body', async () => {
    const { inject, requests } = logging({ share: () => 1 });
    const headers = { 'x-request-id': 'r-7', cookie: 'sid=hush', authorization: 'Bearer hush' };
    await inject({ url: '/users/1?password=hush', headers });
    await inject({ method: 'POST', url: '/body', body: 'hush' });
    await inject({ url: '/nowhere/token=hush' });
    await inject({ url: '/fail' });
    const lines = requests();
    expect(JSON.stringify(lines)).to.not.include('hush');
    expect(
      lines.map(({ method, route, path, status, error }) => [method, route, path, status, error]),
    ).to.deep.equal([
      ['GET', '/users/{id}', '/users/1', 200, undefined],
      ['POST', '/body', '/body', 200, undefined],
      ['GET', undefined, '/nowhere/token=[redacted]', 404, 'ROUTE_NOT_FOUND'],
      ['GET', '/fail', '/fail', 500, 'INTERNAL'],
    ]);
    expect(lines[0]).to.include({ level: 30, service: 'demo', requestId: 'r-7', trace_id: 'f'.repeat(32) });
    expect(lines[0]?.durationMs).to.be.a('number').that.is.at.least(0);
    expect(lines[0]).to.not.have.property('phases');
  });

  it('masks what follows the name of a secret in paths of a mounted application', async () => {
    const { inject, requests } = logging({ share: () => 1 });
    for (const url of ['/app/reset/hush', '/app/token/hush/x', '/app/users/7']) await inject({ url });
    expect(requests().map(({ path }) => path)).to.deep.equal([
      '/app/reset/[redacted]',
      '/app/token/[redacted]/x',
      '/app/users/7',
    ]);
  });

  it('masks secrets in paths that are percent-encoded', async () => {
    const { inject, requests } = logging({ share: () => 1 });
    const url = 'https%3A%2F%2Fu%3Ahunter2xyz%40h';
    const paths = [
      url,
      encodeURIComponent(url),
      'h%74tps:%2f%2fu:hunter2xyz@h',
      `%ff${url}`,
      `a%20b/${url}/c`,
    ];
    for (const path of paths) await inject({ url: `/x/${path}` });
    const shown = requests().map(({ path }) => path);
    expect(JSON.stringify(shown)).to.not.include('hunter2');
    expect(shown.at(-1)).to.equal('/x/a%20b/[redacted]/c');
  });

  it('is bounded, and no request can forge a line', async () => {
    const { inject, requests } = logging({ share: () => 1 });
    await inject({ url: `/users/${'x'.repeat(5_000)}` });
    await inject({ url: '/users/a%0d%0a%7b%22level%22:60%7d' });
    await inject({ url: '/users/\u001b[31m\u0085\u2028' });
    const [long, forged] = requests();
    expect(String(long?.path).length).to.equal(257);
    expect(forged?.path).to.equal('/users/a%0d%0a%7b%22level%22:60%7d');
    expect(requests()).to.have.length(3);
  });

  it('has lines for a share of the requests, which is read for each request', async () => {
    let share = 0.25;
    const { inject, requests } = logging({ share: () => share });
    for (let n = 0; n < 400; n++) await inject({ url: '/users/1' });
    expect(requests().length).to.be.within(50, 160);
    share = 0;
    const before = requests().length;
    for (let n = 0; n < 20; n++) await inject({ url: '/users/1' });
    expect(requests().length).to.equal(before);
  });

  it('omits successful probes of the routes that are never refused, and has those that fail', async () => {
    const { app, inject, requests } = logging({ share: () => 1 });
    app.mount(
      'system',
      (routes) => {
        routes.get('/health', () => 'well');
        routes.get('/ready', (ctx) => ctx.status(503).json({ status: 'not-ready' }));
      },
      { unlimited: true },
    );
    await inject({ url: '/health' });
    await inject({ url: '/ready' });
    expect(requests().map(({ path, status }) => [path, status])).to.deep.equal([['/ready', 503]]);
  });

  it('omits calls within the process, which belong to another request', async () => {
    const { inject, requests } = logging({ share: () => 1 });
    await inject({ url: '/users/1', inProcess: true });
    expect(requests()).to.deep.equal([]);
  });
});

describe('the log of slow requests', () => {
  it('has the phases of a request whose response begins late, and only of such', async () => {
    const { inject, requests, gate } = logging({ slowMs: 30 });
    await inject({ url: '/users/1' });
    const response = inject({ url: '/late' });
    await new Promise((resolve) => setTimeout(resolve, 40));
    gate.open({ late: true });
    await response;
    await settled();
    const lines = requests();
    expect(lines.map(({ msg, level, path }) => [msg, level, path])).to.deep.equal([
      ['slow request', 40, '/late'],
    ]);
    const { handlerMs } = lines[0]!.phases as { handlerMs: number };
    expect(handlerMs).to.be.at.least(30);
  });

  it('has one line for a slow request that the request log would have too', async () => {
    const { inject, requests } = logging({ slowMs: 1e-9, share: () => 1 });
    await inject({ url: '/users/1' });
    expect(requests().map(({ msg }) => msg)).to.deep.equal(['slow request']);
  });
});

describe('what the log of slow requests costs', () => {
  /** Phases that count how often they are added up. */
  class CountedPhases extends RequestPhases {
    sums = 0;

    override end(now?: number) {
      this.sums++;
      return super.end(now);
    }
  }
  const logged = (startedAt: number) => {
    const phases = new CountedPhases(startedAt);
    const lines: unknown[] = [];
    const log = { warn: (fields: unknown) => void lines.push(fields) } as unknown as Logger;
    const request = {
      ...{
        method: 'GET',
        shownPath: '/a',
        template: '/a',
        service: undefined,
        requestId: 'r',
        startedAt,
        phases,
      },
      trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, tracestate: undefined },
      inProcess: false,
      plan: { gate: undefined, killSwitch: undefined, template: '/a' },
    };
    new RequestLog(log, { share: () => 0, slowMs: 1_000 }).ended(request, 200, undefined);
    return { sums: phases.sums, lines: lines.length };
  };

  it('is a reading of the clock for a request in time, whose phases are not added up', () => {
    expect(logged(performance.now())).to.deep.equal({ sums: 0, lines: 0 });
  });

  it('is the sum of its phases for a slow one', () => {
    expect(logged(performance.now() - 5_000)).to.deep.equal({ sums: 1, lines: 1 });
  });
});

describe('the phases of a request', () => {
  it('add up to its duration, and it is in one of them at each moment', () => {
    const phases = new RequestPhases(100);
    phases.began('body', 103);
    phases.ended('body', 110);
    phases.enter('handler', 111);
    phases.began('calls', 115);
    phases.began('db', 120);
    phases.began('db', 121);
    phases.ended('db', 125);
    phases.ended('calls', 130);
    phases.ended('db', 140);
    phases.began('cpu', 141);
    phases.ended('cpu', 143);
    phases.enter('response', 150);
    phases.began('db', 151);
    phases.enter('handler', 152);
    expect(phases.end(160)).to.deep.equal({
      phases: {
        queueMs: 4,
        bodyMs: 7,
        handlerMs: 4 + 1 + 7,
        dbMs: 20,
        callsMs: 5,
        cpuMs: 2,
        responseMs: 10,
      },
      untilResponseMs: 50,
    });
  });

  it('are those before the response, when there was none', () => {
    const phases = new RequestPhases(0);
    phases.enter('handler', 2);
    phases.began('db', 3);
    expect(phases.end(10)).to.deep.equal({
      phases: { queueMs: 2, handlerMs: 1, dbMs: 7 },
      untilResponseMs: 10,
    });
    phases.ended('cpu', 11);
    phases.ended('db', 11);
  });
});
