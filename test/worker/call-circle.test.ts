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
    // A circle opens the breakers of its services, so each kind has an app of its own.
    for (const circle of ['/s0/get', { method: 'POST', path: '/s0/post', json: {} }]) {
      const app = await createTestApp({ services });
      statuses.push((await app.inject('/s0/down/500')).status, (await app.inject(circle)).status);
      statuses.push(handlers);
      handlers = 0;
      await app.close();
    }
  }
  process.stdout.write(JSON.stringify(statuses));
`;

describe('services that call one another in a circle', () => {
  it('end with 500 and leave the process alive; a chain of 500 calls works', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SCRIPT], {
      cwd: ROOT,
      env: cleanEnvironment(),
    });
    const statuses = JSON.parse(stdout.split('\n').at(-1)!) as number[];
    expect(statuses).to.deep.equal(Array.from({ length: 6 }, () => [200, 500, 1001]).flat());
  });
});
