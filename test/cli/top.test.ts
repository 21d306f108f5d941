import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { widthOf } from '#src/cli/terminal-text.js';
import { CLI, cleanEnvironment } from '#test/support/cluster.js';
import { runCommand } from '#test/support/in-process-command.js';
import { until } from '#test/support/until.js';

const TERMINAL = new URL('./terminal.js', import.meta.url);
const CLEAR = '\x1b[H\x1b[2J';
const TIMES = { p50: 1, p90: 2, p99: 3, max: 4 };

const workers = Array.from({ length: 20 }, (_, at) => ({
  ...{ id: at + 1, generation: 1, state: 'ready', startedAt: null, connections: 0, inFlight: 0, requests: 0 },
  ...{
    loopUtilization: 0,
    loopDelayP99Ms: 0,
    heapUsedMb: 0,
    current: { route: '/日本/注文/{id}', sinceMs: 12 },
  },
}));
const metrics = {
  request_count: 1,
  error_count: 0,
  active_requests: 0,
  uptime_seconds: 9,
  response_time_ms: TIMES,
};

const overview = {
  windowS: 10,
  requests: { perSecond: 123.44, errorsPerSecond: 2 },
  latencyMs: { p50: 1.5, p90: 2, p99: 30, max: 40 },
  saturation: [],
  problems: [{ id: 'a', severity: 'critical', title: 'No worker serves', detail: 'since \x1b[2J 12:00' }],
};
const route = (at: number) => ({
  ...{ method: 'GET', route: `/r${at}`, requests: 1, perSecond: at, errors: 0, errorsPerSecond: 0.25 },
  ...{ p50Ms: 1.25, p99Ms: null, maxMs: 9, cpuRatio: at === 300 ? 0.625 : null, stalls: 2, inFlight: 0 },
  off: at === 299,
});
const routes = { windowS: 10, items: Array.from({ length: 301 }, (_, at) => route(at)), nextCursor: null };
const breaker = (over: object) => ({
  ...{ service: 'orders', instance: 'a', state: 'closed', forced: false },
  ...{ window: null, probes: null, retryInMs: null, ...over },
});
const breakers = {
  items: [
    breaker({ window: { calls: 20, failures: 1 } }),
    breaker({ instance: 'b', state: 'open', window: { calls: 20, failures: 12 }, retryInMs: 2_400 }),
    breaker({ instance: 'c', state: 'half-open', probes: { permitted: 3, taken: 2, succeeded: 1 } }),
    breaker({ instance: 'd', forced: true }),
  ],
};

type Respond = (path: string) => object | undefined;
const OLDER: Respond = (path) =>
  path === '/workers' ? workers : path === '/metrics.json' ? metrics : undefined;
const CURRENT: Respond = (path) => {
  if (path === '/overview') return overview;
  if (path === '/breakers') return breakers;
  return path.startsWith('/routes?') ? routes : OLDER(path);
};

