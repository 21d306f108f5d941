// Makes metadata of header fields. gRPC carries less than HTTP does: printable ASCII, fewer characters in
// names, and no fields of the connection. What it cannot carry is dropped and logged, once per route: a
// response must not fail, and a call must not stay open, because of a name with an umlaut in a field.
import type { Metadata } from '@grpc/grpc-js';
import { isBinary, isName, isPrintable } from '../../grpc/metadata-text.js';
import type { AppOptions } from '../app-options.js';

/** HTTP/2 refuses most of them (RFC 9113 section 8.2.2); the type of the content is that of gRPC. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Clients bound what they receive, by default to 8 KiB; a problem document may need most of that. */
const MOST_BYTES = { initial: 8 * 1024, trailers: 2 * 1024 };
/** What a field takes beside its characters (RFC 9113 section 6.5.2). */
const FIELD_BYTES = 32;

export interface RpcMetadataOptions {
  /** Makes empty metadata. */
  readonly empty: () => Metadata;
  readonly log: AppOptions['log'];
}

export class RpcMetadata {
  readonly #options: RpcMetadataOptions;
  /** Routes for which a dropped field was logged. */
  readonly #warned = new Set<string>();

  constructor(options: RpcMetadataOptions) {
    this.#options = options;
  }

  /**
   * The metadata before the first message.
   * @param fields a flat list: name, value, …
   * @param route of the log line; undefined for methods that do not exist
   * @throws RangeError for more bytes than clients accept
   */
  initial(fields: readonly string[], route: string | undefined): Metadata {
    const { metadata, bytes } = this.#made(fields, route, Number.POSITIVE_INFINITY);
    if (bytes > MOST_BYTES.initial)
      throw new RangeError(
        `the metadata of the response has ${bytes} bytes: gRPC clients accept ${MOST_BYTES.initial}`,
      );
    return metadata;
  }

  /** The metadata behind the last message. Never throws. The first fields are the most important ones. */
  trailers(fields: readonly string[], route: string | undefined): Metadata {
    return this.#made(fields, route, MOST_BYTES.trailers).metadata;
  }

  #made(fields: readonly string[], route: string | undefined, most: number) {
    const metadata = this.#options.empty();
    let bytes = 0;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!;
      const value = fields[i + 1]!.trim();
      if (CONNECTION_FIELDS.has(name)) continue;
      const size = name.length + value.length + FIELD_BYTES;
      if (!canCarry(name, value) || bytes + size > most) {
        this.#dropped(name, route);
        continue;
      }
      bytes += size;
      metadata.add(name, isBinary(name) ? Buffer.from(value, 'base64') : value);
    }
    return { metadata, bytes };
  }

  /** The value is not logged: it may be confidential. */
  #dropped(name: string, route = 'methods that do not exist'): void {
    if (this.#warned.has(route)) return;
    this.#warned.add(route);
    this.#options.log.warn(
      { route, field: name.slice(0, 100) },
      'a field was dropped: metadata of gRPC is printable ASCII, and 2 KiB of it with a failure; put other text into the message, or base64 into a field whose name ends in -bin',
    );
  }
}

/** Handlers set binary metadata, whose names end in `-bin`, as they get them: in base64. */
const canCarry = (name: string, value: string): boolean =>
  isName(name) && !name.startsWith('grpc-') && isPrintable(value);
