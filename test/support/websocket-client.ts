// A WebSocket client made with the package `ws`, which keeps its messages in order.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';
import { within } from './cluster.js';

const MESSAGE_MS = 15_000;

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface ConnectOptions extends ClientOptions {
  readonly protocols?: readonly string[];
}

export class WebSocketClient {
  readonly socket: WebSocket;
  /** Text messages as strings, binary ones as Buffers. */
  readonly messages: (string | Buffer)[] = [];
  /** How the connection ended. */
  readonly ended: Promise<Closed>;
  #taken = 0;
  #arrived: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      this.messages.push(isBinary ? data : data.toString());
      this.#arrived();
    });
    socket.on('error', () => undefined); // a reset counts as an ordinary end here
    this.ended = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** @throws Error naming the status when the server refuses */
  static async connect(
    url: string,
    { protocols = [], ...options }: ConnectOptions = {},
  ): Promise<WebSocketClient> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], options);
    const client = new WebSocketClient(socket);
    await once(socket, 'open');
    return client;
  }

  send(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** Writes raw frames. */
  write(frames: Uint8Array): void {
    (this.socket as unknown as { readonly _socket: Socket })._socket.write(frames);
  }

  /** The next message that no earlier call has returned. @throws Error after 15 s */
  async next(): Promise<string | Buffer> {
    await within(
      MESSAGE_MS,
      (async () => {
        while (this.messages.length <= this.#taken) {
          await new Promise<void>((resolve) => {
            this.#arrived = resolve;
          });
        }
      })(),
      () => `only ${this.messages.length} messages, closed: ${this.socket.readyState === WebSocket.CLOSED}`,
    );
    return this.messages[this.#taken++]!;
  }

  /** Resolves as `ended` does. @throws Error after 15 s */
  closed(): Promise<Closed> {
    return within(MESSAGE_MS, this.ended, () => 'the WebSocket stays open');
  }

  destroy(): void {
    this.socket.terminate();
  }
}
