// A client that writes the frames of HTTP/2 itself (RFC 9113), because that of Node.js keeps requests back
// when it hears of a GOAWAY.
import { connect, type Socket } from 'node:net';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HEAD_BYTES = 9;

export const TYPE = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7 } as const;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export class RawHttp2 {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  /** Responds to PING. */
  isPolite = true;
  #received = Buffer.alloc(0);
  readonly #seen: (frame: Frame) => void;

  /** @param seen called with each frame that arrives */
  constructor(port: number, seen: (frame: Frame) => void = () => {}) {
    this.#seen = seen;
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('data', (piece: Buffer) => this.#read(piece));
    this.socket.write(PREFACE);
    this.write(TYPE.SETTINGS, 0, 0, Buffer.alloc(0));
  }

  write(type: number, flags: number, stream: number, payload: Buffer): void {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    this.socket.write(Buffer.concat([head, payload]));
  }

  /** Sends a call with one message. */
  call(stream: number, path: string, message: Uint8Array): void {
    const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    // RFC 7541: POST and http of the static table, then literals without indexing.
    const fields = Buffer.concat([
      Buffer.from([0x83, 0x86, 0x04]),
      text(path),
      Buffer.from([0x01]),
      text('localhost'),
      Buffer.from([0x0f, 0x10]),
      text('application/grpc'),
      Buffer.from([0x00]),
      text('te'),
      text('trailers'),
    ]);
    this.write(TYPE.HEADERS, END_HEADERS, stream, fields);
    this.write(TYPE.DATA, END_STREAM, stream, Buffer.from(message));
  }

  /** The frames of this type that have arrived. */
  of(type: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  #read(piece: Buffer): void {
    this.#received = Buffer.concat([this.#received, piece]);
    while (this.#received.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#received.readUIntBE(0, 3);
      if (this.#received.length < end) return;
      const frame = {
        type: this.#received.readUInt8(3),
        flags: this.#received.readUInt8(4),
        stream: this.#received.readUInt32BE(5),
        payload: this.#received.subarray(HEAD_BYTES, end),
      };
      this.#received = this.#received.subarray(end);
      this.frames.push(frame);
      if (frame.type === TYPE.PING && frame.flags === 0 && this.isPolite)
        this.write(TYPE.PING, ACK, 0, frame.payload);
      this.#seen(frame);
    }
  }
}
