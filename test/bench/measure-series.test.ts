// A series is measured on servers that really grow: with the connections and the routes of each point.
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { checkRoutes } from '#bench/growth/check-routes.js';
import { measureSeries } from '#bench/growth/measure-series.js';
import type { PointSubjects, Series } from '#bench/growth/series.js';
import type { LoadRequest, LoadTool } from '#bench/load/load.js';
import type { Plan } from '#bench/measure.js';
import type { Subject } from '#bench/subjects/subject.js';

const PROGRAM = `const server = require('node:http').createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end('{"message":"Hello, World!"}');
});
server.listen(0, '127.0.0.1', () => console.error('ready http://127.0.0.1:' + server.address().port));
process.on('SIGTERM', () => process.exit(0));`;

/** @param urls gets the name of the server by its URL, because the load tool knows the URL alone */
const subject = (name: string, urls: Map<string, string>): Subject => ({
  name,
  why: 'a server of this test',
  versions: [],
  command: process.execPath,
  args: ['-e', PROGRAM],
  routes: ['json'],
  prepare: async ({ url }) => void urls.set(url, name),
});

describe('measuring a series', () => {
  it('loads every server of a point with the connections of that point', async function () {
    this.timeout(20_000);
    const urls = new Map<string, string>();
    const subjects: PointSubjects = {
      ours: subject('ours', urls),
      control: subject('control', urls),
      double: subject('double', urls),
    };
    const series: Series = {
      name: 'connections',
      title: 'JSON, by connections',
      shape: 'json',
      points: [
        { label: '5 connections', subjects, connections: 5 },
        { label: '70 connections', connections: 70 },
      ],
    };
    const loads: string[] = [];
    const tool: LoadTool = {
      name: 'recording',
      async run({ url, connections, window }: LoadRequest) {
        window.begin();
        loads.push(`${urls.get(url)} ${connections}`);
        window.end();
        return { completed: 1, failed: 0, perSecond: 1, p50Ms: 1, p99Ms: 1 };
      },
    };
    const excluded: string[] = [];
    const plan: Plan = {
      ...{ tool, rounds: 1, seconds: 1, connections: 64, progress: () => {} },
      signal: AbortSignal.timeout(20_000),
      exclude: (server, reason) => void excluded.push(`${server}: ${reason}`),
    };
    const { points } = await measureSeries(series, plan);
    expect(excluded).to.deep.equal([]);
    const each = ['ours 5', 'control 5', 'double 5', 'ours 70', 'control 70', 'double 70'];
    // Each is warmed up, and then loaded in the one round.
    expect(loads).to.deep.equal([...each, ...each]);
    expect(points.map(({ label, connections }) => [label, connections])).to.deep.equal([
      ['5 connections', 5],
      ['70 connections', 70],
    ]);
    for (const { figures } of points) expect(figures).not.to.equal(undefined);
  });
});

describe('the routes of a point', () => {
  let server: HttpServer;
  let url: string;
  /** The number of routes that the server has. */
  let count: number;
  before((done) => {
    server = createServer(({ url: path }, response) => {
      response.statusCode = Number(/^\/more\/(\d+)$/.exec(path!)?.[1]) < count ? 200 : 404;
      response.end();
    });
    server.listen(0, '127.0.0.1', () => {
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      done();
    });
  });
  after((done) => {
    server.close(done);
    server.closeAllConnections();
  });

  const problem = (): Promise<unknown> => checkRoutes(url, 100).catch((error: Error) => error.message);

  it('are all there, and no others', async () => {
    count = 100;
    expect(await problem()).to.equal(undefined);
  });

  it('are missed before anything is measured', async () => {
    count = 0;
    expect(await problem()).to.equal(
      'a server with BENCH_ROUTES=100 responded with 404 to /more/98, not with 200: it does not have 100 more routes',
    );
    count = 1000;
    expect(await problem()).to.match(/responded with 200 to \/more\/100, not with 404/);
  });
});
