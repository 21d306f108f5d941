// Large bodies through the gateway, in the short and the long form: all bytes arrive, and little is held.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { startCluster } from '#test/support/cluster.js';
import { TestInstance } from '#test/support/instance.js';
import { residentMb } from '#test/support/resident-memory.js';
import { RELAYED } from './fixtures/paths.js';

/** Growth of the whole process, most of it garbage of chunks that have passed. */
const MOST_MB = 160;
const PIECE = randomBytes(1024 * 1024);

function digestOf(pieces: number): string {
  const hash = createHash('sha256');
  for (let i = 0; i < pieces; i++) hash.update(PIECE);
  return hash.digest('hex');
}

/** Writes no faster than the reader takes it. */
async function writePieces(stream: NodeJS.WritableStream, pieces: number): Promise<void> {
  for (let i = 0; i < pieces; i++) if (!stream.write(PIECE)) await once(stream, 'drain');
  stream.end();
}

async function digestRead(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}

function post(url: string, pieces: number, isChunked: boolean): Promise<string> {
  const length = isChunked ? {} : { 'content-length': pieces * PIECE.length };
  const sending = request(url, { method: 'POST', headers: length });
  const responded = once(sending, 'response');
  return Promise.all([responded, writePieces(sending, pieces)]).then(async ([[response]]) => {
    let text = '';
    for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
    return text;
  });
}

/** Sends bodies of this size down, up and both ways. */
export async function streamThrough(megabytes: number): Promise<void> {
  const cluster = await startCluster({
    config: RELAYED,
    env: { WORKERS: '1', REQUEST_TIMEOUT_MS: '600000' },
  });
  const instance = await TestInstance.start(cluster.adminUrl, 'files', 'f');
  let watch: NodeJS.Timeout | undefined;
  try {
    const respond = async (received: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (received.method === 'POST') return void response.end(await digestRead(received));
      if (received.url === '/sized') response.setHeader('content-length', megabytes * PIECE.length);
      await writePieces(response, megabytes).catch(() => undefined);
    };
    instance.behave = (received, response) => void respond(received, response);
    const expected = digestOf(megabytes);
    // What the process keeps of a first stream is no growth.
    await post(`${cluster.url}/svc/files/`, 8, false);
    const before = residentMb(cluster.pid);
    let most = before;
    watch = setInterval(() => {
      most = Math.max(most, residentMb(cluster.pid));
    }, 20);
    for (const path of ['/chunked', '/sized']) {
      const response = await get(`${cluster.url}/svc/files${path}`);
      const body = response.body as unknown as AsyncIterable<Buffer>;
      expect(await digestRead(body), path).to.equal(expected);
    }
    expect(await post(`${cluster.url}/svc/files/`, megabytes, false)).to.equal(expected);
    expect(await post(`${cluster.url}/svc/files/`, megabytes, true)).to.equal(expected);
    expect(await post(`${cluster.url}/svc/local/digest`, megabytes, false)).to.include(expected);
    console.log(`      ${megabytes} MiB each way: ${Math.round(most - before)} MiB more resident`);
    expect(most - before).to.be.below(MOST_MB);
  } finally {
    clearInterval(watch);
    instance.stop();
    await cluster.dispose();
  }
}
