// Makes the pictures of docs/dashboard.md: `node build/test/dashboard/images.js`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { ROOT } from '#test/support/cluster.js';
import { seeded } from '#test/support/random.js';
import { CHROMIUM, FLAGS } from './browser.js';
import { FakePlane } from './fake-plane.js';
import { before, breaker, problem, route, saga, step, worker } from './plane-data.js';

const FOLDER = join(ROOT, 'docs/images');
/** The time in which the charts fill. */
const HISTORY_MS = 14_000;
const REPORT = '/api/orders/report.csv';

/** A profile of a worker that renders a report: each stack with its share of the samples. */
function reportProfile(): unknown {
  const stacks: readonly (readonly [stack: string, samples: number])[] = [
    ['onRequest/handle/report/renderRows/formatRow/formatMoney/Intl.NumberFormat', 340],
    ['onRequest/handle/report/renderRows/formatRow/escapeField', 120],
    ['onRequest/handle/report/renderRows/join', 60],
    ['onRequest/handle/report/sumByProduct/reduce', 130],
    ['onRequest/handle/users/loadUser/query/parseRow', 70],
    ['onRequest/handle/users/serialize', 35],
    ['onMessage/decode', 20],
  ];
  const nodes: { id: number; name: string; children: number[] }[] = [{ id: 1, name: '(root)', children: [] }];
  const samples: number[] = [];
  for (const [stack, count] of stacks) {
    let at = nodes[0]!;
    for (const name of stack.split('/')) {
      const known = at.children.map((id) => nodes[id - 1]!).find((one) => one.name === name);
      const node = known ?? { id: nodes.length + 1, name, children: [] };
      if (known === undefined) {
        nodes.push(node);
        at.children.push(node.id);
      }
      at = node;
    }
    samples.push(...Array.from({ length: count }, () => at.id));
  }
  const url = (name: string): string => (/Intl|root/.test(name) ? '' : 'file:///srv/shop/orders/report.js');
  return {
    nodes: nodes.map(({ id, name, children }) => ({
      id,
      children,
      callFrame: { functionName: name, url: url(name), lineNumber: 10 + id, columnNumber: 0 },
    })),
    samples,
    timeDeltas: samples.map(() => 1_000),
  };
}

function fill({ data }: FakePlane): void {
  data.overview.problems = [
    problem({ title: `Worker 2 is stalled in GET ${REPORT}` }),
    problem({
      id: 'breaker',
      title: 'The breaker of orders is open for orders-3',
      detail: '12 of 20 calls failed within 10 s, so calls are refused at once. Probes begin in 3.2 s.',
      page: '#/breakers?search=orders',
      since: before(42),
    }),
    problem({
      id: 'sagas',
      severity: 'warning',
      title: '3 sagas need attention',
      detail: 'COMPENSATION_FAILED: 3. The oldest has waited for 2 h 10 min.',
      page: '#/sagas?status=needs-attention',
      since: before(7_800),
    }),
  ];
  data.routes[2] = route({ route: REPORT, perSecond: 0.4, stalls: 7, p99Ms: 3_400, cpuRatio: 0.18 });
  data.workers[1] = worker(2, {
    state: 'stalled',
    loopUtilization: 1,
    loopDelayP99Ms: 3_400,
    inFlight: 14,
    current: { route: REPORT, sinceMs: 3_400 },
  });
  data.breakers.push(breaker({ instance: 'orders-3', state: 'open', window: null, retryInMs: 3_200 }));
  data.profile = reportProfile();
  data.sagas.unshift(
    saga(90, {
      status: 'needs-attention',
      reason: 'COMPENSATION_FAILED',
      createdAt: before(61),
      updatedAt: before(18),
      steps: [
        step('createUser', { startedAt: before(60.6), finishedAt: before(59) }),
        step('createOrder', {
          status: 'compensating',
          attempts: 1,
          startedAt: before(58.8),
          finishedAt: before(55),
        }),
        step('capturePayment', {
          status: 'failed',
          attempts: 5,
          startedAt: before(54.6),
          finishedAt: before(22),
          error: { code: 'PAYMENT_DECLINED', message: 'The card was declined by its issuer.' },
        }),
        step('confirmOrder', { status: 'pending', attempts: 0, startedAt: null, finishedAt: null }),
      ],
    }),
  );
}

/** Traffic as it comes: it wavers, and some of it fails. */
function waver({ data }: FakePlane): NodeJS.Timeout {
  const next = seeded(16);
  let perSecond = 1_240;
  return setInterval(() => {
    perSecond = Math.max(900, Math.min(1_500, perSecond + (next() - 0.5) * 90));
    const errorsPerSecond = 30 + next() * 14;
    data.overview.requests = { perSecond, errorsPerSecond, inFlight: 14, total: 5_182_340, errors: 12_031 };
    data.overview.latencyMs = { p50: 2.2 + next() * 0.5, p90: 8, p99: 28 + next() * 9, max: 3_400 };
  }, 150);
}

async function take(
  page: Page,
  name: string,
  place: string,
  ready: (page: Page) => Promise<void>,
): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, place);
  await ready(page);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
}

async function main(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const plane = new FakePlane();
  fill(plane);
  await plane.listen();
  const timer = waver(plane);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const viewport = { width: 1180, height: 800 };
  const light = await browser.newPage({ viewport, colorScheme: 'light' });
  await light.goto(plane.url);
  await light.waitForTimeout(HISTORY_MS);
  await take(light, 'dashboard-overview', '#/overview', (page) => page.getByText('Saturation').waitFor());
  await take(light, 'dashboard-calls', '#/calls', (page) => page.getByText('All calls').waitFor());
  const dark = await browser.newPage({ viewport: { width: 1180, height: 700 }, colorScheme: 'dark' });
  await dark.goto(plane.url);
  await take(dark, 'dashboard-saga', `#/saga?id=${saga(90).sagaId}`, (page) =>
    page.getByText('confirmOrder').waitFor(),
  );
  await take(dark, 'dashboard-profile', '#/worker?id=2', async (page) => {
    await page.getByRole('button', { name: 'Record' }).click();
    await page.getByText('Hottest functions').scrollIntoViewIfNeeded();
    await page
      .getByRole('region', { name: 'Hottest functions' })
      .getByRole('row')
      .nth(6)
      .scrollIntoViewIfNeeded();
  });
  clearInterval(timer);
  await browser.close();
  await plane.close();
}

await main();
