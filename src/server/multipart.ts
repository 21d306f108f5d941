// Uploads (multipart/form-data, RFC 7578), part by part as they arrive: a file is never held whole, and what nobody
// reads is not read from the socket either.
import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy';
import { HttpError } from '../errors.js';
import { Refusal } from './refusal.js';

const require = createRequire(import.meta.url);

export interface FieldPart {
  readonly kind: 'field';
  readonly name: string;
  readonly value: string;
}

export interface FilePart {
  readonly kind: 'file';
  readonly name: string;
  /** As the client calls it, without any path: still nothing to name a file by. */
  readonly filename: string;
  /** As the client says. */
  readonly contentType: string;
  /** Until the next part is asked for; what is left is then skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

export type Part = FieldPart | FilePart;

/** Beyond any of them: 413. The whole is bounded by the route's `bodyLimit`. */
export interface PartLimits {
  /** Default 100. */
  readonly maxParts?: number;
  /** Default 10. */
  readonly maxFiles?: number;
  /** Default: the route's `bodyLimit`. */
  readonly maxFileBytes?: number;
  /** Default 64 KiB. */
  readonly maxFieldBytes?: number;
}

const MAX_PART_HEADER_BYTES = 8 * 1024;
const MAX_PART_HEADERS = 20;

const tooLarge = (detail: string): HttpError => new Refusal('BODY_TOO_LARGE', detail);
const malformed = (cause: unknown): HttpError =>
  new HttpError('MALFORMED_BODY', 'The body is not valid multipart/form-data.', { cause });

const told = (error: unknown): HttpError => (error instanceof HttpError ? error : malformed(error));

/** Whoever stops reading leaves the stream to be skipped. */
async function* contentOf(stream: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stream.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw told(error);
  }
}

/**
 * @param body with its own limits on size and silence
 * @throws HttpError BODY_TOO_LARGE, MALFORMED_BODY, and what reading the body throws
 */
export async function* readParts(
  body: AsyncIterable<Uint8Array>,
  contentType: string,
  limits: PartLimits,
): AsyncGenerator<Part, void, undefined> {
  const parser = parserOf(contentType, limits);
  const arrived: { part: Part; stream: BusboyFileStream | undefined }[] = [];
  /** Of the part that the reader has. */
  let current: BusboyFileStream | undefined;
  let end: 'complete' | HttpError | undefined;
  let wake = (): void => {};
  const stop = new AbortController();

  const fail = (error: HttpError): void => {
    if (end !== undefined) return;
    end = error;
    current?.destroy(error);
    for (const { stream } of arrived.splice(0)) stream?.destroy();
    stop.abort();
    wake();
  };
  const put = (part: Part, stream?: BusboyFileStream): void => {
    arrived.push({ part, stream });
    wake();
  };

  parser.on('field', (name, value, nameCut, valueCut) => {
    if (nameCut || valueCut) fail(tooLarge('A field of the form is too large.'));
    else put({ kind: 'field', name: name ?? '', value });
  });
  parser.on('file', (name, stream, filename, _encoding, type) => {
    // A stream that is never read reports its failure nowhere else.
    stream.on('error', (error) => fail(told(error)));
    stream.on('limit', () => fail(tooLarge('A file of the form is too large.')));
    const content = contentOf(stream);
    put({ kind: 'file', name: name ?? '', filename: filename ?? '', contentType: type, content }, stream);
  });
  for (const event of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
    parser.on(event, () => fail(tooLarge('The form has too many parts.')));
  }
  pipeline(body, parser, { signal: stop.signal }).then(
    () => {
      end ??= 'complete';
      wake();
    },
    (error: unknown) => fail(told(error)),
  );

  try {
    for (;;) {
      if (end instanceof HttpError) throw end;
      const next = arrived.shift();
      if (next !== undefined) {
        current = next.stream;
        yield next.part;
        current?.resume();
      } else if (end === 'complete') {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stop.abort();
  }
}

/** @throws HttpError MALFORMED_BODY without a boundary */
function parserOf(contentType: string, limits: PartLimits): BusboyInstance {
  const { maxParts = 100, maxFiles = 10, maxFileBytes, maxFieldBytes = 64 * 1024 } = limits;
  const { Busboy } = require('@fastify/busboy') as typeof import('@fastify/busboy');
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: {
        parts: maxParts,
        files: maxFiles,
        fieldSize: maxFieldBytes,
        headerPairs: MAX_PART_HEADERS,
        headerSize: MAX_PART_HEADER_BYTES,
        ...(maxFileBytes === undefined ? {} : { fileSize: maxFileBytes }),
      },
    });
  } catch (cause) {
    throw malformed(cause);
  }
}
