// The methods of orders.proto.
import { type RpcHandlers, type ServiceDeps, ValidationError } from 'multilane';
import { DEFAULT_LIMIT, decodeCursor, pageOf } from './rules.js';
import { MAX_LIMIT, type Order } from './schema.js';
import { ordersOfUser } from './store.js';

interface GetUserOrdersRequest {
  /** 64-bit integers are texts. */
  readonly userId: string;
  readonly limit: number;
  readonly cursor: string;
}

export function rpcHandlers({ db }: ServiceDeps): RpcHandlers {
  return {
    OrderService: {
      async GetUserOrders(request: GetUserOrdersRequest) {
        const userId = idOf(request.userId);
        const limit = request.limit === 0 ? DEFAULT_LIMIT : request.limit;
        if (limit > MAX_LIMIT)
          throw new ValidationError([{ path: '/limit', message: `must be at most ${MAX_LIMIT}` }]);
        const after = request.cursor === '' ? undefined : decodeCursor(request.cursor);
        const page = pageOf(await ordersOfUser(db, userId, limit + 1, after), limit);
        return { orders: page.orders.map(messageOf), nextCursor: page.next ?? '' };
      },
    },
  };
}

function idOf(text: string): number {
  const id = Number(text);
  if (id >= 1 && Number.isSafeInteger(id)) return id;
  throw new ValidationError([{ path: '/userId', message: 'must be an id, from 1 to 2^53 - 1' }]);
}

const messageOf = ({ createdAt, ...order }: Order): object => ({
  ...order,
  createdAt: timestampOf(createdAt),
});

/** A `google.protobuf.Timestamp`. */
function timestampOf(iso: string): { readonly seconds: number; readonly nanos: number } {
  const milliseconds = Date.parse(iso);
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}