describe('multilane top', () => {
  let answer: (path: string, response: ServerResponse) => void;
  const plane = createServer((request, response) => answer(request.url!, response));
  let url: string;
  before(async () => {
    plane.listen(0, '127.0.0.1');
    await once(plane, 'listening');
    url = `http://127.0.0.1:${(plane.address() as AddressInfo).port}`;
  });
  after(() => {
    plane.closeAllConnections();
    plane.close();
  });
  const respondWith = (respond: Respond) => (path: string, response: ServerResponse) => {
    const body = respond(path);
    const problem = { code: 'ROUTE_NOT_FOUND', detail: 'There is nothing at this path.' };
    response.writeHead(body === undefined ? 404 : 200).end(JSON.stringify(body ?? problem));
  };
  const printed = async (...more: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(['top', '--admin', url, ...more]);
    expect(code, stderr).to.equal(0);
    return stdout;
  };

  it('fits its output to the terminal, and again when its size changes', async function () {
    this.timeout(10_000);
    let looks = 0;
    // Only the first sample gets responses, so the next screen is drawn because of the new size.
    answer = (path, response) => {
      if (looks++ < 5) respondWith(OLDER)(path, response);
    };
    const top = spawn(process.execPath, ['--import', fileURLToPath(TERMINAL), CLI, 'top', '--admin', url], {
      env: cleanEnvironment({}),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let text = '';
      top.stdout.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      const screens = (): readonly (readonly string[])[] =>
        text
          .split(CLEAR)
          .slice(1)
          .map((screen) => screen.split('\n'));
      const shown = async (number: number): Promise<readonly string[]> =>
        (await until(screens, (list) => (list[number - 1]?.at(-1) ?? '').includes('more')))[number - 1]!;

      const first = await shown(1);
      expect(first).to.have.length(8);
      expect(Math.max(...first.map(widthOf))).to.equal(60);
      expect(first[0]).to.match(/^http:\/\/127\.0\.0\.1:\d+ {2}up 9s$/);
      expect(first.at(-1)).to.equal('… 18 more lines');
      top.kill('SIGUSR2');
      const second = await shown(2);
      expect(second).to.have.length(6);
      expect(Math.max(...second.map(widthOf))).to.equal(25);
    } finally {
      top.kill('SIGKILL');
    }
  });

  it('shows what is wrong, the busiest routes with their CPU share, and breakers that are not closed', async () => {
    answer = respondWith(CURRENT);
    const lines = (await printed('--once')).split('\n');
    expect(lines[1]).to.equal('123.4 requests/s, 2 errors/s; 1 request, 0 errors, 0 active');
    expect(lines[2]).to.match(/^last 10 s: p50 1\.5 ms, p99 30 ms; since the start: p50 1 ms/);
    expect(lines[4]).to.equal('critical: No worker serves. since ?[2J 12:00');
    expect(lines.slice(6, 10)).to.deep.equal([
      'BREAKER    SERVICE  INSTANCE  WHY',
      'open       orders   b         12 of 20 calls failed; probes in 2s',
      'half-open  orders   c         1 of 3 probes succeeded',
      'closed     orders   d         forced by an operator',
    ]);
    expect(lines.slice(11, 14)).to.deep.equal([
      'REQ/S  ERR/S  P50 MS  P99 MS  CPU %  STALLS  ROUTE',
      '300    0.3    1.3     -       62.5        2  GET /r300',
      '299    0.3    1.3     -       -           2  GET /r299 (switched off)',
    ]);
    expect(lines).to.include('… 101 more routes');
    expect(lines.filter((line) => line.includes('/日本/注文/{id} 12 ms'))).to.have.length(20);
  });

  it('shows less of a process of an older version, and all of it as JSON', async () => {
    answer = respondWith(OLDER);
    const lines = (await printed()).split('\n');
    expect(lines[1]).to.equal('1 request, 0 errors, 0 active');
    expect(lines[2]).to.match(/^since the start/);
    expect(lines[4]).to.match(/^WORKER/);
    expect(JSON.parse(await printed('--json'))).to.deep.equal({ workers, metrics });
    answer = respondWith(CURRENT);
    const parts = { workers, metrics, overview, routes, breakers };
    expect(JSON.parse(await printed('--json'))).to.deep.equal(parts);
  });

  it('shows no duration where nothing was measured', async () => {
    const none = { p50: 0, p90: 0, p99: 0, max: 0 };
    const fresh = { ...metrics, request_count: 0, response_time_ms: none };
    const idle = { ...overview, latencyMs: { p50: null, p90: null, p99: null, max: null } };
    for (const respond of [OLDER, CURRENT]) {
      answer = respondWith((path) => {
        if (path === '/metrics.json') return fresh;
        return path === '/overview' && respond === CURRENT ? idle : respond(path);
      });
      const [, , line] = (await printed('--once')).split('\n');
      expect(line).to.equal('since the start: p50 -, p90 -, p99 -, max -');
    }
  });

  it('fails when a part is refused for another reason', async () => {
    answer = (path, response) => {
      if (path !== '/overview') respondWith(CURRENT)(path, response);
      else response.writeHead(503).end(JSON.stringify({ code: 'OVERLOADED', detail: 'Too much.' }));
    };
    const { code, stderr } = await runCommand(['top', '--admin', url]);
    expect({ code, stderr }).to.deep.equal({ code: 1, stderr: 'multilane: 503 OVERLOADED: Too much.\n' });
  });
});
