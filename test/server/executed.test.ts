// The member `executed` and the field of a 503 (docs/contract.md): they report whether the handler ran,
// whatever code has thrown the 503, and no service can set them itself.
import { expect } from 'chai';
import { BusinessError, HttpError, UnavailableError } from '#src/errors.js';
import type { Application, Context } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, settled } from './kit.js';

const CLAIMS = { 'x-multilane-executed': 'false', 'X-Multilane-Final': '1', 'X-MULTILANE-other': 'x' };

/** Everything that a service can throw and that becomes a 503. */
const throwers: Readonly<Record<string, () => never>> = {
  'a code of ours': () => {
    throw new HttpError('OVERLOADED', 'No.');
  },
  'an UnavailableError': () => {
    throw new UnavailableError('STARTING', 'Not yet.', 7);
  },
  'a code of its own': () => {
    throw new BusinessError('OUT_OF_PAPER', 'No.', { status: 503, details: { executed: false } });
  },
  'members and fields that claim the opposite': () => {
    throw new HttpError('DRAINING', 'No.', { members: { executed: false }, headers: CLAIMS });
  },
  'members that claim that it ran': () => {
    throw new HttpError('DRAINING', 'No.', { members: { executed: true } });
  },
};

/** Where a service can throw, and whether the handler has been called by then. */
const places: Readonly<
  Record<string, { executed: boolean; add: (app: Application, fail: () => never) => void }>
> = {
  'an onRequest hook': {
    executed: false,
    add: (app, fail) => app.get('/', { onRequest: () => fail() }, () => 'ran'),
  },
  'an onRequest hook that waited': {
    executed: false,
    add: (app, fail) => app.get('/', { onRequest: () => settled().then(fail) }, () => 'ran'),
  },
  'a preHandler hook': {
    executed: false,
    add: (app, fail) => app.get('/', { preHandler: () => fail() }, () => 'ran'),
  },
  'the handler': { executed: true, add: (app, fail) => app.get('/', () => fail()) },
  'the handler behind a hook that waited': {
    executed: true,
    add: (app, fail) => app.get('/', { onRequest: () => settled() }, () => fail()),
  },
  'the handler after it waited': {
    executed: true,
    add: (app, fail) => app.get('/', () => settled().then(fail)),
  },
};

async function* piece(): AsyncGenerator<string> {
  yield 'a';
}

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const problemOf = (told: Told): Record<string, unknown> =>
  JSON.parse(Buffer.from(told.body).toString()) as Record<string, unknown>;

