// Runs the service of docs/grpc.md, and the calls that the page makes.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import protobuf from 'protobufjs';
import type { Database, ServiceDefinition } from '#src/index.js';
import { BusinessError, defineService } from '#src/index.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { withApp } from '#test/testing/with-app.js';
import { blockOf } from './blocks.js';
import { Fragments } from './fragments.js';
import { guideOf } from './guide.js';

const { files } = guideOf(readFileSync('docs/grpc.md', 'utf8'));
const STOCK = `syntax = "proto3"; message Reservation { int32 product_id = 1; }
  service Stock { rpc Reserve(Reservation) returns (Reservation); }`;

interface Streams {
  WatchOrders(request: { readonly userId: string }): AsyncIterable<{ readonly quantity: number }>;
  ImportOrders(orders: AsyncIterable<object>): Promise<{ readonly count: number }>;
}

async function* sent(...orders: readonly object[]): AsyncGenerator<object> {
  yield* orders;
}

describe('docs/grpc.md', () => {
  let fragments: Fragments;
  before(() => {
    fragments = new Fragments();
    for (const [name, text] of Object.entries(files)) fragments.project.write(name, text);
    fragments.project.write('stock.proto', STOCK);
  });
  after(() => fragments.project.remove());

  it('shows a service, calls of it, and the failure of a call', async () => {
    expect(Object.keys(files)).to.deep.equal(['orders.proto', 'migrations/0001_orders.sql', 'service.js']);
    const { orders } = await fragments.module<{ orders: ServiceDefinition }>(
      files['service.js']!,
      'service.js',
    );
    const stock = defineService({
      name: 'stock',
      routes: () => undefined,
      grpc: {
        proto: new URL(`file://${fragments.project.folder}/stock.proto`),
        handlers: () => ({
          Stock: {
            Reserve() {
              throw new BusinessError('OUT_OF_STOCK', 'None is left.');
            },
          },
        }),
      },
    });
    const calls = await fragments.routes(
      `app.get('/', async () => {
         ${blockOf('docs/grpc.md', 'const { message, headers } = await call(')}
         return message;
       });
       app.get('/report', async () => (await call('orders').grpc('GetReport', {})).message);
       app.get('/reserved', async () => {
         ${blockOf('docs/grpc.md', 'try {')}
       });`,
      'const signature = Buffer.from([0, 255]);',
    );
    const { url: databaseUrl } = await startTestPostgres();
    await withApp({ services: [orders, stock, calls], databaseUrl }, async (app) => {
      const db: Database = app.database('orders');
      const { OrderService } = orders.grpc!.handlers({ db } as never) as unknown as { OrderService: Streams };
      const imported = sent({ userId: '7', quantity: 2 }, { userId: '7', quantity: 3 });
      expect(await OrderService.ImportOrders(imported)).to.deep.equal({ count: 2 });
      const watched: number[] = [];
      for await (const { quantity } of OrderService.WatchOrders({ userId: '7' })) watched.push(quantity);
      expect(watched).to.deep.equal([3, 2]);
      expect((await app.inject('/')).json()).to.deep.equal({
        orders: [
          { id: '2', userId: '7', quantity: 3 },
          { id: '1', userId: '7', quantity: 2 },
        ],
      });
      expect((await app.inject('/report')).json()).to.deep.equal({ orders: '2' });
      expect((await app.inject('/reserved')).json()).to.deep.equal({ reserved: false });
    });
  });

  it('shows how a method is declared that may be repeated', () => {
    const method = blockOf('docs/grpc.md', 'rpc GetUserOrders(');
    const { root } = protobuf.parse(
      files['orders.proto']!.replace(/^ {2}rpc GetUserOrders.*$/m, () => method),
    );
    const { options } = root.lookupService('multilane.orders.v1.OrderService').methods.GetUserOrders!;
    expect(options).to.deep.equal({ idempotency_level: 'NO_SIDE_EFFECTS' });
  });
});
