// A failure of the server itself in what Node.js calls: it would end the thread, with all connections.
import { expect } from 'chai';
import { OPEN_GATE } from '#src/server/http-core.js';
import { NodeServer } from '#src/server/node/node-server.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { Wire } from '#test/support/wire.js';
import { bench, settled } from '../kit.js';

const CHUNKED = 'POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
/** What a client sends, and the call of the server that fails then. */
const CASES: Readonly<Record<string, string>> = {
  enter: '',
  servesOther: 'PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n',
  'servesOther behind a request': 'GET / HTTP/1.1\r\nHost: x\r\n\r\nPROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n',
  'servesOther with an expectation':
    'PROPFIND / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
  webSocketAt: `GET /socket HTTP/1.1\r\nHost: x\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n`,
  'refused in a broken body': `${CHUNKED}no size\r\n`,
  'refused by the limit of a body': `${CHUNKED}5\r\nhello\r\n${'1\r\nx\r\n'.repeat(20_000)}`,
};

describe('a failure of the server on node:http', () => {
  let failing: string | undefined;
  const failure = new Error('a fault of the server');
  const failsAt = (call: string): void => {
    if (failing?.startsWith(call) === true) throw failure;
  };

  const world = bench((app) => {
    app.get('/', () => settled());
    app.post('/read', (ctx) => ctx.readText());
    app.ws('/socket', {});
  });
  const { app, observer, logs } = world;
  const servesOther = app.servesOther.bind(app);
  const webSocketAt = app.webSocketAt.bind(app);
  const refused = observer.refused.bind(observer);
  Object.assign(app, {
    servesOther: (...args: Parameters<typeof servesOther>) => {
      failsAt('servesOther');
      return servesOther(...args);
    },
    webSocketAt: (...args: Parameters<typeof webSocketAt>) => {
      failsAt('webSocketAt');
      return webSocketAt(...args);
    },
  });
  observer.refused = (reason) => {
    failsAt('refused');
    refused(reason);
  };
  const gate = {
    ...OPEN_GATE,
    enter: () => {
      failsAt('enter');
      return true;
    },
    leave: () => failsAt('leave'),
  };
  let server: NodeServer;
  let url: string;

  before(async () => {
    const settings = { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 };
    server = new NodeServer(app, { settings, gate });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  afterEach(async () => {
    failing = undefined;
    const wire = await Wire.open(url);
    expect((await wire.request('GET', '/'))?.status).to.equal(204);
    wire.destroy();
  });
  after(() => server.close());

  const failures = (): unknown[] => logs.filter(({ msg }) => msg === 'the HTTP core failed');

  for (const [what, bytes] of Object.entries(CASES)) {
    it(`ends only the connection that it concerns, with one line: ${what}`, async () => {
      const before = failures().length;
      failing = what;
      const other = failing === 'enter' ? undefined : await Wire.open(url);
      const wire = await Wire.open(url);
      wire.write(bytes);
      await wire.closed();
      expect(failures().slice(before)).to.containSubset([{ err: { message: failure.message } }]);
      expect(failures().length).to.equal(before + 1);
      expect(server.unfinished).to.equal(0);
      if (other !== undefined) expect((await other.request('GET', '/'))?.status).to.equal(204);
      other?.destroy();
    });
  }

  it('is logged when the connection has ended already', async () => {
    const before = failures().length;
    const wire = await Wire.open(url);
    expect((await wire.request('GET', '/'))?.status).to.equal(204);
    failing = 'leave';
    wire.destroy();
    while (failures().length === before) await settled();
    while (server.connections > 0) await settled();
    expect(failures().length).to.equal(before + 1);
  });
});
