// Makes the pictures of docs/dashboard.md: `node build/test/dashboard/images.js [NAME]...`. They show a real
// process: the reference shop under load, with an export that blocks its worker, a warehouse that fails,
// payments that are declined, and a route that an operator has switched off.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { PlaneJson } from '#src/admin/plane-json.js';
import { get, json, post, put } from '#test/support/client.js';
import { type Cluster, ROOT, startCluster } from '#test/support/cluster.js';
import { answering, TestInstance } from '#test/support/instance.js';
import { seeded } from '#test/support/random.js';
import { until } from '#test/support/until.js';
import { CHROMIUM, FLAGS } from './browser.js';

const FOLDER = join(ROOT, 'docs/images');
const PROJECT = fileURLToPath(new URL('./images.config.js', import.meta.url));
/** The time in which the charts fill. */
const HISTORY_MS = 45_000;
/** A request of a client waits for up to so long before the next one. */
const THINK_MS = 60;
const CLIENTS = 6;
/** As many rows as take longer than STALL_MS, and as take a part of it. */
const ROWS = { tooMany: 2_000_000, many: 1_500 };

const wanted = process.argv.slice(2);
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);

let made = 0;

/** The keyed request of a client. */
const keyed = async (url: string, body: unknown): Promise<Response> =>
  post(url, body, { 'idempotency-key': `picture-${made++}` });

const cart = (method: string) => ({
  user: { name: 'Ada Lovelace', email: `ada${made}@example.org` },
  item: { productId: 1 + (made % 40), quantity: 1 },
  payment: { amountCents: 4_999, method },
});

/** A client: it registers, orders, pays, and looks at its orders, until the pictures are taken. */
async function client(url: string, seed: number, end: AbortSignal): Promise<void> {
  const next = seeded(seed);
  const done = async (response: Promise<Response>): Promise<void> =>
    void (await (await response).arrayBuffer());
  while (!end.aborted) {
    const user = { name: 'Grace Hopper', email: `grace${made}@example.org` };
    const { id } = await json<{ id: number }>(await keyed(`${url}/api/users`, user), 201);
    await done(
      keyed(`${url}/api/orders`, { userId: id, productId: 1 + Math.floor(next() * 40), quantity: 2 }),
    );
    for (let n = 0; n < 6; n++) {
      await done(get(`${url}/api/users/${id}`));
      await done(get(`${url}/api/users/${id}/orders`));
      await pause(next() * THINK_MS);
    }
    if (next() < 0.5) {
      await done(keyed(`${url}/api/checkout`, cart(next() < 0.2 ? 'tok_declined' : 'tok_ok')));
    }
  }
}

/** Looks at the stock ten times a second. */
async function stockKeeper(url: string, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await (await get(`${url}/api/exports/stock`)).arrayBuffer();
    await pause(100);
  }
}

