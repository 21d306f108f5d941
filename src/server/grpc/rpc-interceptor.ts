// Leads the calls of the App's methods past the handlers of grpc-js. Other calls, such as those of the health
// service, go to the library's own handlers.

import type * as grpcjs from '@grpc/grpc-js';
import type { ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import type { App } from '../app.js';
import { TurnEnd } from '../turn-end.js';
import { RpcArrival, type RpcLimits } from './rpc-arrival.js';

export function interceptorOf(
  { ServerInterceptingCall, Metadata }: Pick<typeof grpcjs, 'ServerInterceptingCall' | 'Metadata'>,
  app: App,
  limits: RpcLimits,
): ServerInterceptor {
  const metadata = (): grpcjs.Metadata => new Metadata();
  const turnEnd = new TurnEnd((err) =>
    app.options.log.error({ err }, 'a callback at the end of a turn failed'),
  );

  class AppCall extends ServerInterceptingCall {
    readonly #call: ServerInterceptingCallInterface;
    readonly #path: string;
    readonly #requestStream: boolean;

    constructor(call: ServerInterceptingCallInterface, path: string, requestStream: boolean) {
      super(call);
      this.#call = call;
      this.#path = path;
      this.#requestStream = requestStream;
    }

    /** The library starts the call for its own handler, which gets nothing. */
    override start(): void {
      const call = this.#call;
      call.start(
        new RpcArrival({
          app,
          path: this.#path,
          requestStream: this.#requestStream,
          call,
          metadata,
          limits,
          turnEnd,
        }),
      );
    }
  }

  return ({ path }, call) => {
    const method = app.rpcMethod(path);
    return method === undefined
      ? (call as InstanceType<typeof ServerInterceptingCall>)
      : new AppCall(call, path, method.requestStream);
  };
}
