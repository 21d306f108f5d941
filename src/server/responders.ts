// The kinds of bodies that a handler can respond with: JSON, text, HTML, bytes, a file, a stream, events, or
// a redirect without a body. Each checks its value and hands it to the response of the request.
import { types } from 'node:util';
import { checkOptions, SWITCH, shapeOf, TEXT, typeErrorFor } from '../options.js';
import type { FileOptions, Sent } from './handler.js';
import { isBodiless, type OutgoingResponse } from './outgoing-response.js';
import { unreported } from './promise.js';
import {
  type Coding,
  codingsFor,
  compressed,
  compressing,
  DEFAULT_THRESHOLD_BYTES,
  isCompressible,
} from './response/compress.js';
import { sendFile } from './response/file-response.js';
import { jsonOf } from './response/json-value.js';
import { plainBytes } from './response/plain-bytes.js';
import type { ResponseFields } from './response/response-fields.js';
import {
  type EventSourceFunction,
  eventStream,
  isEventSource,
  type ServerSentEvent,
} from './response/sse.js';
import { EVENT_STREAM } from './response/sse-frame.js';
import { type Pieces, StreamSource } from './response/stream-source.js';
import { UnsendableError } from './response/unsendable.js';
import { kindOf } from './value-kind.js';

const BYTES = 'application/octet-stream';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const FILE = shapeOf<FileOptions>("{ index: 'index.html' }", {
  index: TEXT,
  compress: SWITCH,
  precompressed: SWITCH,
});
const fileError = typeErrorFor('file');

const FIELD = shapeOf<{ readonly always?: boolean }>('{ always: true }', { always: SWITCH });
const fieldError = typeErrorFor('header');

/** Whether a field stays when the response becomes a problem document. @throws TypeError for other options */
export function staysAlways(options: { readonly always?: boolean }): boolean {
  if (options.always !== true) checkOptions(options, FIELD, fieldError);
  return options.always === true;
}

const statusOf = (response: OutgoingResponse): number => response.chosenStatus ?? 200;

/** A response schema exists for the status that is set now, so the body is serialized by it. */
export const isDeclared = (response: OutgoingResponse): boolean =>
  response.request.plan.responses?.has(statusOf(response)) ?? false;

/** @throws UnsendableError for a value that a handler cannot return with the status that is set now */
export function checkBody(response: OutgoingResponse, body: unknown): void {
  if (body !== undefined) {
    if (typeof body !== 'string' || isDeclared(response)) serialized(response, body);
    return;
  }
  const { request } = response;
  const { responses } = request.plan;
  if (responses === undefined || (responses.has(204) && (response.chosenStatus ?? 204) === 204)) return;
  throw new UnsendableError(
    request,
    'returned undefined but declares a response: return what its schema describes',
  );
}

export function sendJson(response: OutgoingResponse, value: unknown): Sent {
  return send(response, 'application/json', serialized(response, value));
}

function serialized(response: OutgoingResponse, value: unknown): string {
  const { request } = response;
  try {
    return jsonOf(value, request.plan.responses?.get(statusOf(response)));
  } catch (error) {
    const { message, cause } = error as Error;
    throw new UnsendableError(request, message, cause);
  }
}

/** Other frameworks take the status here, so it would be lost without an error. */
export function refuseStatus({ request }: OutgoingResponse, what: string): never {
  throw new UnsendableError(request, `gave ${what} a second value: set the status by ctx.status before it`);
}

export function sendText(response: OutgoingResponse, value: string): Sent {
  checkText(response, 'the value of ctx.text', value);
  return send(response, 'text/plain; charset=utf-8', value);
}

export function sendHtml(response: OutgoingResponse, value: string): Sent {
  checkText(response, 'the value of ctx.html', value);
  return send(response, 'text/html; charset=utf-8', value);
}

function checkText({ request }: OutgoingResponse, what: string, value: unknown): void {
  if (typeof value === 'string') return;
  throw new UnsendableError(request, `gave ${kindOf(value)} for ${what}: use a string`);
}

export function sendBytes(response: OutgoingResponse, value: Uint8Array, contentType?: string): Sent {
  if (!types.isUint8Array(value)) {
    throw new UnsendableError(response.request, `gave ${kindOf(value)} to ctx.bytes: use a Uint8Array`);
  }
  const bytes = plainBytes('the value of ctx.bytes', value);
  if (contentType !== undefined) response.header('content-type', contentType);
  return send(response, BYTES, bytes);
}

export function sendRedirect(response: OutgoingResponse, location: string, status: number): Sent {
  if (!REDIRECTS.has(status)) {
    const known = [...REDIRECTS].join(', ');
    throw new UnsendableError(response.request, `set a status that is no redirect's: use one of ${known}`);
  }
  response.header('location', location);
  return response.reply(status, undefined, null);
}

