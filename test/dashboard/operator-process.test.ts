// Whole tasks of an operator on a real process, from the alert to the action and its effect.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { get, json, post, put } from '#test/support/client.js';
import { answering, TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { useBrowser } from './browser.js';
import { OPERATED } from './operated.js';
import { visit } from './places.js';

/** Between two requests of a client. */
const PAUSE_MS = 50;

const confirm = async (page: Page, name: string): Promise<void> => {
  await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
};

describe('an operator at the dashboard of a real process', () => {
  const open = useBrowser();
  const cluster = useCluster({
    config: OPERATED,
    found: 'server',
    env: {
      ...{ WORKERS: '1', ADMIN_TOKEN: '', DRAIN_MS: '100', OTEL_TRACES_SAMPLER_ARG: '1' },
      STALL_MS: '2000',
      // What has opened or was ejected stays so until the operator acts.
      ...{ BREAKER_OPEN_MS: '600000', EJECTION_MS: '600000' },
    },
  });
  const instances: TestInstance[] = [];
  afterEach(() => {
    for (const one of instances.splice(0)) one.stop();
  });

  const start = async (service: string, id: string): Promise<TestInstance> => {
    const instance = await TestInstance.start(cluster.adminUrl, service, id);
    instances.push(instance);
    return instance;
  };
  const operate = async (place: string): Promise<Page> => (await open(`${cluster.adminUrl}/${place}`)).page;
  const call = async (service: string) =>
    json<{ readonly status?: number; readonly code?: string }>(await get(`${cluster.url}/call/${service}`));
  const statusOf = async (path: string): Promise<number> => {
    const response = await get(`${cluster.url}${path}`);
    await response.arrayBuffer();
    return response.status;
  };

  it('names the route that stalls a worker, and the function in it', async () => {
    expect(await statusOf('/report?ms=60000')).to.equal(500);
    const page = await operate('#/overview');
    await page.getByRole('link', { name: '/report has blocked an event loop' }).click();
    await page.getByText('it blocked a worker').waitFor();
    await visit(page, '#/routes');
    await page.getByRole('button', { name: 'Stalls' }).click();
    const first = page.getByRole('row').nth(1);
    await first.filter({ hasText: '/report' }).waitFor();
    let isLoaded = true;
    const load = (async () => {
      // On a busy machine it may be stalled and interrupted again, and its connection ends with the worker.
      while (isLoaded) await statusOf('/report?ms=100').catch(() => 0);
    })();
    try {
      await visit(page, '#/worker?id=1');
      await page.getByText('Runs now').filter({ hasText: '/report for' }).waitFor();
      await page.getByLabel('Seconds').selectOption('1');
      const functions = page.getByRole('region', { name: 'Hottest functions' });
      const hottest = functions.getByRole('row').nth(1).filter({ hasText: 'renderReport' });
      // A worker that is replaced meanwhile ends its profile: the operator records another one.
      await until(
        async () => {
          await page.getByRole('button', { name: 'Record', exact: true }).click();
          return hottest.waitFor({ timeout: 5_000 }).then(
            () => true,
            () => false,
          );
        },
        (isShown) => isShown,
        30_000,
      );
    } finally {
      isLoaded = false;
      await load;
    }
  });

  it('sees why a breaker has opened and how its calls fail, and closes it', async () => {
    const instance = await start('stock', 'one');
    instance.behave = answering(500);
    await until(
      () => call('stock'),
      ({ code }) => code === 'BREAKER_OPEN',
    );
    const page = await operate('#/overview');
    await page.getByText(/opened because (\d+) of \1 calls failed or were too slow/).waitFor();
    await page.getByText(/It has opened.* (\d+) of \1 calls to stock in the last [\d.]+ s failed/).waitFor();
    await page.getByRole('link', { name: 'The breaker of stock (one) is open' }).click();
    const row = page.getByRole('row').filter({ hasText: 'stock' });
    await row.filter({ hasText: /(\d+) of \1 calls failed in its window; probes begin in/ }).waitFor();
    await visit(page, '#/traces?search=stock');
    await page.getByRole('link', { name: 'GET /call/{service}' }).last().click();
    await page.getByRole('button', { name: 'GET stock' }).click();
    await page.locator('.ink-bad').filter({ hasText: /^500$/ }).waitFor();
    instance.behave = answering(200);
    expect(await call('stock')).to.deep.equal({ code: 'BREAKER_OPEN' });
    await visit(page, '#/breakers');
    await row.getByRole('button', { name: 'Force closed' }).click();
    await page.getByLabel('Reason').fill('it works again');
    await confirm(page, 'Force closed');
    await row.filter({ hasText: 'an operator forces it closed' }).waitFor();
    expect(await call('stock')).to.deep.equal({ status: 200 });
    await row.getByRole('button', { name: 'Automatic' }).click();
    await confirm(page, 'Make automatic');
    await row.filter({ hasText: '0 of 0 calls failed' }).waitFor();
    expect(await call('stock')).to.deep.equal({ status: 200 });
  });

  it('finds the failed trace and the span that failed', async () => {
    expect(await statusOf('/ledger')).to.equal(500);
    const page = await operate('#/traces');
    await page.getByLabel('Status').selectOption('error');
    await page.getByRole('link', { name: 'GET /ledger' }).click();
    await page.getByRole('button', { name: 'SELECT ledger' }).click();
    // PostgreSQL: there is no such table.
    await page
      .locator('.ink-bad')
      .filter({ hasText: /^42P01$/ })
      .waitFor();
  });

  it('drains the instance that was ejected', async () => {
    // The last two instances are never ejected.
    for (const id of ['good', 'better']) await start('depot', id);
    const bad = await start('depot', 'bad');
    bad.behave = answering(503);
    const ejected = async () => {
      await call('depot');
      const response = await get(`${cluster.adminUrl}/registry/v1/services/depot`);
      return json<{ readonly instances: readonly { readonly state: string }[] }>(response);
    };
    await until(ejected, (found) => found.instances.some(({ state }) => state === 'ejected'));
    const page = await operate('#/overview');
    await page.getByRole('link', { name: '1 of 3 instances of depot is ejected' }).click();
    await page.getByLabel('State').selectOption('ejected');
    await page.getByText('1 of 3 instances').waitFor();
    await page.getByRole('button', { name: 'Drain bad' }).click();
    await confirm(page, 'Drain');
    await page.getByText('Instance bad is draining.').waitFor();
    await page.getByText('No instance matches').waitFor();
    await page.getByLabel('State').selectOption('draining');
    await page.getByText('1 of 3 instances').waitFor();
  });

  it('gives the CPU pool another number of threads', async () => {
    for (let n = 0; n < 3; n++) expect(await statusOf('/resize')).to.equal(200);
    const page = await operate('#/cpu');
    await page
      .getByRole('row')
      .filter({ hasText: /^desk resize30/ })
      .waitFor();
    await page.getByRole('link', { name: 'Change the threads' }).click();
    await page.getByRole('button', { name: 'Change the number of CPU threads' }).click();
    await page.getByRole('textbox', { name: 'Threads' }).fill('3');
    await page.getByLabel('Reason').fill('many pictures');
    await confirm(page, 'Change');
    await page.getByText('number of CPU threads: 3').waitFor();
    await visit(page, '#/cpu');
    await page.getByText('at most 3').waitFor();
    expect(await statusOf('/resize')).to.equal(200);
  });

  it('finds the limit that refuses requests, and sees it free again', async () => {
    let isFull = true;
    // One of them holds the permit. Requests that clients got wrong are refused as well, and are no overload.
    const clients = [0, 1].map(async () => {
      while (isFull) {
        await statusOf('/drawer');
        const mistaken = await put(`${cluster.url}/hello/x`, {});
        expect(await json(mistaken, 405)).to.include({ code: 'METHOD_NOT_ALLOWED' });
        await sleep(PAUSE_MS);
      }
    });
    const release = async (): Promise<void> => {
      isFull = false;
      // The one that is refused has ended, so the permit stays free.
      await Promise.race(clients);
      await post(`${cluster.url}/drawer`, {});
      await Promise.all(clients);
    };
    try {
      const page = await operate('#/overview');
      const problem = page.getByRole('listitem').filter({ hasText: /because of .*bulkhead \(\d+\)/ });
      expect(await problem.innerText()).to.not.include('method_not_allowed');
      await problem.getByRole('link', { name: /requests? (was|were) refused/ }).click();
      await page.getByLabel('Refused by reason').getByText('bulkhead').waitFor();
      const bulkhead = page.getByRole('listitem').filter({ hasText: 'GET /drawer' });
      await bulkhead.getByText('1', { exact: true }).waitFor();
      await release();
      await bulkhead.getByText('0', { exact: true }).waitFor();
    } finally {
      await release();
    }
  });

  it('finds the settings that were changed, and where', async () => {
    const page = await operate('#/settings');
    await page.getByLabel('Show').selectOption('set');
    await page.getByLabel('Search').fill('breaker');
    const row = page.getByRole('row').filter({ hasText: 'BREAKER_OPEN_MS' });
    await row.filter({ hasText: '600000 ms' }).filter({ hasText: '5000' }).waitFor();
    await page.getByText(/^1 of \d+ settings/).waitFor();
  });

  it('switches a failing route off, and on again', async () => {
    for (let n = 0; n < 3; n++) expect(await statusOf('/fail')).to.equal(500);
    const page = await operate('#/overview');
    await page.getByRole('link', { name: 'of the requests of GET /fail fail' }).click();
    await page.getByRole('button', { name: 'Switch off' }).click();
    await page.getByLabel('Reason').fill('the drawer is stuck');
    await confirm(page, 'Switch off');
    await page.getByText('GET /fail is off.').waitFor();
    await until(
      () => statusOf('/fail'),
      (status) => status === 503,
    );
    await visit(page, '#/overview');
    await page.getByText('An operator has switched it off: the drawer is stuck.').waitFor();
    await page.getByRole('link', { name: 'GET /fail is switched off' }).click();
    const row = page.getByRole('row').filter({ hasText: '/fail' });
    await row.getByRole('button', { name: 'Switch on' }).click();
    await confirm(page, 'Switch on');
    await until(
      () => statusOf('/fail'),
      (status) => status === 500,
    );
  });
});
