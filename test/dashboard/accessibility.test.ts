// Every page under axe-core in both themes, and at the width of a small phone.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { useChromium } from './browser.js';
import type { FakePlane } from './fake-plane.js';
import { PLACES, visit } from './places.js';
import { breaker, openBreaker, problem, saga, step, worker } from './plane-rows.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** The rules of WCAG 2.2 A and AA, and those of good practice. */
const EVERYTHING: RunOptions = { resultTypes: ['violations'] };
const CONTRAST: RunOptions = {
  runOnly: ['color-contrast', 'link-in-text-block'],
  resultTypes: ['violations'],
};

/** All states at once, so that every colour is on a page. */
function trouble({ data }: FakePlane): void {
  data.overview.problems = (['critical', 'warning', 'info'] as const).map((severity) =>
    problem({ id: severity, severity, page: '#/breakers' }),
  );
  data.workers.push(worker(3, { state: 'stalled', current: { route: '/slow', sinceMs: 3_000 } }));
  const probed = { state: 'half-open', permitted: 3, taken: 1, succeeded: 0 } as const;
  data.breakers.push(
    breaker({ instance: 'orders-3', ...openBreaker(4, 900) }),
    breaker({ instance: 'orders-4', state: probed, tripped: { calls: 20, failures: 12 } }),
  );
  data.sagas.length = 3;
  data.sagas[0] = saga(0, {
    status: 'needs-attention',
    reason: 'COMPENSATION_FAILED',
    steps: [
      step('createUser', { status: 'compensated' }),
      step('capturePayment', { status: 'failed', error: { code: 'DECLINED', message: 'declined' } }),
    ],
  });
}

async function violations(page: Page, options: RunOptions): Promise<readonly string[]> {
  const { violations: found } = await page.evaluate(
    (one) => (window as unknown as { axe: { run(o: unknown): Promise<AxeResults> } }).axe.run(one),
    options as object,
  );
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
    );
}

describe('the accessibility of the dashboard', () => {
  const open = useChromium();

  it('has no serious violation on any page, in the light and in the dark theme', async function () {
    this.timeout(120_000);
    const { page } = await open({ prepare: trouble, context: { reducedMotion: 'reduce' } });
    await page.evaluate(AXE);
    const found: string[] = [];
    for (const [place] of PLACES) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await visit(page, place);
        const serious = await violations(page, colorScheme === 'light' ? EVERYTHING : CONTRAST);
        found.push(...serious.map((one) => `${place} ${colorScheme}: ${one}`));
      }
    }
    expect(found).to.deep.equal([]);
  });

  it('has none in a question, a report, a flame graph and the form for the token', async () => {
    const { page, plane } = await open({
      prepare: trouble,
      place: '#/worker?id=1',
      context: { reducedMotion: 'reduce' },
    });
    await page.evaluate(AXE);
    await page.getByRole('button', { name: 'Record' }).click();
    await page.getByText('Flame graph').waitFor();
    const found = [...(await violations(page, EVERYTHING))];
    await visit(page, '#/switches');
    await page.getByRole('button', { name: 'Change the log level' }).click();
    found.push(...(await violations(page, EVERYTHING)));
    await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click();
    await page.getByRole('status').filter({ hasText: 'log level' }).waitFor();
    found.push(...(await violations(page, EVERYTHING)));
    plane.require('another-token');
    await visit(page, '#/settings');
    await page.getByLabel('Admin token').waitFor();
    found.push(...(await violations(page, EVERYTHING)));
    expect(found).to.deep.equal([]);
  });

  it('needs no scrolling to the side at 320 pixels, and no smaller text', async () => {
    const { page } = await open({ prepare: trouble, context: { viewport: { width: 320, height: 700 } } });
    const found: string[] = [];
    for (const [place] of PLACES) {
      await visit(page, place);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > 320) found.push(`${place}: ${width} pixels`);
    }
    expect(found).to.deep.equal([]);
  });

  it('shows the theme that the operator chooses, also after the page was loaded again', async () => {
    const { page } = await open({ context: { colorScheme: 'light' } });
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.getByText('1,240/s').waitFor();
    const light = await background();
    await page.getByLabel('Theme').selectOption('dark');
    const dark = await background();
    expect(dark).not.to.equal(light);
    await page.reload();
    await page.getByText('1,240/s').waitFor();
    expect(await background()).to.equal(dark);
  });
});
