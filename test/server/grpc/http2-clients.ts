// Clients that write HTTP/2 themselves, because clients of gRPC do not behave badly enough.
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

export const SERVICE = '/multilane.test.v1.Everything/';

export class Http2Clients {
  readonly #sessions: ClientHttp2Session[] = [];

  session(port: number, options: Parameters<typeof connect>[1] = {}): ClientHttp2Session {
    const made = connect(`http://127.0.0.1:${port}`, options ?? {});
    made.on('error', () => {});
    this.#sessions.push(made);
    return made;
  }

  /** @param method its name, or a whole path */
  request(on: ClientHttp2Session, method: string, fields: object = {}): ClientHttp2Stream {
    const made = on.request({
      ':method': 'POST',
      ':path': method.startsWith('/') ? method : SERVICE + method,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...fields,
    });
    made.on('error', () => {});
    made.resume();
    return made;
  }

  close(): void {
    // Node.js uses freed memory when a session is destroyed while it reads (nodejs/node#64113), as it does
    // where a test goes on behind a response.
    for (const one of this.#sessions.splice(0)) setImmediate(() => one.destroy());
  }
}

export type Fields = Record<string, string | undefined>;

/** The fields with which a call ends. */
export async function trailersOf(call: ClientHttp2Stream): Promise<Fields> {
  const [fields] = (await Promise.race([
    once(call, 'trailers'),
    once(call, 'response').then(([head]: unknown[]) =>
      (head as Fields)['grpc-status'] === undefined ? once(call, 'trailers') : [head],
    ),
  ])) as [Fields];
  return fields;
}

/** The status of a call and its code of the runtime. */
export async function endOf(call: ClientHttp2Stream): Promise<readonly [status: number, code: unknown]> {
  const fields = await trailersOf(call);
  return [Number(fields['grpc-status']), fields['x-multilane-code']];
}
