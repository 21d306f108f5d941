// What each shape must respond with. A check returns undefined, or one line that says what is wrong.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INVALID, VALID } from './orders.js';
import { FOLDER } from './peer.js';
import { checkEvents, checkWebSocket } from './streams.js';

export type Check = (url: string) => Promise<string | undefined>;

const JSON_TYPE = 'application/json';
const LIMIT_MS = 5_000;

const get =
  (path: string, type: string, body: string): Check =>
  async (url) =>
    difference(await fetch(url + path, { signal: AbortSignal.timeout(LIMIT_MS) }), type, body);

export const CHECKS: Readonly<Record<string, Check>> = {
  plaintext: get('/plaintext', 'text/plain', 'Hello, World!'),
  json: get('/json', JSON_TYPE, '{"message":"Hello, World!"}'),
  param: async (url) =>
    (await get('/users/42', JSON_TYPE, '{"id":"42"}')(url)) ??
    get('/users/ada-7', JSON_TYPE, '{"id":"ada-7"}')(url),
  query: get('/search?q=node&page=3', JSON_TYPE, '{"q":"node","page":3}'),
  echo: checkEcho,
  file: get('/file.html', 'text/html', readFileSync(join(FOLDER, 'file.html'), 'utf8')),
  sse: checkEvents,
  ws: checkWebSocket,
};

async function checkEcho(url: string): Promise<string | undefined> {
  const fault = await difference(await post(url, VALID), JSON_TYPE, VALID);
  if (fault !== undefined) return fault;
  for (const [what, body] of Object.entries(INVALID)) {
    const response = await post(url, body);
    await response.arrayBuffer();
    if (response.status < 400 || response.status > 499) return `responded with ${response.status} to ${what}`;
  }
  return undefined;
}

const post = (url: string, body: string): Promise<Response> =>
  fetch(`${url}/echo`, {
    method: 'POST',
    headers: { 'content-type': JSON_TYPE },
    body,
    signal: AbortSignal.timeout(LIMIT_MS),
  });

async function difference(response: Response, type: string, body: string): Promise<string | undefined> {
  const received = await response.text();
  if (response.status !== 200) return `responded with ${response.status}: ${received.slice(0, 200)}`;
  const receivedType = response.headers.get('content-type') ?? 'none';
  if (receivedType.split(';', 1)[0] !== type) return `sent content type ${receivedType}, not ${type}`;
  return received === body ? undefined : `sent ${received.slice(0, 200)}`;
}