/** A checkout whose payment is tried again and again, because an operator has switched payments off. */
async function retriedSaga({ url, adminUrl }: Cluster): Promise<string> {
  const reason = 'the provider is being replaced';
  const off = { method: 'POST', route: '/api/payments', state: 'off', reason };
  await json(await put(`${adminUrl}/switches/routes`, off));
  const key = 'picture-of-a-saga';
  // Its response comes when the checkout has ended.
  void post(`${url}/api/checkout`, cart('tok_ok'), { 'idempotency-key': key }).catch(() => undefined);
  const sagas = async () => json<PlaneJson['/sagas']>(await get(`${adminUrl}/sagas`));
  const keyOf = ({ items }: PlaneJson['/sagas']) =>
    items.find(({ idempotencyKey }) => idempotencyKey === key);
  return keyOf(await until(sagas, (page) => keyOf(page) !== undefined))!.sagaId;
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

async function pictures(browser: Browser, cluster: Cluster): Promise<void> {
  if (isWanted('dashboard-overview') || isWanted('dashboard-calls')) await trafficPictures(browser, cluster);
  const dark = await browser.newPage({ viewport: { width: 1180, height: 700 }, colorScheme: 'dark' });
  await dark.goto(cluster.adminUrl);
  if (isWanted('dashboard-profile')) await profilePicture(dark, cluster);
  if (isWanted('dashboard-saga')) await sagaPicture(dark, cluster);
}

async function trafficPictures(browser: Browser, { url, adminUrl }: Cluster): Promise<void> {
  const light = await browser.newPage({ viewport: { width: 1180, height: 800 }, colorScheme: 'light' });
  await light.goto(adminUrl);
  await pause(HISTORY_MS);
  await (await get(`${url}/api/exports/prices.csv?rows=${ROWS.tooMany}`)).arrayBuffer();
  await take(light, 'dashboard-overview', '#/overview', (page) =>
    page.getByRole('link', { name: 'has blocked an event loop' }).waitFor(),
  );
  await take(light, 'dashboard-calls', '#/calls', (page) => page.getByText('All calls').waitFor());
}

async function profilePicture(dark: Page, { url, adminUrl }: Cluster): Promise<void> {
  const end = new AbortController();
  const exporting = exportAgain(url, end.signal);
  const busiest = await busiestWorker(adminUrl);
  await take(dark, 'dashboard-profile', `#/worker?id=${busiest}`, async (page) => {
    await page.getByRole('button', { name: 'Record' }).click();
    await page.getByRole('region', { name: 'Hottest functions' }).waitFor();
    await page.evaluate(nameFolder, ROOT);
    await page.getByText('Flame graph').first().evaluate(toTheTop);
  });
  end.abort();
  await exporting;
}

async function sagaPicture(dark: Page, cluster: Cluster): Promise<void> {
  await take(dark, 'dashboard-saga', `#/saga?id=${await retriedSaga(cluster)}`, async (page) => {
    await page.getByRole('button', { name: 'Compensate' }).waitFor();
    const attempts = page
      .getByRole('main')
      .getByRole('listitem')
      .filter({ hasText: /[2-9] attempts/ });
    await attempts.first().waitFor();
  });
}

/** Runs in the page: the folder of this machine is no part of a picture. */
function nameFolder(root: string): void {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode())
    text.nodeValue = (text.nodeValue ?? '').replaceAll(root, '/srv/shop/');
}

/** Runs in the page, whose header covers its upper edge. */
function toTheTop(element: Element): void {
  window.scrollBy(0, element.getBoundingClientRect().top - 72);
}

/** A worker that is replaced ends its connection. */
async function exportAgain(url: string, end: AbortSignal): Promise<void> {
  const one = async () => (await get(`${url}/api/exports/prices.csv?rows=${ROWS.many}`)).arrayBuffer();
  while (!end.aborted) await one().catch(() => pause(100));
}

/** The worker that has the connection of the exports. */
async function busiestWorker(adminUrl: string): Promise<number> {
  await pause(6_000);
  const workers = await json<{ id: number; loopUtilization: number }[]>(await get(`${adminUrl}/workers`));
  return workers.sort((a, b) => b.loopUtilization - a.loopUtilization)[0]!.id;
}

async function main(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const cluster = await startCluster({
    config: PROJECT,
    found: 'shop',
    env: { OTEL_SERVICE_NAME: 'shop', STALL_MS: '2000' },
  });
  const end = new AbortController();
  try {
    const warehouse = await TestInstance.start(cluster.adminUrl, 'warehouse', 'warehouse-1');
    const clients = Promise.allSettled([
      stockKeeper(cluster.url, end.signal),
      ...Array.from({ length: CLIENTS }, (_, n) => client(cluster.url, n + 1, end.signal)),
    ]);
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    setTimeout(() => (warehouse.behave = answering(503)), HISTORY_MS / 2);
    await pictures(browser, cluster);
    end.abort();
    await clients;
    await browser.close();
    warehouse.stop();
  } finally {
    end.abort();
    await cluster.dispose();
  }
}

await main();
