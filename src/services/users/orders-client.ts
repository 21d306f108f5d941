// Fetches a user's orders from the orders service. ORDERS_TRANSPORT says how; the result is the same.
import { type Call, type ClientOptions, ConfigError, type ServiceClient } from 'multilane';

/** After this time the response is sent without orders rather than late. */
const TIMEOUT_MS = 1500;

const OVER_NETWORK: ClientOptions = { prefer: 'network' };

const TRANSPORTS = ['auto', 'http', 'grpc'] as const;

/**
 * `auto`: without a socket where the orders service runs in this process, else over HTTP. `http` and `grpc`:
 * over the network, also to an instance in this process.
 */
export type OrdersTransport = (typeof TRANSPORTS)[number];

/** @throws ConfigError for a value that is none of these */
export function transportOf(value: string | undefined): OrdersTransport {
  const known = TRANSPORTS.find((transport) => transport === (value || 'auto'));
  if (known !== undefined) return known;
  throw new ConfigError(`ORDERS_TRANSPORT must be one of ${TRANSPORTS.join(', ')}, not "${value}"`);
}

/** Returns the first page of a user's orders. Throws when it is not available. */
export type OrdersOf = (userId: number) => Promise<readonly unknown[]>;

export function ordersClient(call: Call, transport: OrdersTransport): OrdersOf {
  if (transport === 'grpc') return (userId) => byGrpc(call, userId);
  return (userId) => byHttp(transport === 'http' ? call('orders', OVER_NETWORK) : call('orders'), userId);
}

async function byHttp(orders: ServiceClient, userId: number): Promise<readonly unknown[]> {
  const response = await orders.get(`/api/users/${userId}/orders`, { timeoutMs: TIMEOUT_MS });
  if (response.status !== 200) throw new Error(`the orders service responded with ${response.status}`);
  const list = response.json();
  if (!Array.isArray(list)) throw new Error('the response of the orders service is not a list');
  return list;
}

/** A message of orders.proto. 64-bit integers are texts. */
interface OrderMessage {
  readonly id: string;
  readonly userId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly status: string;
  /** Null in a message of a service that does not send it. */
  readonly createdAt: { readonly seconds: string; readonly nanos: number } | null;
}

async function byGrpc(call: Call, userId: number): Promise<readonly unknown[]> {
  const { message } = await call('orders', OVER_NETWORK).grpc<{ readonly orders: readonly OrderMessage[] }>(
    'GetUserOrders',
    { userId },
    { timeoutMs: TIMEOUT_MS },
  );
  return message.orders.map(({ id, productId, quantity, status, createdAt }) => ({
    id: Number(id),
    userId,
    productId: Number(productId),
    quantity,
    status,
    createdAt: createdAt && timeText(createdAt),
  }));
}

const timeText = ({ seconds, nanos }: NonNullable<OrderMessage['createdAt']>): string =>
  new Date(Number(seconds) * 1000 + nanos / 1_000_000).toISOString();
