// A client that sends a body as fast as the machine can carry it, from a thread of its own.
import { Worker } from 'node:worker_threads';

const CLIENT = `
const { connect } = require('node:net');
const { parentPort, workerData: { port, head, bytes, tail } } = require('node:worker_threads');
const piece = Buffer.alloc(4 << 20, 'x');
let left = bytes;
let answer = '';
const socket = connect(port, '127.0.0.1', () => {
  socket.write(head);
  const more = () => {
    while (left > 0) {
      const part = piece.subarray(0, Math.min(left, piece.length));
      left -= part.length;
      if (!socket.write(part)) return;
    }
    if (left === 0) socket.write(tail);
    left = -1;
  };
  socket.on('drain', more);
  more();
});
socket.on('data', (data) => { answer += data; });
socket.on('error', () => {});
socket.on('close', () => parentPort.postMessage(answer));
`;

export interface FastUpload {
  readonly port: number;
  readonly path: string;
  /** Bytes of the body, beside `before` and `after`. */
  readonly bytes: number;
  readonly type?: string;
  readonly before?: string;
  readonly after?: string;
}

/**
 * @returns the whole response, after which the server must close; empty when the connection was lost before
 */
export async function fastUpload(options: FastUpload): Promise<string> {
  const { port, path, bytes, type = 'application/octet-stream', before = '', after = '' } = options;
  const head =
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
    `Content-Length: ${bytes + before.length + after.length}\r\n\r\n${before}`;
  const client = new Worker(CLIENT, { eval: true, workerData: { port, head, bytes, tail: after } });
  try {
    return await new Promise((resolve, reject) => {
      client.once('message', resolve);
      client.once('error', reject);
    });
  } finally {
    await client.terminate();
  }
}
