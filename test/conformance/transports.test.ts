// What a call gives and takes is the same whether the service is in this worker or behind a socket.
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { HttpError } from '#src/errors.js';
import { dispatchTo } from '#src/hosting/dispatch.js';
import { createUwsServer } from '#src/server/uws.js';
import { HttpTransport } from '#src/upstream/http.js';
import { InProcessTransport } from '#src/upstream/in-process.js';
import { MAX_RESPONSE_BYTES, type OutgoingRequest, type Transport } from '#src/upstream/transport.js';
import { bench } from '#test/server/kit.js';
import { endpoint } from '#test/upstream/endpoints.js';

const MIB = 1024 * 1024;

function callee() {
  const state = { pulled: 0, closed: 0 };
  const { app } = bench(
    (demo) => {
      demo.post('/fill', async (ctx) => {
        const bytes = await ctx.readBytes();
        const sum = bytes.reduce((total, byte) => total + byte, 0);
        bytes.fill(0);
        return { sum };
      });
      demo.get('/bytes/:count', (ctx) => new Uint8Array(Number(ctx.params.count)).fill(7));
      demo.get('/endless', (ctx) =>
        ctx.stream(
          (async function* () {
            try {
              for (;;) {
                state.pulled += MIB;
                yield new Uint8Array(MIB);
                await new Promise((resolve) => setImmediate(resolve));
              }
            } finally {
              state.closed++;
            }
          })(),
          'application/octet-stream',
        ),
      );
    },
    { maxBodyBytes: 64 * MIB },
  );
  return { app, state };
}

const ways = {
  async 'in-process'({ app }: ReturnType<typeof callee>) {
    const transport: Transport = new InProcessTransport(dispatchTo(app));
    return { transport, port: 1, close: async () => transport.close() };
  },
  async HTTP({ app }: ReturnType<typeof callee>) {
    const server = createUwsServer(app, {
      settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 },
    });
    const port = await server.listen(0, '127.0.0.1');
    const transport: Transport = new HttpTransport();
    return {
      transport,
      port,
      async close() {
        await transport.close();
        server.close();
      },
    };
  },
};

for (const [name, open] of Object.entries(ways)) {
  describe(`a call over the ${name} transport`, () => {
    const service = callee();
    let way: Awaited<ReturnType<typeof open>>;
    before(async () => {
      way = await open(service);
    });
    after(() => way.close());

    const send = (members: Partial<OutgoingRequest>) =>
      way.transport.send(endpoint('one', { service: 'demo', port: way.port }), {
        method: 'GET',
        path: '/',
        headers: {},
        body: undefined,
        deadline: Deadline.after(20_000),
        signal: new AbortController().signal,
        ...members,
      });
    const failure = (members: Partial<OutgoingRequest>): Promise<unknown> =>
      send(members).then(
        () => undefined,
        (error: unknown) => error,
      );

    it('leaves the bytes that were given as they are, so that it can be made again', async () => {
      const body = new Uint8Array(1000).fill(3);
      for (let attempt = 0; attempt < 2; attempt++) {
        const response = await send({ method: 'POST', path: '/fill', body });
        expect(response.json()).to.deep.equal({ sum: 3000 });
      }
      expect(body.every((byte) => byte === 3)).to.equal(true);
    });

    it('takes a response up to the bound that all have', async () => {
      const response = await send({ path: `/bytes/${MAX_RESPONSE_BYTES}` });
      expect(response.bytes().length).to.equal(MAX_RESPONSE_BYTES);
      response.bytes().fill(0);
      expect(response.bytes()[0]).to.equal(7);
      const error = await failure({ path: `/bytes/${MAX_RESPONSE_BYTES + 1}` });
      expect(error).to.be.instanceOf(HttpError).with.property('code', 'BAD_UPSTREAM');
    });

    it('ends an endless response at that bound, and its source with it', async () => {
      const error = await failure({ path: '/endless' });
      expect(error).to.be.instanceOf(HttpError).with.property('code', 'BAD_UPSTREAM');
      while (service.state.closed === 0) await new Promise((resolve) => setImmediate(resolve));
      // What lies in sockets has been pulled as well.
      expect(service.state.pulled).to.be.below(MAX_RESPONSE_BYTES + 32 * MIB);
    });
  });
}
