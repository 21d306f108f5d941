// Each end of a call that a peer can cause, with the verdict on it.
import { constants, type ServerHttp2Stream } from 'node:http2';
import { STATUS_NUMBERS } from '#src/grpc/status.js';
import { framed, respond, respondOnly } from './rpc-peer.js';

export const MESSAGE = Buffer.from('message');
export const MAX_BYTES = 10_000;

/** Status or code, outcome for the breaker, outcome for ejection, whether it may be repeated. */
type Row = readonly [name: string, end: number | string, outcome: string, reached: string, repeat: boolean];

const SUCCESS = ['success', 'success', false] as const;
const FAILURE = ['failure', 'success', false] as const;
export const GATEWAY = ['failure', 'failure', true] as const;
export const NOTHING = ['ignored', 'ignored', false] as const;

const statusOf = (name: keyof typeof STATUS_NUMBERS) => ({ 'grpc-status': String(STATUS_NUMBERS[name]) });
const problem = (code: string, members: object, more: Record<string, string> = {}) => ({
  'grpc-status': '14',
  'x-multilane-code': code,
  'x-multilane-problem-bin': Buffer.from(JSON.stringify({ code, ...members })).toString('base64'),
  ...more,
});

/** What grpc-js says about calls that it ends itself. */
const LIBRARY_TEXTS = [
  'No connection established. Last error: connect EMFILE 10.0.0.9:443',
  'Stream refused by server',
  'Received HTTP status code 502',
  'Bandwidth exhausted or memory limit exceeded',
  'Received message larger than max (5 vs 4)',
  'Received message larger than max (4294967295 vs 4)',
  'Received RST_STREAM with code 2 (Internal server error)',
  'Connection dropped',
  'Call cancelled',
  'read ECONNRESET',
];

