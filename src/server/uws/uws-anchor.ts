// A response of this thread that is never sent: late upgrades are written within its cork.
//
// A late upgrade is one outside of the request callback. It must not be corked (see uws-exchange.ts), and the
// core warns on the console about writes that are neither in a callback nor corked. But within the cork of
// another response, a second cork has no effect, and the core does not warn. The anchor is that other
// response. It belongs to a request that the thread sends to itself, over a socket in a folder of its own.
// Nothing listens there once the request has arrived.
import { mkdtempSync, rmdirSync, unlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Core, CoreApp, CoreResponse } from './uws-core.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: anchor\r\n\r\n';
/** The name of the socket in its folder. */
const SOCKET = 'anchor';
/** Room for the path of a socket with its final zero (unix(7)). The core does not check it. */
const PATH_BYTES = 108;

export class Anchor {
  readonly #core: Core;
  readonly #app: CoreApp;
  #folder: string | undefined;
  #listener: unknown;
  #client: Socket | undefined;
  /** Undefined until the request has arrived, and where no socket can be opened. */
  #response: CoreResponse | undefined;

  constructor(core: Core) {
    this.#core = core;
    this.#app = core.App().any('/*', (response) => this.#arrived(response));
    try {
      this.#connect();
    } catch {
      // Without an anchor the core warns at late upgrades; everything else works.
      this.#stopListening();
    }
  }

  /** Writes within the cork of the anchor, where the cork of the response itself has no effect. */
  within(response: CoreResponse, write: () => void): void {
    if (this.#response === undefined) write();
    else this.#response.cork(() => response.cork(write));
  }

  close(): void {
    this.#listener = undefined; // the core closes it with the rest
    this.#stopListening();
    this.#client?.destroy();
    this.#app.close();
  }

  #connect(): void {
    this.#folder = mkdtempSync(join(tmpdir(), 'multilane-'));
    const path = join(this.#folder, SOCKET);
    if (Buffer.byteLength(path) >= PATH_BYTES) throw new RangeError('the path of a socket is too long');
    this.#app.listen_unix((socket) => {
      this.#listener = socket;
    }, path);
    this.#client = connect(path).on('error', () => this.#stopListening());
    this.#client.unref().write(REQUEST);
  }

  #arrived(response: CoreResponse): void {
    response.onAborted(() => {
      this.#response = undefined;
    });
    this.#response = response;
    this.#stopListening();
  }

  #stopListening(): void {
    if (this.#listener) this.#core.us_listen_socket_close(this.#listener);
    this.#listener = undefined;
    if (this.#folder !== undefined) removeFolder(this.#folder);
    this.#folder = undefined;
  }
}

/**
 * Removes the folder without a look at the socket in it: Node.js 20 resolves no symbolic link of an imported
 * module as long as the last file that it has looked at is a socket. The module would be loaded twice.
 */
function removeFolder(folder: string): void {
  for (const remove of [() => unlinkSync(join(folder, SOCKET)), () => rmdirSync(folder)]) {
    try {
      remove();
    } catch {
      // It has not been made, or is not there any more.
    }
  }
}
