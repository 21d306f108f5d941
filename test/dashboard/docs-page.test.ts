// The page `/docs` of the data plane in a browser: it executes what it shows, also behind a proxy with TLS
// and a prefix.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as forward } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { useCluster } from '#test/support/use-cluster.js';
import { useBrowser } from './browser.js';

const CHECKOUT = '#/checkout/post_api_checkout';
const PREFIX = '/shop';

/** Presses "Execute" and reads the response that the page shows. */
async function execute(
  page: Page,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const responded = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.getByRole('button', { name: 'Execute' }).click();
  const response = await responded;
  const shown = page.locator('.live-responses-table .response').first();
  await shown.locator('.response-col_status', { hasText: String(response.status()) }).waitFor();
  return { status: response.status(), body: (await response.json()) as Record<string, unknown> };
}

/** Without the viewer's warning about the underscores of every `operationId`. */
const failuresIn = (errors: readonly string[]): readonly string[] =>
  errors.filter((error) => !error.startsWith('Deprecated: escaping deep link whitespace'));

async function tryOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).waitFor();
}

describe('the page of the API in a browser', () => {
  const open = useBrowser();
  const shop = useCluster({ env: { WORKERS: '1' } });

  it('executes the example of the checkout, and once more with the same result', async function () {
    this.timeout(120_000);
    const { page, errors } = await open(`${shop.url}/docs${CHECKOUT}`);
    await tryOut(page);
    const key = await page.getByPlaceholder('Idempotency-Key').inputValue();
    expect(key).to.match(/^[0-9a-f-]{36}$/);
    const first = await execute(page);
    expect(first.body).to.include({ status: 'completed' });
    expect(first.status).to.equal(201);
    expect(await execute(page)).to.deep.equal(first);
    await page.locator('.live-responses-table .highlight-code', { hasText: '"completed"' }).waitFor();
    expect(failuresIn(errors)).to.deep.equal([]);

    // After another load, key and user are others, so that the example does not conflict.
    await page.reload();
    await tryOut(page);
    const second = await execute(page);
    expect(second.status, JSON.stringify(second.body)).to.equal(201);
    expect(second.body.sagaId).to.not.equal(first.body.sagaId);
  });

  describe('behind a proxy with TLS and a prefix', () => {
    let proxy: Server | undefined;
    before(async function () {
      needsOpenssl(this);
      const folder = mkdtempSync(join(tmpdir(), 'multilane-docs-page-'));
      const { certFile, keyFile } = makeCertificate(folder, 'proxy');
      const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
      rmSync(folder, { recursive: true });
      proxy = createServer(tls, (request, response) => {
        const { method, url = '', headers } = request;
        if (!url.startsWith(`${PREFIX}/`)) return void response.writeHead(404).end();
        const passed = forward(
          shop.url + url.slice(PREFIX.length),
          { method: method!, headers },
          (answer) => {
            response.writeHead(answer.statusCode!, answer.headers);
            answer.pipe(response);
          },
        );
        request.pipe(passed);
      });
      await new Promise<void>((resolve) => void proxy!.listen(0, '127.0.0.1', resolve));
    });
    after(() => {
      proxy?.closeAllConnections();
      proxy?.close();
    });

    it('loads everything from there and sends requests there', async function () {
      this.timeout(120_000);
      const origin = `https://127.0.0.1:${(proxy!.address() as AddressInfo).port}`;
      const { page, errors } = await open('about:blank', { ignoreHTTPSErrors: true });
      const requested: string[] = [];
      page.on('request', (request) => requested.push(request.url()));
      await page.goto(`${origin}${PREFIX}/docs/${CHECKOUT}`);
      await tryOut(page);
      expect((await execute(page)).status).to.equal(201);
      const elsewhere = requested.filter(
        (url) => !/^(?:data|blob):/.test(url) && !url.startsWith(origin + PREFIX),
      );
      expect(elsewhere).to.deep.equal([]);
      expect(requested).to.include(`${origin}${PREFIX}/api/checkout`);
      expect(failuresIn(errors)).to.deep.equal([]);
    });
  });
});
