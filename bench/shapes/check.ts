// Checks before a measurement that a server really serves a shape: all servers must send the same bytes, or a
// comparison would favour the one that sends less.
import { readFileSync } from 'node:fs';
import { MESSAGE, SEARCH, USER_ID } from './bodies.js';
import { INVALID_ORDERS, ORDER_JSON } from './order.js';
import type { Route, Shape } from './shapes.js';
import { checkEvents, checkWebSocket } from './streams.js';

export interface Received {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

interface Wanted {
  readonly type: string;
  readonly body: () => string;
}

const JSON_TYPE = 'application/json';
const json = (value: unknown): Wanted => ({ type: JSON_TYPE, body: () => JSON.stringify(value) });
const message = json({ message: MESSAGE });
const order: Wanted = { type: JSON_TYPE, body: () => ORDER_JSON };

const WANTED: Readonly<Partial<Record<Route, Wanted>>> = {
  plaintext: { type: 'text/plain', body: () => MESSAGE },
  json: message,
  param: json({ id: USER_ID }),
  query: json(SEARCH),
  echo: order,
  file: {
    type: 'text/html',
    body: () => readFileSync(new URL('../peers/file.html', import.meta.url), 'utf8'),
  },
  call: message,
  hop: message,
  gateway: message,
  'gateway-echo': order,
};

/** Why a response is not the one of the shape; undefined when it is. */
export function fault(shape: Shape, received: Received): string | undefined {
  if (received.status !== 200) return `responded with ${received.status} to ${shape.path}`;
  if (shape.route === 'health') return healthFault(received);
  const wanted = WANTED[shape.route];
  if (wanted === undefined) return undefined;
  if (!received.type.startsWith(wanted.type)) {
    return `sent ${shape.path} as "${received.type}", not as ${wanted.type}`;
  }
  if (received.body === wanted.body()) return undefined;
  return `sent another body for ${shape.path} than expected: ${JSON.stringify(received.body.slice(0, 200))}`;
}

function healthFault({ body }: Received): string | undefined {
  return body.startsWith('{"status":"healthy"') ? undefined : `is not healthy: ${body.slice(0, 200)}`;
}

/**
 * Sends one request of the shape, and to `echo` also those that must be refused.
 * @returns why the server cannot be measured in this shape; undefined when it can
 */
export async function checkServer(
  shape: Shape,
  url: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (shape.load === 'events') return checkEvents(url, signal);
  if (shape.load === 'websocket') return checkWebSocket(url, signal);
  const reason = fault(shape, await send(shape, url, shape.body, signal));
  if (reason !== undefined || shape.route !== 'echo') return reason;
  for (const [what, body] of Object.entries(INVALID_ORDERS)) {
    const { status } = await send(shape, url, body, signal);
    if (status < 400 || status > 499) return `responded with ${status} to ${what}`;
  }
  return undefined;
}

async function send(
  shape: Shape,
  url: string,
  body: string | undefined,
  signal: AbortSignal,
): Promise<Received> {
  const post = { method: 'POST', headers: { 'content-type': JSON_TYPE }, body: body ?? '' };
  const response = await fetch(url + shape.path, { signal, ...(body === undefined ? {} : post) });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    body: await response.text(),
  };
}