function deepProblem(): Record<string, string> {
  const depth = 10_000;
  const text = `{"status":503,"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  return { ...problem('STARTING', {}), 'x-multilane-problem-bin': Buffer.from(text).toString('base64') };
}

export const ENDS: readonly (readonly [...Row, (stream: ServerHttp2Stream) => void])[] = [
  ['OK with one message', 200, ...SUCCESS, (stream) => respond(stream, [MESSAGE], statusOf('OK'))],
  [
    'OK with an empty message',
    200,
    ...SUCCESS,
    (stream) => respond(stream, [Buffer.alloc(0)], statusOf('OK')),
  ],
  ['OK without a message', 'BAD_UPSTREAM', ...GATEWAY, (stream) => respond(stream, [], statusOf('OK'))],
  [
    'OK with two messages',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => respond(stream, [MESSAGE, MESSAGE], statusOf('OK')),
  ],
  ...(
    [
      ['CANCELLED', 499, SUCCESS],
      ['UNKNOWN', 500, FAILURE],
      ['INVALID_ARGUMENT', 400, SUCCESS],
      ['DEADLINE_EXCEEDED', 504, GATEWAY],
      ['NOT_FOUND', 404, SUCCESS],
      ['ALREADY_EXISTS', 409, SUCCESS],
      ['PERMISSION_DENIED', 403, SUCCESS],
      ['RESOURCE_EXHAUSTED', 429, NOTHING],
      ['FAILED_PRECONDITION', 400, SUCCESS],
      ['ABORTED', 409, SUCCESS],
      ['OUT_OF_RANGE', 400, SUCCESS],
      ['UNIMPLEMENTED', 501, SUCCESS],
      ['INTERNAL', 500, FAILURE],
      ['UNAVAILABLE', 503, GATEWAY],
      ['DATA_LOSS', 500, FAILURE],
      ['UNAUTHENTICATED', 401, SUCCESS],
    ] as const
  ).map(
    ([name, status, verdict]) =>
      [name, status, ...verdict, (stream: ServerHttp2Stream) => respondOnly(stream, statusOf(name))] as const,
  ),
  [
    'a status after a message',
    404,
    ...SUCCESS,
    (stream) => respond(stream, [MESSAGE], statusOf('NOT_FOUND')),
  ],
  ['a status of no name', 500, ...FAILURE, (stream) => respondOnly(stream, { 'grpc-status': '99' })],
  [
    'OVERLOADED of this runtime',
    503,
    'ignored',
    'ignored',
    true,
    (stream) => respondOnly(stream, problem('OVERLOADED', { status: 503, executed: false })),
  ],
  [
    'a failure that the peer has passed on',
    503,
    'failure',
    'failure',
    false,
    (stream) => respondOnly(stream, problem('NO_INSTANCE', { status: 503 }, { 'x-multilane-final': '1' })),
  ],
  [
    'a refusal with a code of the service',
    409,
    ...SUCCESS,
    (stream) => respondOnly(stream, problem('OUT_OF_STOCK', { status: 409 })),
  ],
  [
    'a failure whose problem document claims a success',
    503,
    ...GATEWAY,
    (stream) => respondOnly(stream, problem('NO_INSTANCE', { status: 200 })),
  ],
  ['an empty code', 503, ...GATEWAY, (stream) => respondOnly(stream, problem('', { status: 503 }))],
  [
    'a problem document that is not JSON',
    503,
    ...GATEWAY,
    (stream) => respondOnly(stream, { ...problem('STARTING', {}), 'x-multilane-problem-bin': '!!' }),
  ],
  [
    'a message that is longer than is accepted',
    'BAD_UPSTREAM',
    ...NOTHING,
    (stream) => respond(stream, [Buffer.alloc(MAX_BYTES + 1)], statusOf('OK')),
  ],
  [
    'the length of a message that there cannot be',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.of(0, 0x80, 0, 0, 0));
    },
  ],
  [
    'a peer for which the request is too long',
    429,
    ...NOTHING,
    (stream) =>
      respondOnly(stream, {
        'grpc-status': '8',
        'grpc-message': `Received message larger than max (${MESSAGE.length} vs. 5)`,
      }),
  ],
  [
    'a compressed message of an unknown kind',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'odd' });
      stream.write(framed(MESSAGE, true));
    },
  ],
  [
    'a message that is not compressed as it says',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' });
      stream.write(framed(MESSAGE, true));
    },
  ],
  [
    'more metadata than are accepted',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      const many = Array.from({ length: 500 }, (_, at) => [`x-${at}`, 'y'.repeat(200)] as const);
      respond(stream, [MESSAGE], statusOf('OK'), Object.fromEntries(many));
    },
  ],
  [
    'a stream that is refused',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
  ],
  [
    'a stream that is cancelled',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => stream.close(constants.NGHTTP2_CANCEL),
  ],
  [
    'a stream that is reset in the middle of a message',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(framed(MESSAGE).subarray(0, 8), () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    },
  ],
  [
    'a stream that ends without a status',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(framed(MESSAGE));
    },
  ],
  [
    'a peer that does not speak gRPC',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.respond({ ':status': 404, 'content-type': 'text/html' });
      stream.end('<h1>Not found</h1>');
    },
  ],
  [
    'GOAWAY in the middle of a call',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.session!.goaway(constants.NGHTTP2_INTERNAL_ERROR);
      stream.session!.destroy();
    },
  ],
  [
    'a connection that the peer ends with ENHANCE_YOUR_CALM',
    503,
    'ignored',
    'failure',
    true,
    (stream) => {
      stream.session!.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
      stream.session!.destroy();
    },
  ],
  [
    'a page of HTML',
    'BAD_UPSTREAM',
    ...GATEWAY,
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('<h1>Hello</h1>');
    },
  ],
  ...LIBRARY_TEXTS.map(
    (text) =>
      [
        `a status that is sent with the text "${text}"`,
        500,
        ...FAILURE,
        (stream: ServerHttp2Stream) => respond(stream, [], { ...statusOf('INTERNAL'), 'grpc-message': text }),
      ] as const,
  ),
  [
    'a problem document that is nested too deep to be written',
    503,
    ...GATEWAY,
    (stream) => respondOnly(stream, deepProblem()),
  ],
  [
    'a failure that has not executed, without a document',
    503,
    'failure',
    'failure',
    true,
    (stream) =>
      respondOnly(stream, {
        'grpc-status': '14',
        'x-multilane-code': 'STARTING',
        'x-multilane-executed': 'false',
      }),
  ],
  ['a connection that is lost', 'BAD_UPSTREAM', ...GATEWAY, (stream) => stream.session!.destroy()],
];
