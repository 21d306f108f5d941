// Tasks of an operator in Chromium that a real process cannot be brought to in a short time, or whose
// commands are looked at. operator-process.test.ts has those of a real process.
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { useChromium } from './browser.js';
import { problemsIn, REPORT, route, saga, stalledWorker, step } from './plane-rows.js';

const confirm = async (page: Page, name: string): Promise<void> => {
  await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
};

describe('an operator at the dashboard', () => {
  const open = useChromium();

  it('sees the figures move', async () => {
    const { page, plane, errors } = await open();
    await page.getByText('1,240/s').waitFor();
    plane.data.overview.requests = { perSecond: 2_718, errorsPerSecond: 0, inFlight: 1, total: 1, errors: 0 };
    await page.getByText('2,718/s').waitFor();
    await page.getByText('Nothing is wrong').waitFor();
    expect(errors).to.deep.equal([]);
  });

  it('names the route that stalls a worker, the function in it, and switches the route off', async () => {
    const { page, plane } = await open({
      prepare: ({ data }) => {
        data.workers[1] = stalledWorker(2);
        data.overview.problems = problemsIn({ workers: data.workers });
        data.routes[2] = route({ route: REPORT, service: 'orders', perSecond: 0.4, stalls: 7 });
      },
    });
    await page.getByText(`Its event loop is blocked in ${REPORT} for 3400 ms.`).waitFor();
    await page.getByRole('link', { name: 'Worker 2 is stalled' }).click();
    await page
      .getByText('Runs now')
      .filter({ hasText: `${REPORT} for 3.4 s` })
      .waitFor();
    await page.getByRole('button', { name: 'Record' }).click();
    const hottest = page.getByRole('region', { name: 'Hottest functions' }).getByRole('row').nth(1);
    expect(await hottest.innerText()).to.match(/^renderReport\s+50 ms\s+71 %/);
    await page.getByRole('navigation').getByRole('link', { name: 'Routes' }).click();
    const stalls = page.getByRole('button', { name: 'Stalls' });
    await stalls.click();
    expect(await page.getByRole('row').nth(1).innerText()).to.include(REPORT);
    await page.getByRole('link', { name: REPORT }).click();
    await page.getByRole('button', { name: 'Switch off' }).click();
    await page.getByLabel('Reason').fill('exports block the workers');
    await confirm(page, 'Switch off');
    await page.getByText(`GET ${REPORT} is off.`).waitFor();
    await page.getByRole('button', { name: 'Switch on' }).waitFor();
    const body = { method: 'GET', route: REPORT, state: 'off', reason: 'exports block the workers' };
    expect(plane.commands).to.deep.equal([`PUT /switches/routes ${JSON.stringify(body)}`]);
  });

  it('finds the failing saga by status and reason, and retries it', async () => {
    const failing = saga(100, {
      status: 'needs-attention',
      reason: 'COMPENSATION_FAILED',
      steps: [
        step('createUser', { status: 'compensated' }),
        step('createOrder', { status: 'compensating', attempts: 41, finishedAt: null }),
        step('capturePayment', {
          status: 'failed',
          attempts: 5,
          error: { code: 'PAYMENT_DECLINED', message: 'The card was declined.' },
        }),
      ],
    });
    const { page, plane } = await open({
      prepare: ({ data }) => {
        data.sagas.push(failing, saga(101, { status: 'needs-attention', reason: 'DEFINITION_MISSING' }));
      },
      place: '#/sagas',
    });
    await page.getByLabel('Status').selectOption('needs-attention');
    await page.getByText('2 sagas found').waitFor();
    await page.getByLabel('Reason, id or key').fill('compensation_f');
    await page.getByText('1 saga found').waitFor();
    await page.getByRole('link', { name: 'checkout' }).click();
    await page.getByText('Needs attention: COMPENSATION_FAILED').waitFor();
    await page
      .getByText('Step capturePayment failed with PAYMENT_DECLINED: The card was declined.')
      .waitFor();
    const steps = await page.getByRole('main').getByRole('listitem').allInnerTexts();
    expect(steps[1]).to.match(/createOrder\s+compensating\s+41 attempts/);
    await page.getByRole('button', { name: 'Retry' }).click();
    await confirm(page, 'Retry');
    await page.getByText('The saga continues within seconds.').waitFor();
    await page.getByText('It has ended').or(page.getByText('running')).first().waitFor();
    expect(plane.commands).to.deep.equal([`POST /sagas/${failing.sagaId}/retry`]);
  });

  it('skips a step with a result, which must be JSON', async () => {
    const stuck = saga(100, { status: 'needs-attention', reason: 'OUTCOME_UNKNOWN' });
    const { page, plane } = await open({
      prepare: ({ data }) => data.sagas.push(stuck),
      place: `#/saga?id=${stuck.sagaId}`,
    });
    await page.getByRole('button', { name: 'Skip the step' }).click();
    await page.getByLabel('Result of the step, as JSON').fill('{"paymentId":');
    await confirm(page, 'Skip the step');
    await page.getByText('This is no JSON').waitFor();
    expect(plane.commands).to.deep.equal([]);
    await page.getByLabel('Result of the step, as JSON').fill('{"paymentId":7}');
    await confirm(page, 'Skip the step');
    await page.getByText('The step counts as done.').waitFor();
    expect(plane.commands).to.deep.equal([`POST /sagas/${stuck.sagaId}/skip {"result":{"paymentId":7}}`]);
  });

  it('reports an action that the process refuses', async () => {
    const stuck = saga(100, { status: 'waiting' });
    const { page, plane } = await open({
      prepare: ({ data }) => data.sagas.push(stuck),
      place: `#/saga?id=${stuck.sagaId}`,
    });
    await page.getByRole('button', { name: 'Compensate' }).click();
    plane.faults.set('/sagas/', { status: 409, code: 'SAGA_NOT_IDLE', detail: 'The saga runs.' });
    await confirm(page, 'Compensate');
    await page.getByText('Not done: The saga runs. (SAGA_NOT_IDLE)').waitFor();
  });

  it('sees which call fails, in the graph and in the table', async () => {
    const { page } = await open({ place: '#/calls' });
    await page.getByText('405/s · 15 % err', { exact: true }).waitFor();
    expect(await page.getByRole('row').nth(1).innerText()).to.match(/^users\s+orders\s+405\s+15 %/);
    await page.getByRole('link', { name: 'orders service' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'orders' }).waitFor();
  });

  it('sees what is used up, and what takes the CPU', async () => {
    const { page } = await open({ place: '#/limits' });
    await page.getByText('19 of 20, 2 pools wait').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'CPU' }).click();
    await page.getByText('GET /api/users/{id}').waitFor();
    await page.getByText('42 %').waitFor();
    expect(await page.getByRole('row').nth(1).innerText()).to.match(/orders renderInvoice\s+812\s+2/);
  });

  it('sees which settings were changed, and no secret', async () => {
    const { page } = await open({ place: '#/settings' });
    await page.getByLabel('Show').selectOption('set');
    await page.getByText('2 of 3 settings').waitFor();
    await page
      .getByRole('row')
      .filter({ hasText: 'REQUEST_TIMEOUT_MS' })
      .filter({ hasText: '4000 ms' })
      .waitFor();
    await page.getByRole('row').filter({ hasText: 'ADMIN_TOKEN' }).filter({ hasText: '***' }).waitFor();
  });

  it('changes the log level and the share of traces, which must be a ratio', async () => {
    const { page, plane } = await open({ place: '#/switches' });
    await page.getByRole('button', { name: 'Change the log level' }).click();
    await page.getByRole('combobox', { name: 'Level' }).selectOption('debug');
    await confirm(page, 'Change');
    await page.getByText('log level: debug').waitFor();
    await page.getByRole('button', { name: 'Change the share of traces' }).click();
    const share = page.getByRole('textbox', { name: 'Share' });
    await share.fill('7');
    await confirm(page, 'Change');
    await page.getByText('This must be a number from 0 to 1, or auto.').waitFor();
    await share.fill('0.5');
    await page.getByLabel('Reason').fill('checkout is slow');
    await confirm(page, 'Change');
    await page.getByText('share of traces: 0.5').waitFor();
    expect(plane.commands).to.deep.equal([
      'PUT /switches/log-level {"level":"debug"}',
      'PUT /switches/sampling {"ratio":0.5,"reason":"checkout is slow"}',
    ]);
  });

  it('forces a breaker with a reason, which is part of the command', async () => {
    const { page, plane } = await open({ place: '#/breakers' });
    const row = page.getByRole('row').filter({ hasText: 'orders-1' });
    await row.getByRole('button', { name: 'Force open' }).click();
    const reason = page.getByLabel('Reason');
    await reason.fill('x'.repeat(201));
    await confirm(page, 'Force open');
    await page.getByText('At most 200 characters.').waitFor();
    await reason.fill('its disk is full');
    await confirm(page, 'Force open');
    await page.getByText('orders-1 is forced open.').waitFor();
    expect(plane.commands).to.have.length(1);
    expect(plane.commands[0]).to.include('{"force":"open","reason":"its disk is full"}');
  });

  it('sees the durations of a route, and tries it in the documentation of the data plane', async () => {
    const { page } = await open({ place: '#/route?method=GET&route=/api/users/{id}' });
    await page.getByText('1,376 requests, most often 4.2 ms to 5 ms').waitFor();
    const docs = page.getByRole('link', { name: 'Try it in the documentation' });
    expect(await docs.getAttribute('href')).to.equal('http://127.0.0.1:8080/docs#/users/get_api_users_id');
    expect(await page.getByRole('listitem').filter({ hasText: '503' }).innerText()).to.equal(
      '503 31 < 0.1 %',
    );
  });

  it('sees requests that no route has got', async () => {
    const { page, plane } = await open({
      place: '#/routes',
      prepare: ({ data }) => data.routes.push(route({ route: '', service: null, docs: null, perSecond: 7 })),
    });
    await page.getByRole('link', { name: 'GET no route' }).click();
    await page.getByRole('heading', { name: 'GET no route' }).waitFor();
    await page.getByText('1,376 requests').waitFor();
    expect(plane.paths).to.include('/routes/histogram?method=GET&route=');
  });

  it('does all of it with the keyboard', async () => {
    const { page } = await open({ place: '#/switches' });
    const change = page.getByRole('button', { name: 'Change the log level' });
    await change.waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).to.equal('main');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await change.evaluate((button) => document.activeElement === button)).to.equal(true);
    await page.evaluate(() => {
      location.hash = '#/workers';
    });
    await page.getByRole('heading', { name: 'Workers' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).to.equal('page-title');
  });
});