onCores('a 503', (core) => {
  const servers: HttpServer[] = [];
  const listening = async ({ app }: Bench): Promise<string> => {
    const server = core.serverOf(app);
    servers.push(server);
    return `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  };
  const overSocket = async (url: string, path: string, fields: readonly string[] = []): Promise<Told> => {
    const wire = await Wire.open(url);
    const answer = await wire.request('GET', path, fields);
    wire.destroy();
    return answer!;
  };
  /** The same request in memory, in-process and over a socket. */
  const everyWay = async (world: Bench, path = '/'): Promise<Told[]> => [
    await world.inject({ url: path }),
    await world.inject({ url: path, inProcess: true }),
    await overSocket(await listening(world), path),
  ];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  for (const [where, { executed, add }] of Object.entries(places)) {
    for (const [what, fail] of Object.entries(throwers)) {
      const says = executed ? 'that the handler ran' : 'that nothing ran';
      it(`reports ${says} when ${where} throws ${what}`, async () => {
        for (const told of await everyWay(bench((app) => add(app, fail)))) {
          expect(told.status).to.equal(503);
          expect(problemOf(told).executed).to.equal(executed);
          expect(Number(told.headers['retry-after'])).to.be.at.least(1);
          expect(told.headers['x-multilane-executed']).to.equal(executed ? undefined : 'false');
          expect(told.headers).to.not.have.any.keys('x-multilane-final', 'x-multilane-other');
        }
      });
    }
  }

  it('reports that nothing ran when it is sent without a route', async () => {
    const world = bench((app) => app.hook('onRequest', () => {}));
    world.app.mount('late', (app) => app.get('/late', () => 'ran'), { isReady: () => false });
    for (const told of await everyWay(world, '/late')) {
      expect(problemOf(told)).to.include({ code: 'STARTING', executed: false });
      expect(told.headers['x-multilane-executed']).to.equal('false');
    }
  });

  it('of an onError hook has no field of the runtime', async () => {
    const world = bench((app) => {
      const onError = (ctx: Context): unknown => {
        for (const [name, value] of Object.entries(CLAIMS)) ctx.header(name, value, { always: true });
        return ctx.header('content-type', 'application/problem+json').json({ status: 503, executed: false });
      };
      app.get('/', { onError }, throwers['a code of ours']!);
    });
    for (const told of await everyWay(world)) {
      expect(told.headers).to.not.have.any.keys(Object.keys(CLAIMS).map((name) => name.toLowerCase()));
    }
  });

  describe('of a WebSocket route', () => {
    const world = bench((app) => {
      const draining = (): void => {
        world.world.draining = true;
      };
      app.ws('/plain', { upgrade: () => 'data' });
      app.ws('/throws', { upgrade: throwers['a code of ours']! });
      app.ws('/late', { upgrade: () => settled().then(draining) });
      app.group('/guarded', (group) => {
        group.hook('preHandler', throwers['a code of ours']!);
        group.ws('/', { upgrade: () => 'data' });
      });
    });
    beforeEach(() => {
      world.world.draining = false;
    });
    const ask = async (path: string): Promise<Told> => overSocket(await listening(world), path, HANDSHAKE);

    for (const [path, isDraining, code, executed] of [
      ['/plain', true, 'DRAINING', false],
      ['/guarded', false, 'OVERLOADED', false],
      ['/throws', false, 'OVERLOADED', true],
      ['/late', false, 'DRAINING', true],
    ] as const) {
      it(`reports ${executed ? 'that upgrade ran' : 'that nothing ran'} for ${code} at ${path}`, async () => {
        world.world.draining = isDraining;
        const told = await ask(path);
        expect([told.status, problemOf(told)]).to.containSubset([503, { code, executed }]);
        expect(told.headers['x-multilane-executed']).to.equal(executed ? undefined : 'false');
      });
    }
  });
});

describe('fields of the runtime', () => {
  it('are ignored when a handler sets them, in any case and on any response', async () => {
    const { inject } = bench((app) => {
      const claim = (ctx: Context, always: boolean): void => {
        for (const [name, value] of Object.entries(CLAIMS)) ctx.header(name, value, { always });
        ctx.header('x-multilan', 'kept', { always });
      };
      app.get('/own', (ctx) => {
        claim(ctx, false);
        const problem = { code: 'OVERLOADED', status: 503, executed: false };
        return ctx.status(503).header('content-type', 'application/problem+json').json(problem);
      });
      app.get('/always', (ctx) => {
        claim(ctx, true);
        throw new HttpError('NOT_FOUND', 'No.', { headers: CLAIMS, members: { executed: false } });
      });
      app.get('/stream', (ctx) => {
        claim(ctx, false);
        return ctx.stream(piece());
      });
    });
    for (const url of ['/own', '/always', '/stream']) {
      const { headers } = await inject({ url });
      expect(
        Object.keys(headers).filter((name) => name.startsWith('x-multilane-')),
        url,
      ).to.deep.equal([]);
      expect(headers['x-multilan']).to.equal('kept');
    }
  });

  it('and `executed` are on a 503 only', async () => {
    const { inject } = bench((app) =>
      app.get(
        '/',
        {
          onRequest: () =>
            Promise.reject(new HttpError('NOT_FOUND', 'No.', { members: { executed: false } })),
        },
        () => 'ran',
      ),
    );
    const answer = await inject({ url: '/' });
    expect(answer.json()).to.not.have.property('executed');
    expect(answer.headers).to.not.have.property('x-multilane-executed');
  });
});
