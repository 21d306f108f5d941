// Many instances, breakers and sagas: pages stay small, and what is searched is found.
import { expect } from 'chai';
import { useChromium } from './browser.js';
import { breaker, instance, openBreaker, saga } from './plane-rows.js';

const INSTANCES = 10_000;
const SAGAS = 100_000;
/** Far less than a row for each instance. */
const MOST_ELEMENTS = 2_500;

describe('the dashboard with much data', () => {
  const open = useChromium();

  it('shows 10,000 instances, of which only those in view are in the document', async () => {
    const { page } = await open({
      place: '#/service?name=orders',
      prepare: ({ data }) => {
        data.instances = Array.from({ length: INSTANCES }, (_, index) =>
          instance(`orders-${index}`, { state: index === 7_123 ? 'unhealthy' : 'healthy' }),
        );
      },
    });
    await page.getByText('10,000 of 10,000 instances').waitFor();
    expect(await page.locator('#app *').count()).to.be.below(MOST_ELEMENTS);
    await page.getByRole('region', { name: 'Instances of orders' }).evaluate((box) => {
      box.scrollTop = box.scrollHeight;
    });
    await page.getByText('orders-9999', { exact: true }).waitFor();
    expect(await page.getByText('orders-0', { exact: true }).count()).to.equal(0);
    expect(await page.locator('#app *').count()).to.be.below(MOST_ELEMENTS);
    await page.getByLabel('State').selectOption('unhealthy');
    await page.getByText('orders-7123').waitFor();
  });

  it('shows 10,000 breakers, the open one first', async () => {
    const { page } = await open({
      place: '#/breakers',
      prepare: ({ data }) => {
        data.breakers = Array.from({ length: INSTANCES }, (_, index) =>
          breaker({
            instance: `orders-${index}`,
            ...(index === 8_000 ? openBreaker(2, 3_200) : {}),
          }),
        );
      },
    });
    const first = page.getByRole('region', { name: 'Breakers' }).getByRole('row').nth(1);
    await first.filter({ hasText: 'orders-8000' }).waitFor();
    expect(await page.locator('#app *').count()).to.be.below(MOST_ELEMENTS);
    await page.getByLabel('Search').fill('orders-4711');
    await page.getByText('orders-4711', { exact: true }).waitFor();
  });

  it('finds a saga by its reason among 100,000, and loads older ones', async () => {
    const { page, plane } = await open({
      place: '#/sagas',
      prepare: ({ data }) => {
        data.sagas = Array.from({ length: SAGAS }, (_, index) =>
          saga(index, index === 4_321 ? { status: 'needs-attention', reason: 'DEFINITION_MISSING' } : {}),
        );
      },
    });
    await page.getByText('100 sagas found, 100 looked at').waitFor();
    await page.getByRole('button', { name: 'Load older sagas' }).click();
    await page.getByText('200 sagas found, 200 looked at').waitFor();
    await page.getByLabel('Reason, id or key').fill('definition');
    await page.getByText('1 saga found, 10,000 looked at').waitFor();
    expect(plane.paths.filter((path) => path.startsWith('/sagas?limit=1000'))).to.have.lengthOf(10);
    await page.getByRole('link', { name: 'checkout' }).click();
    await page.getByText('Needs attention: DEFINITION_MISSING').waitFor();
  });
});
