// Services that call themselves, or one another in a circle: each call runs on the stack of its caller.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';

const run = promisify(execFile);

/** A process with circles of services, which prints the status of a request to each. */
const SCRIPT = `
  import { createTestApp } from '#src/testing.js';
  import { defineService, Type } from '#src/index.js';
  const body = { body: Type.Object({}) };
  const statuses = [];
  let handlers = 0;
  for (const size of [1, 2, 3]) {
    const services = Array.from({ length: size }, (_, n) => defineService({
      name: 's' + n,
      routes(app, { call }) {
        const [own, next] = [n, (n + 1) % size].map((at) => 's' + at);
        app.get('/' + own + '/get', async () => { handlers++; const r = await call(next).get('/' + next + '/get'); if (r.status !== 200) throw new Error('no'); return {}; });
        app.post('/' + own + '/post', body, async () => { handlers++; const r = await call(next).post('/' + next + '/post', { json: {} }); if (r.status !== 200) throw new Error('no'); return {}; });
        app.get('/' + own + '/down/:n', async (ctx) => ctx.params.n === '0' ? { at: next } : (await call(next).get('/' + next + '/down/' + (ctx.params.n - 1))).json());
      },
    }));
    for (const circle of ['/s0/get', { method: 'POST', path: '/s0/post', json: {} }]) {
      const app = await createTestApp({ services });
      // A circle must not open the breakers of its services.
      for (let n = 0; n < 20; n++) statuses.push((await app.inject(circle)).status);
      statuses.push((await app.inject('/s0/down/60')).status, handlers / 20);
      handlers = 0;
      await app.close();
    }
  }
  process.stdout.write(JSON.stringify(statuses));
`;

/** The same with shared calls, which would wait for themselves. */
const SHARED_SCRIPT = `
  import { createTestApp } from '#src/testing.js';
  import { defineService } from '#src/index.js';
  const service = defineService({
    name: 's',
    routes(app, { call }) {
      const pass = async (path, options) => {
        const response = await call('s').get(path, options);
        if (response.status !== 200) throw new Error('no');
        return response.json();
      };
      app.get('/self', () => pass('/self', { singleFlight: true }));
      app.get('/a', () => pass('/b', { singleFlight: true }));
      app.get('/b', () => pass('/between'));
      app.get('/between', () => pass('/a', { singleFlight: true }));
      app.get('/well', () => pass('/end', { singleFlight: true }));
      app.get('/end', () => ({}));
    },
  });
  const app = await createTestApp({ services: [service], settings: { adaptiveLimit: false } });
  const statuses = [];
  for (let n = 0; n < 20; n++)
    for (const path of ['/self', '/a', '/b', '/well']) statuses.push((await app.inject(path)).status);
  await app.close();
  process.stdout.write(JSON.stringify(statuses));
`;

describe('services that call one another in a circle', () => {
  it('end with 500 also where their calls are shared, and harm no other call', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SHARED_SCRIPT], {
      cwd: ROOT,
      env: cleanEnvironment(),
    });
    const expected = Array.from({ length: 20 }, () => [500, 500, 500, 200]).flat();
    expect(JSON.parse(stdout.split('\n').at(-1)!)).to.deep.equal(expected);
  });

  it('end with 500 after 64 calls, and harm no other call; a chain of 60 calls works', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SCRIPT], {
      cwd: ROOT,
      env: cleanEnvironment(),
    });
    const statuses = JSON.parse(stdout.split('\n').at(-1)!) as number[];
    expect(statuses).to.deep.equal(
      Array.from({ length: 6 }, () => [...Array.from({ length: 20 }, () => 500), 200, 65]).flat(),
    );
  });
});
