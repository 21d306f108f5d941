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
