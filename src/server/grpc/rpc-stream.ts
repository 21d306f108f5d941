// The HTTP/2 stream of a call. grpc-js shows it nowhere, and without it the bytes of a message that has not
// arrived whole cannot be counted, and one call cannot be cut while the other calls of its connection go on.
// So the stream is taken from a private field; package.json allows only versions of the library that have it.
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { RpcCall } from './rpc-call.js';

interface WithStream {
  readonly stream?: ServerHttp2Stream;
}

/** @throws Error for a version of the library without this field */
export function streamOf(call: RpcCall): ServerHttp2Stream {
  const { stream } = call as unknown as WithStream;
  if (typeof stream?.close !== 'function')
    throw new Error('this version of @grpc/grpc-js does not fit: install the one of package.json');
  return stream;
}

/** Cuts a call whose client does not take what was sent; the connection stays. */
export function resetStream(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_CANCEL);
}
