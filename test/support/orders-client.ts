// Calls of the shop's OrderService by a client of grpc-js.
import { pathToFileURL } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { loadProto } from '#src/grpc/load-proto.js';

const ORDERS = pathToFileURL('src/services/orders/orders.proto');

interface OrdersPage {
  readonly orders: readonly { readonly id: string; readonly productId: string }[];
  readonly nextCursor: string;
}

/** @throws ServiceError */
export async function callOrders(port: number, message: object): Promise<OrdersPage> {
  const methods = await loadProto(ORDERS);
  const { path, request, response } = methods.get('/multilane.orders.v1.OrderService/GetUserOrders')!;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (given: object) => Buffer.from(request.encode(given)),
        (bytes) => response.decode(bytes) as OrdersPage,
        message,
        (error, page) => (error === null ? resolve(page!) : reject(error as Error)),
      );
    });
  } finally {
    client.close();
  }
}
