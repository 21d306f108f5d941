// A call of grpc-js with another listener than the handler of the library.
import type * as grpcjs from '@grpc/grpc-js';
import type { ServerInterceptingCall, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { ResponsePace } from './response-pace.js';
import type { RpcListener } from './rpc-call.js';

/**
 * @param listenerOf gets the handler of the library
 * @param pace of a call that this handler serves
 */
export type LedCall = new (
  call: ServerInterceptingCallInterface,
  listenerOf: (next: RpcListener) => RpcListener,
  pace?: ResponsePace,
) => ServerInterceptingCall;

/** Makes the class, whose base is known when the library is loaded. */
export function ledCallOf({
  ServerInterceptingCall: Base,
}: Pick<typeof grpcjs, 'ServerInterceptingCall'>): LedCall {
  return class extends Base {
    readonly #call: ServerInterceptingCallInterface;
    readonly #listenerOf: (next: RpcListener) => RpcListener;
    readonly #pace: ResponsePace | undefined;

    constructor(
      call: ServerInterceptingCallInterface,
      listenerOf: (next: RpcListener) => RpcListener,
      pace?: ResponsePace,
    ) {
      super(call);
      this.#call = call;
      this.#listenerOf = listenerOf;
      this.#pace = pace;
    }

    override start(next: RpcListener): void {
      this.#call.start(this.#listenerOf(next));
    }

    override startRead(): void {
      if (this.#pace === undefined) super.startRead();
      else this.#pace.read();
    }

    override sendMessage(message: unknown, sent: () => void): void {
      this.#pace?.sends();
      super.sendMessage(message, () => {
        this.#pace?.taken();
        sent();
      });
    }
  };
}
