// Leads calls past the handlers of grpc-js to the App: those of its methods, and those of methods that do not
// exist, which are counted and limited too. Calls of the library's own services, such as health, go to its
// handlers, by way of a guard.

import type * as grpcjs from '@grpc/grpc-js';
import type { ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import { TraceIds } from '../../telemetry/trace-ids.js';
import type { App } from '../app.js';
import { TurnEnd } from '../turn-end.js';
import type { CallHeads } from './call-heads.js';
import { ledCallOf } from './led-call.js';
import type { RpcLimits } from './pending-request.js';
import { ResponsePace } from './response-pace.js';
import { RpcArrival } from './rpc-arrival.js';
import { Decompression } from './rpc-decompression.js';
import { RpcGuard } from './rpc-guard.js';
import { RpcMetadata } from './rpc-metadata.js';
import { streamOf } from './rpc-stream.js';
import { UnservedCalls } from './unserved-calls.js';

export interface InterceptorOptions {
  readonly app: App;
  readonly limits: RpcLimits;
  readonly heads: CallHeads;
  /** True for the methods of health and reflection. */
  readonly isOfLibrary: (path: string) => boolean;
}

export function interceptorOf(
  { ServerInterceptingCall, Metadata }: Pick<typeof grpcjs, 'ServerInterceptingCall' | 'Metadata'>,
  { app, limits, heads, isOfLibrary }: InterceptorOptions,
): ServerInterceptor {
  const { log, observer } = app.options;
  const metadata = new RpcMetadata({ empty: () => new Metadata(), log });
  const ids = new TraceIds();
  const decompression = new Decompression(limits.maxBodyBytes);
  const unserved = new UnservedCalls(observer);
  const turnEnd = new TurnEnd((err) => log.error({ err }, 'a callback at the end of a turn failed'));

  const common = { app, metadata, limits, heads, turnEnd };
  const shared = { ...common, decompression, unserved };

  const LedCall = ledCallOf({ ServerInterceptingCall });
  const paceOf = (call: ServerInterceptingCallInterface): ResponsePace =>
    new ResponsePace({
      stream: streamOf(call),
      wheel: app.wheel,
      idleMs: limits.streamIdleMs,
      read: () => call.startRead(),
    });

  return ({ path, requestStream, responseStream }, call) => {
    const method = app.rpcMethod(path);
    if (method === undefined && isOfLibrary(path))
      return new LedCall(
        call,
        (next) =>
          new RpcGuard({
            ...common,
            isStream: responseStream,
            isRequestStream: requestStream,
            call,
            ids,
            next,
          }),
        paceOf(call),
      );
    // The handler of the library gets nothing.
    const called = {
      call,
      path,
      requestStream: method?.requestStream === true,
      isKnown: method !== undefined,
    };
    return new LedCall(call, () => new RpcArrival(shared, called));
  };
}
