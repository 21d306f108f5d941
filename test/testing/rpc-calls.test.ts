// Calls by gRPC between services of one process, which go through the pipeline without a socket.
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { BusinessError, defineService, type RpcContext, RpcError } from '#src/index.js';
import { createTestApp, type TestApp } from '#src/testing/test-app.js';

const EVERYTHING = pathToFileURL('test/grpc/fixtures/everything.proto');

interface Item {
  readonly name: string;
  readonly content: Uint8Array;
}

const stock = defineService({
  name: 'stock',
  routes: () => undefined,
  grpc: {
    proto: EVERYTHING,
    handlers: () => ({
      Everything: {
        Get(item: Item, ctx: RpcContext) {
          if (item.name === 'none')
            throw new BusinessError('OUT_OF_STOCK', 'None left.', { status: 409, details: { left: 0 } });
          ctx.header('x-key', ctx.headers.get('idempotency-key') ?? '');
          return { name: `${item.name} of ${ctx.requestId}`, content: item.content };
        },
        List: () => [],
        Collect: () => ({}),
        Chat: () => [],
      },
    }),
  },
});

const shop = defineService({
  name: 'shop',
  routes(app, { call }) {
    app.get('/items/:name', async (ctx) => {
      const content = new Uint8Array([0, 255]);
      const sent = { name: ctx.params.name, content };
      const { message, headers } = await call('stock').grpc<Item>('Get', sent, { idempotencyKey: 'k-1' });
      content.fill(1);
      return { name: message.name, content: [...message.content], key: headers['x-key'], id: ctx.requestId };
    });
    app.get('/caught', async () => {
      try {
        return await call('stock').grpc('Get', { name: 'none' });
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        const { code, status, grpc, service, members } = error;
        return { code, status, grpc, service, members };
      }
    });
    app.get('/unknown', () => call('shop').grpc('Get', {}));
  },
});

describe('a call by gRPC within the process', () => {
  let app: TestApp;
  before(async () => {
    app = await createTestApp({ services: [shop, stock] });
  });
  after(() => app.close());

  it('reaches the handler without a socket, with metadata and request id', async () => {
    const response = await app.inject('/items/pen');
    const { name, content, key, id } = response.json<Record<string, unknown>>();
    expect(response.status).to.equal(200);
    expect({ name, content, key }).to.deep.equal({
      name: `pen of ${String(id)}`,
      content: [0, 255],
      key: 'k-1',
    });
  });

  it('fails with the error of the handler, as over the network', async () => {
    expect((await app.inject('/caught')).json()).to.deep.equal({
      code: 'OUT_OF_STOCK',
      status: 409,
      grpc: 'ABORTED',
      service: 'stock',
      members: { details: { left: 0 } },
    });
  });

  it('that its handler does not catch is BAD_UPSTREAM for the client', async () => {
    const response = await app.inject('/items/none');
    expect(response.status).to.equal(502);
    expect(response.json()).to.include({ code: 'BAD_UPSTREAM' });
    expect(response.headers['x-multilane-final']).to.equal('1');
  });

  it('of a service without .proto files is a fault of the caller', async () => {
    expect((await app.inject('/unknown')).status).to.equal(500);
    expect(JSON.stringify(app.logs)).to.include('no .proto file of this service is known');
  });
});
