// The contract of a gRPC method: its name, which sides stream, and how its messages become bytes and back.
// load-proto.ts makes methods from .proto files; servers and clients of gRPC work with nothing else.

/** How messages of one type are written and read. Messages are plain objects (docs/grpc.md). */
export interface MessageCodec {
  /** The full name of the type, such as `multilane.orders.v1.Order`. */
  readonly type: string;
  /** @throws TypeError that names the field for a message that is not of this type */
  encode(message: unknown): Uint8Array;
  /** @throws Error for bytes that are no message of this type, FieldLimitError */
  decode(bytes: Uint8Array): object;
}

export interface RpcMethod {
  /** The full name of the gRPC service, such as `multilane.orders.v1.OrderService`. */
  readonly service: string;
  readonly name: string;
  /** `/multilane.orders.v1.OrderService/GetUserOrders` */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Whether it may be executed twice: option `idempotency_level` is `NO_SIDE_EFFECTS` or `IDEMPOTENT`. */
  readonly isIdempotent: boolean;
  readonly request: MessageCodec;
  readonly response: MessageCodec;
}