export function sendFileBelow(
  response: OutgoingResponse,
  root: string,
  path: string,
  options: FileOptions,
): Promise<Sent> {
  checkOptions(options, FILE, fileError);
  // The texts are checked here, because Node.js describes a wrong argument in its error. When the argument
  // throws meanwhile, no later error of the thread has a stack.
  checkText(response, 'the root of ctx.file', root);
  checkText(response, 'the path of ctx.file', path);
  return unreported(sendFile(response, response.request.server.files, root, path, options));
}

export function sendStream(response: OutgoingResponse, source: Pieces, contentType?: string): Sent {
  try {
    if (contentType !== undefined) response.header('content-type', contentType);
  } catch (error) {
    releaseSource(response, source);
    throw error;
  }
  return sendPieces(response, source, BYTES);
}

/** @param contentType used unless a handler has set one */
export function sendPieces(
  response: OutgoingResponse,
  source: Pieces,
  contentType: string | undefined,
): Sent {
  const { method, plan } = response.request;
  const status = statusOf(response);
  const isCoded = plan.compress && !response.hasResponse && !isBodiless(status);
  const coding = isCoded ? codingOf(response, contentType) : undefined;
  if (coding === undefined) return response.replyStream(status, contentType, source);
  setCoding(response, coding);
  // What a coder makes of a response to HEAD would not be read.
  if (method === 'HEAD') return response.replyStream(status, contentType, source);
  const coded = compressing(source, coding, true, (error) => response.sourceFailed(error));
  return response.replyStream(status, contentType, coded);
}

/** Releases a source that will not be read. */
export function releaseSource(response: OutgoingResponse, source: unknown): void {
  try {
    new StreamSource(source, (error) => response.sourceFailed(error)).cancel();
  } catch {
    // It cannot be iterated, so there is nothing to release.
  }
}

/** @throws UnsendableError for a source that is neither an async iterable nor a function */
export function sendEvents(
  response: OutgoingResponse,
  source: AsyncIterable<ServerSentEvent> | EventSourceFunction,
): Sent {
  const { request } = response;
  if (!isEventSource(source)) {
    const next = 'use an async iterable of events, or a function that returns one';
    throw new UnsendableError(request, `gave ${kindOf(source)} to ctx.sse: ${next}`);
  }
  response.header('cache-control', 'no-store');
  response.header('x-accel-buffering', 'no'); // nginx would hold events back
  response.header('content-type', EVENT_STREAM);
  const lastEventId = request.headers.get('last-event-id');
  const failed = (error: unknown): void => response.sourceFailed(error);
  const { wheel } = request.server;
  const events = eventStream(source, lastEventId, { wheel, signal: response.signal, failed });
  const sent: Sent = sendStream(response, events);
  response.markEndless();
  return sent;
}

/**
 * Sends a whole body, compressed if the route asks for it and the client accepts it.
 * @param contentType used unless a handler has set one
 */
export function send(
  response: OutgoingResponse,
  contentType: string | undefined,
  body: string | Uint8Array | null,
): Sent {
  const status = statusOf(response);
  if (!response.request.plan.compress || isBodiless(status) || body === null)
    return response.reply(status, contentType, body);
  const coding = codingOf(response, contentType);
  if (coding === undefined) return response.reply(status, contentType, body);
  // A copy is compressed: another thread reads it, while the handler may still write to its own memory.
  const bytes = Buffer.from(body);
  if (bytes.length < DEFAULT_THRESHOLD_BYTES) return response.reply(status, contentType, body);
  setCoding(response, coding);
  return response.replyLater(status, contentType, () => compressed(bytes, coding));
}

function codingOf(response: OutgoingResponse, contentType: string | undefined): Coding | undefined {
  const { fields, request } = response;
  const type = fields.get('content-type') ?? contentType;
  if (type === undefined || !isCompressible(type) || !mayBeCoded(fields)) return undefined;
  response.vary('accept-encoding');
  return codingsFor(request.headers)[0];
}

/** The range of a part counts bytes that are not coded. */
const mayBeCoded = (fields: ResponseFields): boolean =>
  fields.get('content-encoding') === undefined &&
  fields.get('content-range') === undefined &&
  fields.get('cache-control')?.includes('no-transform') !== true;

/** A body that is compressed anew for every client is the same in meaning, not byte by byte: a weak ETag. */
function setCoding(response: OutgoingResponse, coding: Coding): void {
  response.header('content-encoding', coding);
  const etag = response.fields.get('etag');
  if (etag?.startsWith('"')) response.header('etag', `W/${etag}`);
}
