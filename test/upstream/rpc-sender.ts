// Calls of a method over the transport of gRPC, without the policies of calls.
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError } from '#src/errors.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import type { GrpcChannelOptions } from '#src/upstream/grpc-channel.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import type { OutgoingRequest } from '#src/upstream/transport.js';
import { judge, type TransportResult, type Verdict } from '#src/upstream/verdict.js';
import { endpoint } from './endpoints.js';

/** A call that runs. */
export interface SentCall {
  readonly abort: OwnAbort;
  readonly result: Promise<TransportResult>;
  /** The status of the response, or the code of the error, or the error. */
  readonly end: Promise<unknown>;
  readonly verdict: Promise<Verdict>;
}

export interface Sender {
  readonly transport: GrpcTransport;
  readonly to: Endpoint;
  readonly send: (members?: Partial<OutgoingRequest>) => SentCall;
}

const endOf = (result: TransportResult): unknown =>
  result.kind === 'returned'
    ? result.value.status
    : ((result.error as { code?: string }).code ?? result.error);

export function senderTo(port: number, options: Partial<GrpcChannelOptions> = {}): Sender {
  const transport = new GrpcTransport(options);
  const to = endpoint('one', { port, protocol: 'grpc' });
  const send = (members: Partial<OutgoingRequest> = {}): SentCall => {
    const abort = new OwnAbort();
    const deadline = members.deadline ?? Deadline.after(60_000);
    const request: OutgoingRequest = {
      protocol: 'grpc',
      method: 'POST',
      path: '/demo.Demo/Any',
      headers: {},
      body: Buffer.from('message'),
      signal: undefined as never,
      abort,
      ...members,
      deadline,
    };
    const result: Promise<TransportResult> = transport.send(to, request).then(
      (value) => ({ kind: 'returned' as const, value }),
      (error: unknown) => ({ kind: 'failed' as const, error }),
    );
    return {
      abort,
      result,
      end: result.then(endOf),
      // Tests abort calls at deadlines that have not passed.
      verdict: result.then((got) => judge(got, abort, isLate(abort) ? passed(deadline) : deadline, 0)),
    };
  };
  return { transport, to, send };
}

const isLate = ({ aborted, reason }: OwnAbort): boolean => aborted && reason instanceof DeadlineExceededError;
const passed = (deadline: Deadline): Deadline => (deadline.isShortened ? deadline : Deadline.after(0));
