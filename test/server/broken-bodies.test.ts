// Bodies that end before their end: the client leaves, or what it sends cannot be parsed.
import { expect } from 'chai';
import type { HttpError } from '#src/errors.js';
import type { HttpServer } from '#src/server/http-core.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { type Bench, bench, latch } from './kit.js';

const SIZED = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc';
const CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n';

onCores('a body that is not completed', (core) => {
  let world: Bench;
  let server: HttpServer;
  let url: string;
  let entered: ReturnType<typeof latch<void>>;
  let failed: ReturnType<typeof latch<unknown>>;

  before(async () => {
    world = bench((app) => {
      app.post('/', (ctx) => {
        entered.open();
        return ctx.readText().catch((error: HttpError) => {
          failed.open(error.code);
          throw error;
        });
      });
    });
    server = core.serverOf(world.app);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  beforeEach(() => {
    entered = latch<void>();
    failed = latch<unknown>();
  });
  afterEach(async () => {
    await world.observer.ended(world.observer.begun);
    expect([server.unfinished, world.app.inFlight, world.quotas.bodies.held]).to.deep.equal([0, 0, 0]);
  });
  after(() => server.close());

  const begun = async (text: string): Promise<Wire> => {
    const wire = await Wire.open(url);
    wire.write(text);
    await entered.opened;
    return wire;
  };

  for (const [what, text] of Object.entries({ 'of known length': SIZED, 'in chunks': CHUNKED })) {
    it(`fails its reader when the client ends the connection: ${what}`, async () => {
      const wire = await begun(text);
      wire.end();
      expect(await failed.opened).to.equal('CLIENT_CLOSED');
      await wire.closed();
    });
  }

  it('fails its reader at once when a chunk cannot be parsed', async () => {
    const wire = await begun(CHUNKED);
    wire.write('no size\r\n');
    // The uws core responds and closes by itself.
    expect(await failed.opened).to.equal({ uws: 'CLIENT_CLOSED', node: 'MALFORMED_REQUEST' }[core.name]);
    expect((await wire.response())?.status).to.equal(400);
    await wire.closed();
  });
});
