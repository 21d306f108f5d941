import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';

const service = (routes: string): string => `
  import { defineConfig, defineService, Type } from 'multilane';
  const Item = Type.Object({ name: Type.String() });
  const shelf = defineService({
    name: 'shelf',
    migrations: new URL('./migrations/', import.meta.url),
    routes(app, { db, call, metrics }) {
      ${routes}
    },
  });
  export default defineConfig({ services: [shelf] });`;

describe('multilane routes', () => {
  let project: Project;
  beforeEach(() => {
    project = new Project();
    project.install();
  });
  afterEach(() => project.remove());
  const routes = (body: string, ...args: readonly string[]) => {
    project.write('multilane.config.js', service(body));
    return multilane(['routes', ...args], { cwd: project.folder });
  };

  it('lists method, path, service and options without starting the project', async () => {
    const run = await routes(`
      const orders = call('orders');
      metrics.counter('shelf_looks_total', 'Looks.').add();
      setInterval(() => {}, 1000);
      app.get('/items/:id', { internal: true, timeoutMs: 2000, summary: 'One item' }, () => db.query('select 1'));
      app.group('/v1', (v1) => v1.post('/items', { body: Item, response: { 201: Item } }, () => orders.get('/')));
      app.ws('/chat/:room', { summary: 'Chat', open: (ws) => ws.subscribe('a') });
    `);
    expect(run).to.include({ code: 0, stderr: '' });
    expect(run.stdout.split('\n').map((line) => line.split(/ {2,}/))).to.include.deep.members([
      ['METHOD', 'PATH', 'SERVICE', 'OPTIONS'],
      ['GET', '/health', 'system', '# Is this worker alive?'],
      ['GET', '/items/:id', 'shelf', 'internal timeoutMs=2000 # One item'],
      ['POST', '/v1/items', 'shelf', '(body, response 201)'],
      ['GET', '/chat/:room', 'shelf', 'websocket # Chat'],
    ]);
  });

  it('prints the schemas too, as JSON', async () => {
    const run = await routes(`app.post('/items', { body: Item }, () => null);`, '--json');
    const listed = JSON.parse(run.stdout) as { service: string; options: unknown }[];
    expect(listed.find((route) => route.service === 'shelf')).to.deep.include({
      method: 'POST',
      path: '/items',
      template: '/items',
      options: { body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } },
    });
  });

  for (const [what, body, says] of [
    [
      'a route that is declared twice',
      `app.get('/a/:x', () => 1); app.get('/a/:y', () => 2);`,
      /^multilane: multilane\.config\.js:8:\d+: service shelf, route GET \/a\/:y: it has declared GET \/a\/:x already$[\s\S]*^ {2}while routes are registered\. The first one is at multilane\.config\.js:8:\d+: change or remove one of them\.$/m,
    ],
    [
      'a route of the runtime',
      `app.get('/health', () => 1);`,
      /^multilane: multilane\.config\.js:8:\d+: service shelf, route GET \/health: service system has declared GET \/health already$[\s\S]*^ {2}while routes are registered\. The runtime serves that path itself: choose another one, or change HEALTH_PATH, READY_PATH or `openapi`\.$/m,
    ],
    [
      'a bad pattern',
      `app.get('/a/:x(', () => 1);`,
      /multilane\.config\.js:8:\d+: service shelf, route GET \/a\/:x\(: /,
    ],
    [
      'a service that uses its deps while it registers routes',
      `db.query('select 1');`,
      /multilane\.config\.js:8:\d+: .*"shelf" uses db\.query/,
    ],
    [
      'a throw in a group',
      `const fail = () => undefined.nothing; app.group('/a', fail);`,
      /multilane\.config\.js:8:\d+: service shelf: Cannot read .*\n +at fail \(multi.*\n +at .*routes \(multilane.*\n {2}while/,
    ],
    [
      'a metric with an invalid name',
      `metrics.gauge('carts_count', 'Carts.');`,
      /multilane\.config\.js:8:\d+: service shelf: metric "carts_count": .*; write carts for this gauge$/m,
    ],
    [
      'routes that are async',
      'return Promise.resolve();',
      /^multilane: multilane\.config\.js: service shelf: .* is async/,
    ],
  ] as const) {
    it(`reports ${what} with its position, and exits with 78`, async () => {
      const run = await routes(body);
      expect(run).to.include({ code: 78, stdout: '' });
      expect(run.stderr).to.match(says);
      expect(run.stderr).to.not.include('dist/');
    });
  }
});
