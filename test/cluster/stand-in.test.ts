import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { NodePlaceholder } from '#src/cluster/node-placeholder.js';
import type { PlaceholderListener } from '#src/cluster/placeholder-listener.js';
import { StandIn } from '#src/cluster/stand-in.js';
import { until } from '#test/support/until.js';
import { UNCOUNTED } from './uncounted.js';

const HOST = '127.0.0.1';

/** A primary that tries to listen without long pauses, and its log. */
function setUp(placeholder: PlaceholderListener, port: number) {
  const lines: string[] = [];
  const standIn = new StandIn({
    ...{ placeholder, host: HOST, port, mode: 'exclusive' },
    pauseMs: { first: 1, longest: 2 },
    log: {
      info: (text: string) => lines.push(text),
      error: ({ err }: { err: Error }, text: string) => lines.push(`${text}: ${err.message}`),
    } as never,
  });
  return { standIn, lines };
}

/** A listener that fails at first. */
function failing(failures = Number.POSITIVE_INFINITY) {
  const state = { attempts: 0, failures, isListening: false };
  const placeholder: PlaceholderListener = {
    async listen(port) {
      state.attempts += 1;
      if (state.attempts <= state.failures) throw new Error('not now');
      state.isListening = true;
      return port;
    },
    reserve: (port) => port,
    stopListening() {
      state.isListening = false;
    },
    close() {},
  };
  const attempts = (count: number) =>
    until(
      () => state.attempts,
      (made) => made >= count,
    );
  return { state, placeholder, attempts };
}

describe('a primary that listens in place of its workers', () => {
  it('tries until it can, and logs two lines for that, however often it tries', async () => {
    const { state, placeholder, attempts } = failing();
    const { standIn, lines } = setUp(placeholder, 1);
    standIn.begin();
    standIn.begin();
    await attempts(30);
    expect(lines).to.deep.equal([
      'neither a worker nor the primary listens: new connections are refused: not now',
    ]);
    state.failures = 0;
    await until(
      () => lines.length,
      (count) => count === 2,
    );
    expect(lines[1]).to.match(/^the primary listens: requests get 503 NO_WORKER/);
    const made = state.attempts;
    standIn.begin();
    expect([state.isListening, state.attempts]).to.deep.equal([true, made]);
    standIn.end();
    expect(state.isListening).to.equal(false);
  });

  it('says nothing about a few failures', async () => {
    const { state, placeholder } = failing(2);
    const { standIn, lines } = setUp(placeholder, 1);
    standIn.begin();
    await until(() => state.isListening, Boolean);
    expect(lines).to.deep.equal([]);
    standIn.end();
  });

  it('stops trying when a worker is to listen, and begins anew after that', async () => {
    const { state, placeholder, attempts } = failing();
    const { standIn } = setUp(placeholder, 1);
    standIn.begin();
    await attempts(2);
    standIn.end();
    state.failures = 0;
    const other = failing();
    const { standIn: clock } = setUp(other.placeholder, 1);
    clock.begin();
    const made = state.attempts;
    await other.attempts(10); // as many pauses as the first one would have had
    clock.end();
    expect([state.isListening, state.attempts]).to.deep.equal([false, made]);
    standIn.begin();
    await until(() => state.isListening, Boolean);
    standIn.end();
  });

  it('gets a port that is given up, and says before that what may have it', async () => {
    const other = createServer().listen(0, HOST);
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const files = { tlsCertFile: undefined, tlsKeyFile: undefined };
    const placeholder = new NodePlaceholder({ host: HOST, ...files, connections: UNCOUNTED });
    const { standIn, lines } = setUp(placeholder, port);
    try {
      standIn.begin();
      await until(
        () => lines.length,
        (count) => count === 1,
      );
      expect(lines[0]).to.match(
        new RegExp(
          `new connections wait .*: .*${HOST}:${port} .*: the port is in use by a thread that has not given it up yet`,
        ),
      );
      other.close();
      await until(
        () => lines.length,
        (count) => count === 2,
      );
      expect((await fetch(`http://${HOST}:${port}/`)).status).to.equal(503);
    } finally {
      standIn.end();
      placeholder.close();
      other.close();
    }
  });
});
