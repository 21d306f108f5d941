// Measures what an application of the fetch standard costs beside a native route that does the same work: CPU
// time per request with the header fields of a browser, without a socket, in turns. Hono comes last: its own
// router and its context are part of that figure.
// node build/bench/micro/mounted.js [PART OF A NAME]
import { setImmediate as turn } from 'node:timers/promises';
import { defineService } from '#src/index.js';
import { App } from '#src/server/app.js';
import { RequestHead } from '#src/server/request-head.js';
import { createTestApp } from '#src/testing.js';
import { USER_ID } from '../shapes/bodies.js';
import { fieldsOf } from '../shapes/fields.js';
import { spread } from '../statistics.js';
import { LightExchange } from './mounted/light-exchange.js';
import { WORKS, type Work } from './mounted/works.js';
import { cpuTime } from './time.js';

const ROUNDS = 31;
const WARM_UP = 5;
const REQUESTS = 5_000;
/** Requests in one turn of the event loop. */
const TOGETHER = 50;

const works = Object.entries(WORKS).filter(([name]) => name.includes(process.argv[2] ?? ''));
const services = works.map(([, { native, mounted, path = '', body }], at) =>
  defineService({
    name: `work-${at}`,
    routes(app) {
      const route = `/native/${at}${path.replace(USER_ID, ':id')}`;
      if (body === undefined) app.get(route, native as never);
      else app.post(route, native as never);
      app.mount(`/mounted/${at}`, mounted);
    },
  }),
);

/** What the kit serves with: it has all that a worker has, and hands out a slower entrance. */
async function appOf(): Promise<App> {
  const mount = Reflect.get(App.prototype, 'mount') as (this: App, ...args: unknown[]) => App;
  const apps = new Set<App>();
  Reflect.set(App.prototype, 'mount', function (this: App, ...args: unknown[]) {
    apps.add(this);
    return mount.apply(this, args);
  });
  await createTestApp({ services, settings: { adaptiveLimit: 'off' } });
  const [app] = apps;
  return app!;
}
const app = await appOf();

/** CPU time of a request in microseconds. */
async function costOf(path: string, { body }: Work): Promise<number> {
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const head = new RequestHead(bytes === undefined ? 'GET' : 'POST', path, '', false);
  head.add('host', 'localhost:8080');
  for (const [name, value] of Object.entries(fieldsOf('browser'))) head.add(name.toLowerCase(), value);
  if (bytes !== undefined) {
    head.add('content-type', 'application/json');
    head.contentLength = bytes.length;
  }
  const started = cpuTime();
  for (let n = 0; n < REQUESTS; n++) {
    if (n % TOGETHER === 0) await turn();
    let status: number | undefined;
    let arrived: ((status: number) => void) | undefined;
    const exchange = new LightExchange(head, bytes, (sent) => {
      status = sent;
      arrived?.(sent);
    });
    app.handle(exchange);
    status ??= await new Promise<number>((resolve) => {
      arrived = resolve;
    });
    if (status !== 200) throw new Error(`${path}: ${status}`);
  }
  return Number(cpuTime() - started) / REQUESTS / 1000;
}

for (const [at, [name, work]] of works.entries()) {
  const [native, mounted, more]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    const without = await costOf(`/native/${at}${work.path ?? ''}`, work);
    const within = await costOf(`/mounted/${at}${work.path ?? ''}`, work);
    if (round < WARM_UP) continue;
    native.push(without);
    mounted.push(within);
    more.push(within - without);
  }
  const sorted = more.toSorted((a, b) => a - b);
  const us = (value: number): string => value.toFixed(2).padStart(6);
  const quarters = [0.25, 0.75].map((part) => sorted[Math.round((ROUNDS - 1) * part)]!.toFixed(2)).join('..');
  process.stdout.write(
    `${name.padEnd(20)} native ${us(spread(native).median)} us   mounted ${us(spread(mounted).median)} us` +
      `   ${us(spread(more).median)} us more (${quarters})\n`,
  );
}
process.exit(0);
