// The types of a call of grpc-js below its handlers, which the library exports by way of one interface only.
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

export type RpcCall = Omit<ServerInterceptingCallInterface, 'getMetricsRecorder' | 'getAuthContext'>;
/** The end of a call: status code, text and trailers. */
export type RpcStatus = Parameters<RpcCall['sendStatus']>[0];
/** Receives what the client sends. */
export type RpcListener = Parameters<RpcCall['start']>[0];
