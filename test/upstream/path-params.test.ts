import { expect } from 'chai';
import fc from 'fast-check';
import { defineService } from '#src/index.js';
import { createTestApp } from '#src/testing.js';
import { filledPath } from '#src/upstream/path-params.js';

describe('the path of a route in a call', () => {
  it('gets the values of its parameters, encoded', () => {
    expect(filledPath('/api/orders/:id(\\d+)/:part', { id: 7, part: 'a b/ü' })).to.equal(
      '/api/orders/7/a%20b%2F%C3%BC',
    );
    expect(filledPath('/files/:owner/*', { owner: 12n, '*': 'a b/c?d' })).to.equal('/files/12/a%20b/c%3Fd');
    expect(filledPath('/files/*', { '*': '' })).to.equal('/files/');
    expect(filledPath('/a/:b?at=12:30/:c', { b: 1 })).to.equal('/a/1?at=12:30/:c');
    expect(filledPath('/a/:7/b:c', {})).to.equal('/a/:7/b:c');
  });

  it('needs every value, and no other', () => {
    expect(() => filledPath('/orders/:id/:part', { id: 1 })).to.throw(TypeError, 'part is missing');
    expect(() => filledPath('/orders/:toString', {})).to.throw(TypeError, 'toString is missing');
    expect(() => filledPath('/orders/:id', { id: 1, ide: 2 })).to.throw(
      TypeError,
      '"ide" is not in the path',
    );
  });

  it('refuses values that cannot stand there, or that would lead to another route', () => {
    for (const id of ['', '.', '..', null, {}, true, Number, Symbol('id')])
      expect(() => filledPath('/orders/:id', { id: id as never })).to.throw(TypeError, 'params: id must be');
    for (const path of ['..', 'a/../b', './a', {}])
      expect(() => filledPath('/files/*', { '*': path as never })).to.throw(TypeError, 'params: * must be');
  });

  it('has as many segments as the route, for any text', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (text) => {
        fc.pre(text !== '.' && text !== '..');
        expect(filledPath('/a/:b/c', { b: text })).to.match(/^\/a\/[^/?#]+\/c$/);
      }),
    );
  });
});

describe('a call by definition', () => {
  const orders = defineService({
    name: 'orders',
    routes: (app) =>
      app
        .get('/orders/:id', (ctx) => ({ id: ctx.params.id, q: ctx.query.get('q') }))
        .get('/files/*', (ctx) => ({ path: ctx.params['*'] }))
        .group('/shops/:shop', (shops) => shops.post('/items/:item', (ctx) => ctx.params)),
  });
  const shop = defineService({
    name: 'shop',
    routes(app, { call }) {
      app.get('/orders', async () => {
        const client = call(orders);
        const one = await client.get('/orders/:id', { params: { id: 'a/b c' }, query: { q: 1 } });
        const file = await client.get('/files/*', { params: { '*': 'x/y z' } });
        const item = await client.post('/shops/:shop/items/:item', { params: { shop: 's', item: 3 } });
        const byName = await call('orders').get('/orders/:id', { params: { id: 9 } });
        const requested = await client.request('GET', '/orders/:id', { params: { id: 8 } });
        return [one, file, item, byName, requested].map((response) => response.json());
      });
      app.get('/missing', async () => {
        const untyped = call({ ...orders } as never as 'orders');
        const failure = await untyped.get('/orders/:id').then(
          () => undefined,
          (error: unknown) => error,
        );
        return { isTypeError: failure instanceof TypeError, text: String(failure) };
      });
      app.get('/raw', async () => (await call('orders').get('/orders/:id')).json());
    },
  });

  it('calls the service of its name, and fills the path', async () => {
    const app = await createTestApp({ services: [orders, shop] });
    try {
      expect((await app.inject({ path: '/orders' })).json()).to.deep.equal([
        { id: 'a/b c', q: '1' },
        { path: 'x/y z' },
        { shop: 's', item: '3' },
        { id: '9' },
        { id: '8' },
      ]);
      expect((await app.inject({ path: '/missing' })).json()).to.deep.equal({
        isTypeError: true,
        text: 'TypeError: call: params: id is missing, for the path /orders/:id',
      });
      expect((await app.inject({ path: '/raw' })).json()).to.deep.equal({ id: ':id' });
    } finally {
      await app.close();
    }
  });
});
