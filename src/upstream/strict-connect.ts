// Opens the connections of a pool. undici takes the reset of a connection for the end of a response that ends
// with its connection (macOS reports one behind a whole response), so a part would be taken for the whole.
// Here a reset has another code when undici learns of it. libuv does the same to a reset that arrives
// together with bytes: that one cannot be told from an end.
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { loadUndici } from './undici.js';

/** The code that a reset gets: any but that which undici excepts. */
const RESET = 'MULTILANE_RESET';

export function strictConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = loadUndici().buildConnector(options);
  if (process.platform === 'darwin') return connect;
  return (target, callback) =>
    connect(target, (...result) => {
      result[1]?.on('error', renameReset);
      callback(...result);
    });
}

function renameReset(this: Socket, error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = RESET;
}
