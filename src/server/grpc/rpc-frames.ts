// Messages in the framing of gRPC (grpc/grpc doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message): a byte that
// says whether the message is compressed, four bytes for its length, and the message.

const PREFIX_BYTES = 5;

export function frameOf(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.byteLength);
  frame[0] = 0;
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** @param frame one whole frame */
export const messageIn = (frame: Uint8Array): Uint8Array => frame.subarray(PREFIX_BYTES);

/** Follows the frames in a stream of bytes that arrives in pieces. It keeps none of the bytes. */
export class FrameScan {
  readonly #begins: (length: number, isCompressed: boolean) => void;
  #prefixBytes = 0;
  #isCompressed = false;
  #length = 0;
  /** Bytes of the message that have not arrived. */
  #left = 0;
  #ended = 0;

  /** @param begins called with the length of each message, before the message itself has arrived */
  constructor(begins: (length: number, isCompressed: boolean) => void) {
    this.#begins = begins;
  }

  /** The number of frames that have arrived whole. */
  get ended(): number {
    return this.#ended;
  }

  /** A frame has arrived in part. */
  get isWithin(): boolean {
    return this.#prefixBytes > 0;
  }

  scan(piece: Uint8Array): void {
    for (let at = 0; at < piece.byteLength; ) {
      if (this.#prefixBytes < PREFIX_BYTES) {
        this.#prefix(piece[at]!);
        at += 1;
      } else {
        const taken = Math.min(this.#left, piece.byteLength - at);
        this.#left -= taken;
        at += taken;
      }
      if (this.#prefixBytes === PREFIX_BYTES && this.#left === 0) {
        this.#ended += 1;
        this.#prefixBytes = 0;
      }
    }
  }

  #prefix(byte: number): void {
    if (this.#prefixBytes === 0) {
      this.#isCompressed = byte === 1;
      this.#length = 0;
    } else this.#length = this.#length * 256 + byte;
    this.#prefixBytes += 1;
    if (this.#prefixBytes < PREFIX_BYTES) return;
    this.#left = this.#length;
    this.#begins(this.#length, this.#isCompressed);
  }
}
