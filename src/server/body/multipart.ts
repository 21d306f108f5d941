// Reads uploads (multipart/form-data, RFC 7578) part by part as they arrive. A file is never held whole, and
// while a part is not read, the body is not read from the socket either.

import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import { pipeline } from 'node:stream/promises';
import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy';
import { HttpError } from '../../errors.js';
import { lazyModule } from '../../lazy-module.js';
import { checkOptions, type OptionKind, shapeOf, typeErrorFor } from '../../options.js';
import { unreportedIterator } from '../promise.js';
import { ServerRefusal } from '../server-refusal.js';
import { boundaryOf, malformedForm, PartHeads } from './multipart-heads.js';

const require = createRequire(import.meta.url);
const parserPackage = lazyModule(() => require('@fastify/busboy') as typeof import('@fastify/busboy'));

/** A field of a form. */
export interface FieldPart {
  readonly kind: 'field';
  readonly name: string;
  readonly value: string;
}

/** A file of a form. */
export interface FilePart {
  readonly kind: 'file';
  readonly name: string;
  /**
   * The name that the client gave the file, without a path; empty when it gave none. It is not safe as a name
   * for a file.
   */
  readonly filename: string;
  /** The type that the client claims. */
  readonly contentType: string;
  /** The bytes of the file. They can be read until the next part is requested, which skips the rest. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** One part of a `multipart/form-data` body. */
export type Part = FieldPart | FilePart;

/**
 * Limits of an upload. A form beyond one of them is refused with 413; the route's `bodyLimit` bounds the
 * whole.
 */
export interface PartLimits {
  /** @default 100 */
  readonly maxParts?: number;
  /** @default 10 */
  readonly maxFiles?: number;
  /** @default the route's `bodyLimit` */
  readonly maxFileBytes?: number;
  /** @default 64 KiB */
  readonly maxFieldBytes?: number;
}

const LIMIT: OptionKind = { text: 'a number >= 0', is: (value) => typeof value === 'number' && value >= 0 };
const LIMITS = shapeOf<PartLimits>('{ maxFiles: 1 }', {
  maxParts: LIMIT,
  maxFiles: LIMIT,
  maxFileBytes: LIMIT,
  maxFieldBytes: LIMIT,
});

/** @throws TypeError for an unknown limit, because a misspelt one would bound nothing */
export function checkLimits(limits: PartLimits): void {
  checkOptions(limits, LIMITS, typeErrorFor('readParts'));
}

const tooLarge = (detail: string): HttpError => new ServerRefusal('BODY_TOO_LARGE', detail);

const httpErrorOf = (error: unknown): HttpError =>
  error instanceof HttpError ? error : malformedForm('The body is not valid multipart/form-data.', error);

/** The content of a part, and the bytes of it that are still allowed. */
interface Content {
  readonly stream: BusboyFileStream;
  left: number;
}

/** A reader that stops early leaves the stream open, so that the rest can be skipped. */
async function* piecesOf(content: Content, what: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const piece of content.stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      content.left -= piece.length;
      if (content.left < 0) throw tooLarge(`A ${what} of the form is too large.`);
      yield piece;
    }
  } catch (error) {
    throw httpErrorOf(error);
  }
}

/** A part that the parser has found. */
interface FoundPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly contentType: string;
  readonly charset: string | undefined;
  readonly stream: BusboyFileStream;
}

/**
 * Yields the parts of a form in their order.
 * @param body has limits of its own on size and silence
 * @throws HttpError BODY_TOO_LARGE, MALFORMED_BODY, and whatever reading the body throws
 */
export async function* readParts(
  body: AsyncIterable<Uint8Array>,
  contentType: string,
  { maxParts = 100, maxFiles = 10, maxFileBytes, maxFieldBytes = 64 * 1024 }: PartLimits,
): AsyncGenerator<Part, void, undefined> {
  const parts = new PartQueue(body, boundaryOf(contentType), maxParts);
  let files = 0;
  try {
    for (;;) {
      const part = await parts.next();
      if (part === undefined) return;
      const { name, filename, contentType: type, stream } = part;
      if (filename === undefined && type !== 'application/octet-stream') {
        const pieces: Uint8Array[] = [];
        for await (const piece of piecesOf({ stream, left: maxFieldBytes }, 'field')) pieces.push(piece);
        yield { kind: 'field', name, value: textOf(Buffer.concat(pieces), part) };
        continue;
      }
      if (++files > maxFiles) throw tooLarge('The form has too many files.');
      const content = { stream, left: maxFileBytes ?? Number.POSITIVE_INFINITY };
      const pieces = unreportedIterator(piecesOf(content, 'file'));
      yield { kind: 'file', name, filename: filename ?? '', contentType: type, content: pieces };
      if (!stream.readableEnded) for await (const _ of piecesOf(content, 'file'));
    }
  } finally {
    parts.stop();
  }
}

/** The queue of parts that the parser has found and the reader has not taken. */
class PartQueue {
  readonly #heads: PartHeads;
  readonly #found: FoundPart[] = [];
  readonly #stop = new AbortController();
  #count = 0;
  /** The stream of the part that the reader has. */
  #current: BusboyFileStream | undefined;
  #end: 'complete' | HttpError | undefined;
  #wake = (): void => {};

  constructor(body: AsyncIterable<Uint8Array>, boundary: string, maxParts: number) {
    this.#heads = new PartHeads(boundary);
    const parser = parserOf(boundary, maxParts);
    parser.on('file', (name, stream, filename: string | undefined, _encoding, type) => {
      // This is the only report of a failure for a stream that is never read.
      stream.on('error', (error) => this.#fail(httpErrorOf(error)));
      const charset = this.#heads.charsetOf(this.#count++);
      this.#found.push({ name, filename, contentType: type, charset, stream });
      this.#wake();
    });
    parser.on('partsLimit', () => this.#fail(tooLarge('The form has too many parts.')));
    pipeline(this.#checked(body), parser, { signal: this.#stop.signal }).then(
      () => this.#complete(),
      (error: unknown) => this.#fail(httpErrorOf(error)),
    );
  }

  /**
   * @returns the next part, undefined after the last one
   * @throws HttpError when the form cannot be read to its end
   */
  async next(): Promise<FoundPart | undefined> {
    for (;;) {
      if (this.#end instanceof HttpError) throw this.#end;
      const next = this.#found.shift();
      this.#current = next?.stream;
      if (next !== undefined || this.#end === 'complete') return next;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  async *#checked(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      this.#heads.pass(chunk);
      yield chunk;
    }
  }

  #complete(): void {
    try {
      this.#heads.end(this.#count);
      this.#end ??= 'complete';
      this.#wake();
    } catch (error) {
      this.#fail(httpErrorOf(error));
    }
  }

  #fail(error: HttpError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#current?.destroy(error);
    for (const { stream } of this.#found.splice(0)) stream.destroy();
    this.#stop.abort();
    this.#wake();
  }
}

/** @throws HttpError MALFORMED_BODY for bytes that are not text in this charset */
function textOf(bytes: Buffer, { name, charset }: FoundPart): string {
  if (charset === undefined && isUtf8(bytes)) return bytes.toString();
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const detail = `The value of ${JSON.stringify(name)} is not valid text in ${charset ?? 'UTF-8'}.`;
    throw malformedForm(detail, cause);
  }
}

/** The parser passes on the bytes of fields, too: decoding them itself, it would replace invalid ones. */
function parserOf(boundary: string, maxParts: number): BusboyInstance {
  const { Busboy } = parserPackage();
  return new Busboy({
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    isPartAFile: () => true,
    limits: { parts: maxParts },
  });
}
