// The dashboard of a real process with a token, from the first figure to the actions of an operator.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { get, json, post } from '#test/support/client.js';
import { TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { useBrowser } from './browser.js';
import { OPERATED } from './operated.js';
import { PLACES, visit } from './places.js';

const TOKEN = 'a-token-of-more-than-thirty-two-characters';

describe('the dashboard of a real process', () => {
  const open = useBrowser();
  const cluster = useCluster({
    config: OPERATED,
    found: 'server',
    env: {
      ...{ WORKERS: '1', ADMIN_TOKEN: TOKEN, DRAIN_MS: '100' },
      OTEL_TRACES_SAMPLER_ARG: '1',
      // A worker that hangs is left alone.
      STALL_MS: '60000',
    },
  });

  /** Opens a page as an operator who has given the token. */
  const operate = async (place: string): Promise<{ readonly page: Page; readonly errors: string[] }> => {
    const { page, errors } = await open(`${cluster.adminUrl}/${place}`);
    await page.getByLabel('Admin token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByText('live').waitFor();
    errors.length = 0;
    return { page, errors };
  };

  const page = async (path: string, accept = '*/*'): Promise<string> =>
    (await get(`${cluster.adminUrl}${path}`, { authorization: `Bearer ${TOKEN}`, accept })).text();

  it('is served without a token, and shows nothing without one', async () => {
    const response = await get(`${cluster.adminUrl}/`);
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-security-policy')).to.equal(
      "default-src 'self'; frame-ancestors 'none'",
    );
    const { page } = await open(`${cluster.adminUrl}/#/settings`);
    await page.getByRole('heading', { name: 'Token needed' }).waitFor();
    expect(await page.getByText('ADMIN_TOKEN').count()).to.equal(1);
  });

  it('shows every page without an error, and its figures move under load', async () => {
    const { page, errors } = await operate('#/overview');
    let isLoaded = true;
    const load = (async () => {
      while (isLoaded) await (await get(`${cluster.url}/hello/ada`)).arrayBuffer();
    })();
    const requests = page.locator('.figure', { hasText: 'Requests' });
    await requests.filter({ hasText: /[1-9]\d*(\.\d+)?\/s/ }).waitFor();
    await visit(page, '#/routes');
    const row = page.getByRole('row').filter({ hasText: '/hello/{name}' });
    await row.getByRole('link').click();
    await page
      .getByText(/[1-9][\d,]* requests, most often/)
      .first()
      .waitFor();
    for (const [place] of PLACES.filter(([one]) => !/\?(id|name|method)/.test(one))) await visit(page, place);
    isLoaded = false;
    await load;
    expect(await page.locator('.failure').count()).to.equal(0);
    expect(errors).to.deep.equal([]);
  });

  it('shows the trace whose id the problem, the log lines and the exemplar of a failed request have', async () => {
    const response = await get(`${cluster.url}/fail`);
    expect(response.status).to.equal(500);
    const { traceId } = (await response.json()) as { traceId: string };
    const linesOf = () => cluster.logs().filter((line) => line.trace_id === traceId);
    const lines = await until(linesOf, (found) => found.length >= 2);
    expect(lines.map(({ msg }) => msg)).to.include('the drawer is stuck');
    expect(lines.map(({ err }) => (err as { message?: string } | undefined)?.message)).to.include(
      'the drawer does not open',
    );
    const metrics = await page('/metrics', 'application/openmetrics-text');
    const exemplars = metrics.split('\n').filter((line) => line.includes(` # {trace_id="${traceId}"`));
    expect(exemplars.map((line) => /http_route="([^"]*)"/.exec(line)?.[1])).to.deep.equal(['/fail']);
    const { page: shown, errors } = await operate(`#/traces?search=${traceId}`);
    await shown.getByRole('row').filter({ hasText: 'GET /fail' }).getByRole('link').click();
    await shown.getByRole('heading').filter({ hasText: 'GET /fail' }).waitFor();
    await shown.getByText(traceId).first().waitFor();
    expect(errors).to.deep.equal([]);
  });

  it('shows the numbers of a worker that hangs, and the metrics page has them', async () => {
    const counted =
      /^http_server_request_duration_seconds_count\{.*http_route="\/hello\/\{name\}".*\} (\d+)$/m;
    const helloes = async (): Promise<number> => Number(counted.exec(await page('/metrics'))?.[1] ?? 0);
    const before = await helloes();
    for (let n = 0; n < 7; n++) await get(`${cluster.url}/hello/bob`);
    const file = join(cluster.dataDir, 'the-worker-may-go-on');
    const hung = get(`${cluster.url}/hang?until=${encodeURIComponent(file)}`);
    try {
      const { page: shown, errors } = await operate('#/worker?id=1');
      await shown.getByRole('main').getByText('/hang').first().waitFor();
      await visit(shown, '#/routes');
      const row = shown.getByRole('row').filter({ hasText: '/hello/{name}' });
      await row.waitFor();
      expect(await helloes()).to.equal(before + 7);
      expect(errors).to.deep.equal([]);
    } finally {
      writeFileSync(file, '');
    }
    expect((await hung).status).to.equal(200);
  });

  it('records a worker and shows its flame graph', async () => {
    const { page, errors } = await operate('#/worker?id=1');
    await page.getByLabel('Seconds').selectOption('1');
    await page.getByRole('button', { name: 'Record' }).click();
    await page.getByText('Flame graph').or(page.getByText('The worker was idle')).waitFor();
    expect(errors).to.deep.equal([]);
  });

  it('forces a breaker open for all callers, and makes it automatic again', async () => {
    const instance = await TestInstance.listen('one');
    const registered = await fetch(`${cluster.adminUrl}/registry/v1/services/stock/instances/one`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ host: '127.0.0.1', port: instance.port, ttlSeconds: 3_600 }),
    });
    expect(registered.status).to.equal(201);
    const call = async () => json<Record<string, unknown>>(await get(`${cluster.url}/call/stock`));
    await until(call, ({ status }) => status === 200);
    const { page } = await operate('#/breakers');
    const row = page.getByRole('row').filter({ hasText: 'stock' });
    await row.getByRole('button', { name: 'Force open' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Force open' }).click();
    await row.filter({ hasText: 'an operator forces it open' }).waitFor();
    expect(await until(call, ({ code }) => code !== undefined)).to.deep.equal({ code: 'BREAKER_OPEN' });
    await row.getByRole('button', { name: 'Automatic' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Make automatic' }).click();
    await page.getByText('stock one is automatic.').waitFor();
    expect(await until(call, ({ status }) => status === 200)).to.deep.equal({ status: 200 });
    instance.stop();
  });

  it('finds a compensated saga, and a waiting one which it retries', async () => {
    const start = async (kind: string) =>
      json<{ readonly sagaId: string }>(await post(`${cluster.url}/orders/${kind}`, {}));
    const declined = await start('declined');
    const stuck = await start('stuck');
    const { page } = await operate('#/sagas');
    await page.getByLabel('Reason, id or key').fill(declined.sagaId);
    await page.getByRole('row').filter({ hasText: 'compensated' }).getByRole('link').click();
    await page.getByText('Step charge failed with CARD_DECLINED: The card was declined.').waitFor();
    await visit(page, `#/saga?id=${stuck.sagaId}`);
    await page.getByRole('button', { name: 'Retry' }).waitFor();
    await post(`${cluster.url}/repair`, {});
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
    await page.getByText('It has ended; no action is possible.').waitFor();
    await page.getByRole('main').getByText('completed').first().waitFor();
  });
});
