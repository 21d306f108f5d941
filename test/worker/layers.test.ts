// Services that call services that call services: a failed call is retried in one layer, not in each.
import { expect } from 'chai';
import { type Application, type Call, defineService, HttpError } from '#src/index.js';
import { createTestApp } from '#src/testing.js';

/** How the lowest service fails, and how the services above it pass that on. */
const bottoms: Readonly<Record<string, () => unknown>> = {
  'a 503 of its own': () => {
    throw new HttpError('DATABASE_BUSY', 'No.');
  },
  'a 504 of its own': () => {
    throw new HttpError('DEADLINE_EXCEEDED', 'No.');
  },
};
const passings: Readonly<Record<string, (call: Call, next: string) => Promise<unknown>>> = {
  'throws what it makes of the response': async (call, next) => {
    const response = await call(next).get(`/${next}`);
    if (response.status !== 200) throw new HttpError('BAD_UPSTREAM', `${next} failed.`);
    return response.json();
  },
  'throws a 503 of its own': async (call, next) => {
    const response = await call(next).get(`/${next}`);
    if (response.status !== 200) throw new HttpError('DATABASE_BUSY', `${next} failed.`);
    return response.json();
  },
};

describe('a failed call in the lowest of several layers of services', () => {
  const layer = (name: string, calls: Map<string, number>, fill: (call: Call) => unknown) =>
    defineService({
      name,
      routes(app: Application, { call }) {
        app.get(`/${name}`, () => {
          calls.set(name, (calls.get(name) ?? 0) + 1);
          return fill(call);
        });
      },
    });

  for (const [how, bottom] of Object.entries(bottoms)) {
    for (const [what, pass] of Object.entries(passings)) {
      it(`is retried by the caller of the lowest layer only, when it is ${how} and each layer above ${what}`, async () => {
        const calls = new Map<string, number>();
        const app = await createTestApp({
          services: [
            layer('top', calls, (call) => pass(call, 'middle')),
            layer('middle', calls, (call) => pass(call, 'low')),
            layer('low', calls, (call) => pass(call, 'bottom')),
            layer('bottom', calls, bottom),
          ],
        });
        try {
          const answer = await app.inject('/top');
          expect(answer.status).to.be.oneOf([502, 503]);
          expect(answer.headers).to.include({ 'x-multilane-final': '1' });
          expect(Object.fromEntries(calls)).to.deep.equal({ top: 1, middle: 1, low: 1, bottom: 3 });
        } finally {
          await app.close();
        }
      });
    }
  }

  it('is marked as retried when a handler responds with the same status itself', async () => {
    const calls = new Map<string, number>();
    const app = await createTestApp({
      services: [
        defineService({
          name: 'top',
          routes(routes: Application, { call }) {
            routes.get('/top', async (ctx) => {
              const response = await call('bottom').get('/bottom');
              return ctx.status(response.status).json(response.json());
            });
            routes.get('/degraded', async (ctx) => {
              await call('bottom').get('/bottom');
              return ctx.json({ degraded: true });
            });
          },
        }),
        layer('bottom', calls, bottoms['a 503 of its own']!),
      ],
    });
    try {
      const passed = await app.inject('/top');
      expect(passed.status).to.equal(503);
      expect(passed.headers).to.include({ 'x-multilane-final': '1' });
      expect(passed.headers).to.not.have.property('x-multilane-executed');
      const degraded = await app.inject('/degraded');
      expect(degraded.status).to.equal(200);
      expect(degraded.headers).to.not.have.property('x-multilane-final');
    } finally {
      await app.close();
    }
  });
});
