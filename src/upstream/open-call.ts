// A call whose response is read by the caller as it arrives (`stream: true`). It has ended when its body has:
// until then its deadline, its permit and the source of its request are held, and its attempt counts as load.
import { Deadline } from '../deadline.js';
import type { Hold } from '../hold.js';
import { MESH_TOKEN_HEADER } from '../mesh-token.js';
import { currentScope } from '../scope.js';
import type { Balancer } from './balancer.js';
import { receive } from './buffered-response.js';
import type { StreamedCallOptions, StreamedCallResponse } from './call.js';
import type { CallRequest } from './call-request.js';
import { type StartedCall, startCall } from './call-service.js';
import { reportError, reportResponse } from './failure-report.js';
import { endToEnd } from './http-transport.js';
import { type MaxConcurrentDependencies, takeCallPermit } from './max-concurrent.js';
import { begun, type RequestStream } from './request-stream.js';
import { responseBody } from './response-body.js';
import {
  callForStream,
  type StreamCallDependencies,
  type StreamCallRequest,
  type StreamTransport,
} from './stream-call.js';

export interface OpenCallDependencies extends StreamCallDependencies, MaxConcurrentDependencies {
  readonly balancer: Pick<Balancer, 'pick' | 'has' | 'knows'>;
  /**
   * Reaches services of this worker without a socket.
   * @default none: they are called over the network
   */
  readonly inProcessStreams?: StreamTransport;
  /** Milliseconds without a byte after which a body is ended: the setting STREAM_IDLE_MS. */
  readonly streamIdleMs: number;
}

/** A request whose body is whole, or is read from a source. */
export type OpenCallRequest = Omit<CallRequest, 'content'> & { readonly content?: RequestStream };

const NO_BYTES = new Uint8Array(0);

/**
 * Makes a call.
 * @returns the response when its head has arrived
 * @throws as `callService`; RequestBodyError
 */
export async function openCall(
  dependencies: OpenCallDependencies,
  service: string,
  request: OpenCallRequest,
  options: StreamedCallOptions,
): Promise<StreamedCallResponse> {
  const { content, protocol } = request;
  const { maxConcurrent, timeoutMs, retries } = options;
  const scope = currentScope();
  let permit: Hold | undefined;
  let started: StartedCall<StreamCallRequest> | undefined;
  const ended = (): void => {
    started?.cancellation.dispose();
    permit?.release();
    content?.cancel();
  };
  try {
    if (maxConcurrent !== undefined)
      permit = takeCallPermit(dependencies, { service, protocol }, maxConcurrent);
    const { inProcessStreams, streamIdleMs } = dependencies;
    const inProcess = request.overNetwork === true ? undefined : inProcessStreams;
    started = startCall(dependencies, service, streamRequest(dependencies, request, inProcess), options);
    const { call, cancellation, isBounded } = started;
    if (content !== undefined) await begun(content, call.abort);
    const { stream, body } = await callForStream(dependencies, call, { retries, maxConcurrent, inProcess });
    // The deadline of a request is that of the head of its response, and its scope enforces that. A response
    // that streams already has none.
    const isUnbounded = isBounded || scope?.deadline === Deadline.none;
    if (isUnbounded && timeoutMs === undefined) cancellation.met();
    stream.onEnd(ended);
    const received = receive(stream.status, endToEnd(stream.fields), body ?? NO_BYTES);
    const { status, headers, notExecuted } = reportResponse(scope, received);
    return {
      status,
      headers,
      notExecuted: notExecuted && call.hasNotRun,
      body:
        body === undefined ? responseBody(stream, service, streamIdleMs) : new Response(body as never).body!,
    };
  } catch (error) {
    ended();
    throw reportError(scope, error);
  }
}

function streamRequest(
  { meshToken }: OpenCallDependencies,
  request: OpenCallRequest,
  inProcess: StreamTransport | undefined,
): StreamCallRequest {
  const { content, body } = request;
  return {
    ...request,
    body: content === undefined ? (body as Uint8Array | string | undefined) : undefined,
    content,
    fields: ({ service, local }) =>
      meshToken === undefined || (local && inProcess !== undefined)
        ? []
        : [MESH_TOKEN_HEADER, meshToken(service)],
  };
}
