import { expect } from 'chai';
import type { Call } from 'multilane';
import { ordersClient, transportOf } from '#src/services/users/orders-client.js';

describe('the way of users to the orders service', () => {
  it('is auto when ORDERS_TRANSPORT is not set, and when it is empty', () => {
    expect([undefined, '', 'auto'].map(transportOf)).to.deep.equal(['auto', 'auto', 'auto']);
    expect(() => transportOf('tcp')).to.throw('ORDERS_TRANSPORT must be one of auto, http, grpc');
  });

  it('accepts a message by gRPC without the time at which an order was made', async () => {
    const sent = { id: '1', userId: '7', productId: '2', quantity: 3, status: 'new', createdAt: null };
    const call = (() => ({ grpc: async () => ({ message: { orders: [sent] } }) })) as unknown as Call;
    expect(await ordersClient(call, 'grpc')(7)).to.deep.equal([
      { id: 1, userId: 7, productId: 2, quantity: 3, status: 'new', createdAt: null },
    ]);
  });
});
