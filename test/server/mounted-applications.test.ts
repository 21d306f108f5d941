// When mounted applications are closed, and what becomes of one that does not close.
import { expect } from 'chai';
import type { NodeApplication } from '#src/server/handler.js';
import { MountedApplications } from '#src/server/mounted-applications.js';
import { latch } from './kit.js';

const LONG_MS = 60_000;

/** An application whose `close` is counted. */
const closing = (close: () => unknown): NodeApplication & { closed: number } => {
  const application = Object.assign((_req: unknown, _res: unknown) => undefined, {
    closed: 0,
    close(): unknown {
      application.closed++;
      return close();
    },
  });
  return application;
};

function mounted(...applications: readonly NodeApplication[]) {
  const logged: unknown[][] = [];
  const log = {
    error: (...line: unknown[]) => void logged.push(['error', ...line]),
    warn: (...line: unknown[]) => void logged.push(['warn', ...line]),
  };
  const all = new MountedApplications(log as never);
  for (const [index, application] of applications.entries())
    all.add(application, { service: 'shop', prefix: `/${index}` }, (cause) => cause as never);
  return { all, logged };
}

describe('mounted applications', () => {
  it('are closed once, also when they are mounted twice and closed again', async () => {
    const application = closing(() => undefined);
    const { all, logged } = mounted(application, application);
    await all.prepared();
    await all.close(LONG_MS);
    await all.close(LONG_MS);
    expect([application.closed, logged]).to.deep.equal([1, []]);
  });

  it('are not closed before they were made ready', async () => {
    const application = closing(() => undefined);
    const { all } = mounted(application);
    expect(all.haveToClose).to.equal(false);
    await all.close(LONG_MS);
    expect(application.closed).to.equal(0);
    await all.prepared();
    expect(all.haveToClose).to.equal(true);
  });

  it('have nothing to close without the method', async () => {
    const { all } = mounted(() => undefined);
    await all.prepared();
    expect(all.haveToClose).to.equal(false);
  });

  it('are waited for', async () => {
    const over = latch();
    const { all, logged } = mounted(closing(() => over.opened));
    await all.prepared();
    let hasClosed = false;
    const closed = all.close(LONG_MS).then(() => {
      hasClosed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasClosed).to.equal(false);
    over.open();
    await closed;
    expect(logged).to.deep.equal([]);
  });

  it('are left behind when one of them takes too long, which the log names', async () => {
    const quick = closing(() => undefined);
    const { all, logged } = mounted(
      closing(() => new Promise(() => undefined)),
      quick,
    );
    await all.prepared();
    await all.close(10);
    expect(quick.closed).to.equal(1);
    const message = 'close() of a mounted application takes too long; ending without it';
    expect(logged).to.deep.equal([['warn', { service: 'shop', prefix: '/0' }, message]]);
  });

  for (const [how, fail] of Object.entries({
    throws: () => {
      throw new Error('no');
    },
    rejects: async () => {
      throw new Error('no');
    },
    'throws what is no Error': () => {
      throw 'no';
    },
  }))
    it(`close all others when one of them ${how}, which the log names`, async () => {
      const next = closing(() => undefined);
      const { all, logged } = mounted(closing(fail), next);
      await all.prepared();
      await all.close(LONG_MS);
      expect(next.closed).to.equal(1);
      const [[level, fields, message]] = logged as [[string, Record<string, unknown>, string]];
      expect([level, message]).to.deep.equal(['error', 'a mounted application was not closed in order']);
      expect(fields).to.include({ service: 'shop', prefix: '/0' });
      expect((fields.err as Error).message).to.match(/\bno\b/);
    });
});
