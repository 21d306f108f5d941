// The dashboard without a connection, without a token, and with nothing to show.
import { expect } from 'chai';
import { useChromium } from './browser.js';
import { PLACES, visit } from './places.js';

const TOKEN = 'a-token-of-more-than-thirty-two-characters';

describe('the dashboard', () => {
  const open = useChromium();

  it('keeps the last figures while it is disconnected, and goes on when the process is back', async () => {
    const { page, plane } = await open();
    await page.getByText('1,240/s').waitFor();
    await plane.cut();
    await page.getByRole('alert').filter({ hasText: 'Disconnected' }).waitFor();
    await page.getByText('Not renewed since').waitFor();
    expect(await page.getByText('1,240/s').count()).to.equal(1);
    plane.data.overview.requests = { perSecond: 77, errorsPerSecond: 0, inFlight: 0, total: 1, errors: 0 };
    await plane.listen();
    await page.getByText('77/s').waitFor();
    await page.getByText('Disconnected').waitFor({ state: 'detached' });
  });

  it('asks for the token, says that one is wrong, and keeps the right one in this tab only', async () => {
    const { page, plane } = await open({ token: TOKEN, place: '#/breakers' });
    await page.getByRole('heading', { name: 'Token needed' }).waitFor();
    expect(await page.getByText('orders-1').count()).to.equal(0);
    await page.getByLabel('Admin token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The admin plane refused this token.').waitFor();
    await page.getByLabel('Admin token').fill('with space');
    await page.keyboard.press('Enter');
    await page.getByText('A token has no spaces').waitFor();
    await page.getByLabel('Admin token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByText('orders-1').waitFor();
    await page.getByText('live').waitFor();
    await page.reload();
    await page.getByText('orders-1').waitFor();
    const kept = await page.evaluate(() => [Object.values(sessionStorage), JSON.stringify(localStorage)]);
    expect(kept[0]).to.include(TOKEN);
    expect(kept[1]).not.to.include(TOKEN);
    expect(plane.paths.filter((path) => path.includes(TOKEN))).to.deep.equal([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Token needed' }).waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).to.equal(0);
  });

  it('says when too many tokens were wrong', async () => {
    const { page, plane } = await open({ token: TOKEN });
    await page.getByLabel('Admin token').waitFor();
    plane.allow();
    plane.faults.set('/switches', { status: 429, code: 'RATE_LIMITED', detail: 'Too many failed tokens.' });
    await page.getByLabel('Admin token').fill('another');
    await page.keyboard.press('Enter');
    await page.getByText('Too many wrong tokens.').waitFor();
  });

  it('shows on every page why it has no data, and gets it with a further attempt', async () => {
    const { page, plane } = await open();
    await page.getByText('1,240/s').waitFor();
    const fault = { status: 503, code: 'STARTING', detail: 'The databases are not ready.' };
    for (const path of ['/routes', '/traces', '/sagas', '/registry', '/breakers', '/switches', '/settings']) {
      plane.faults.set(path, fault);
    }
    const own = PLACES.filter(([place]) =>
      /#\/(route\?|trace|saga|service\?|breakers|switches|settings)/.test(place),
    );
    for (const [place] of own) {
      await visit(page, place);
      await page.getByText('The databases are not ready.').first().waitFor();
      await page
        .getByText(`503 STARTING · trace ${'c'.repeat(32)}`)
        .first()
        .waitFor();
    }
    plane.faults.clear();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('3 of 3 settings').waitFor();
    expect(own).to.have.lengthOf(9);
  });

  it('marks figures that one path does not renew any more, while the others are live', async () => {
    const { page, plane } = await open({ place: '#/settings' });
    await page.getByText('3 of 3 settings').waitFor();
    await page.evaluate(() => {
      const later = window.setTimeout.bind(window);
      window.setTimeout = ((run: () => void, ms = 0) => later(run, ms / 5)) as typeof window.setTimeout;
    });
    await visit(page, '#/breakers');
    await page.getByText('orders-1').waitFor();
    plane.stuck.add('/breakers');
    await page.getByText('Not renewed since').waitFor();
    await page.getByText('The process has sent no newer figures yet.').waitFor();
    expect(await page.getByText('orders-1').count()).to.equal(1);
    expect(await page.getByText('Disconnected').count()).to.equal(0);
    plane.release();
    await page.getByText('Not renewed since').waitFor({ state: 'detached' });
  });

  it('does not wait for ever, neither for figures nor for the end of a command', async () => {
    const { page, plane } = await open({ place: '#/settings' });
    await page.getByText('3 of 3 settings').waitFor();
    await page.evaluate(() => {
      const timeout = AbortSignal.timeout.bind(AbortSignal);
      AbortSignal.timeout = (ms) => timeout(ms / 10);
    });
    plane.stuck.add('/switches').add('/breakers/');
    await visit(page, '#/switches');
    await page.getByText('The process has not responded in time.').waitFor();
    await visit(page, '#/breakers');
    const row = page.getByRole('row').filter({ hasText: 'orders-1' });
    await row.getByRole('button', { name: 'Force open' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Force open', exact: true }).click();
    await page.getByText('It is not known whether this was done').waitFor();
    plane.release();
    await visit(page, '#/switches');
    await page.getByText('/api/users/{id}').first().waitFor();
  });

  it('says on every page when there is nothing', async () => {
    const { page, plane, errors } = await open({
      prepare: ({ data }) => {
        for (const list of [data.routes, data.workers, data.services, data.instances, data.breakers])
          list.length = 0;
        for (const list of [data.sagas, data.flights, data.traces, data.spans, data.settings])
          list.length = 0;
        data.calls = { windowS: 10, nodes: [], edges: [] };
        data.switches.routes.length = 0;
        Object.assign(data.cpu, { tasks: [], shares: [] });
      },
    });
    for (const [place] of PLACES.filter(([one]) => !/saga\?|limits/.test(one))) {
      await visit(page, place);
      await page.locator('.empty-title').first().waitFor();
    }
    await visit(page, '#/nowhere');
    await page.getByText('The dashboard has no such page').waitFor();
    expect(plane.commands).to.deep.equal([]);
    expect(errors).to.deep.equal([]);
  });

  it('has the singular on every page when there is one of everything', async () => {
    const { page, errors } = await open({
      prepare: ({ data }) => {
        for (const list of [data.routes, data.workers, data.services, data.instances, data.breakers])
          list.length = 1;
        for (const list of [data.sagas, data.flights, data.traces, data.spans, data.settings])
          list.length = 1;
        data.breakers[0]!.forced = false;
        data.breakers[0]!.window = { failures: 1, calls: 1 } as never;
        const page = '#/limits';
        data.overview.problems = [
          { id: 'a', severity: 'warning', title: 'No', detail: 'No.', page },
        ] as never;
      },
    });
    for (const [place] of PLACES) {
      await visit(page, place);
      await page.locator('main h1').first().waitFor();
      const text = await page.locator('body').innerText();
      expect(text, place).to.not.match(/(?:^|\s)1 (?:[a-z]+ )?(?!has |is |was |needs |fails )[a-z]{3,}s\b/);
    }
    expect(errors).to.deep.equal([]);
  });

  it('says so when the process sends no figures for a page', async () => {
    const { page, plane } = await open({ place: '#/calls', prepare: ({ silent }) => silent.add('calls') });
    await page.getByText('The process sends no figures for this page.').waitFor();
    plane.silent.clear();
    await page.getByText('405/s · 15 % err', { exact: true }).waitFor();
  });

  it('follows only the topics that the open page needs', async () => {
    const { page, plane } = await open();
    await page.getByText('1,240/s').waitFor();
    await visit(page, '#/calls');
    await page.getByText('405/s · 15 % err', { exact: true }).waitFor();
    const streams = plane.paths.filter((path) => path.startsWith('/events'));
    expect(streams).to.deep.equal(['/events?topics=overview', '/events?topics=calls%2Coverview']);
  });
});
