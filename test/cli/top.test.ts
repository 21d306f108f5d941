import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { widthOf } from '#src/cli/terminal-text.js';
import { CLI, cleanEnvironment } from '#test/support/cluster.js';
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

describe('multilane top', () => {
  it('fits its output to the terminal, and again when its size changes', async function () {
    this.timeout(10_000);
    let looks = 0;
    // Only the first request gets a response, so the next screen is drawn because of the new size.
    const plane = createServer((request, response) => {
      if (looks++ < 2) response.end(JSON.stringify(request.url === '/workers' ? workers : metrics));
    }).listen(0, '127.0.0.1');
    await once(plane, 'listening');
    const url = `http://127.0.0.1:${(plane.address() as AddressInfo).port}`;
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
      plane.closeAllConnections();
      plane.close();
    }
  });
});
