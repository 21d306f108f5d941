// Uploads (multipart/form-data, RFC 7578), part by part as they arrive: a file is never held whole, and what
// nobody reads is not read from the socket either.

import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import { pipeline } from 'node:stream/promises';
import type { BusboyFileStream, BusboyInstance } from '@fastify/busboy';
import { HttpError } from '../../errors.js';
import { lazyModule } from '../../lazy-module.js';
import { checkOptions, type OptionKind, shapeOf, typeErrorFor } from '../../options.js';
import { unreportedIterator } from '../promise.js';
import { Refusal } from '../refusal.js';
import { boundaryOf, malformedForm, PartHeads } from './multipart-heads.js';

const require = createRequire(import.meta.url);
const parserPackage = lazyModule(() => require('@fastify/busboy') as typeof import('@fastify/busboy'));

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

const LIMIT: OptionKind = { text: 'a number >= 0', is: (value) => typeof value === 'number' && value >= 0 };
const LIMITS = shapeOf<PartLimits>('{ maxFiles: 1 }', {
  maxParts: LIMIT,
  maxFiles: LIMIT,
  maxFileBytes: LIMIT,
  maxFieldBytes: LIMIT,
});

/** @throws TypeError for a limit that there is not: what it was to bound would have none */
export function checkLimits(limits: PartLimits): void {
  checkOptions(limits, LIMITS, typeErrorFor('readParts'));
}

const tooLarge = (detail: string): HttpError => new Refusal('BODY_TOO_LARGE', detail);

const told = (error: unknown): HttpError =>
  error instanceof HttpError ? error : malformedForm('The body is not valid multipart/form-data.', error);

/** What a part holds, as bytes, with what of its limit is left. */
interface Content {
  readonly stream: BusboyFileStream;
  left: number;
}

/** Whoever stops reading leaves the stream to be skipped. */
async function* piecesOf(content: Content, what: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const piece of content.stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      content.left -= piece.length;
      if (content.left < 0) throw tooLarge(`A ${what} of the form is too large.`);
      yield piece;
    }
  } catch (error) {
    throw told(error);
  }
}

/** A part as the parser has found it. */
interface Arrived {
  readonly name: string;
  readonly filename: string | undefined;
  readonly contentType: string;
  readonly charset: string | undefined;
  readonly stream: BusboyFileStream;
}

/**
 * @param body with its own limits on size and silence
 * @throws HttpError BODY_TOO_LARGE, MALFORMED_BODY, and what reading the body throws
 */
export async function* readParts(
  body: AsyncIterable<Uint8Array>,
  contentType: string,
  { maxParts = 100, maxFiles = 10, maxFileBytes, maxFieldBytes = 64 * 1024 }: PartLimits,
): AsyncGenerator<Part, void, undefined> {
  const arrivals = new Arrivals(body, boundaryOf(contentType), maxParts);
  let files = 0;
  try {
    for (;;) {
      const part = await arrivals.next();
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
    arrivals.stop();
  }
}

/** The parts of a body in their order, as far as they have arrived. */
class Arrivals {
  readonly #heads: PartHeads;
  readonly #arrived: Arrived[] = [];
  readonly #stop = new AbortController();
  #count = 0;
  /** Of the part that the reader has. */
  #current: BusboyFileStream | undefined;
  #end: 'complete' | HttpError | undefined;
  #wake = (): void => {};

  constructor(body: AsyncIterable<Uint8Array>, boundary: string, maxParts: number) {
    this.#heads = new PartHeads(boundary);
    const parser = parserOf(boundary, maxParts);
    parser.on('file', (name, stream, filename: string | undefined, _encoding, type) => {
      // A stream that is never read reports its failure nowhere else.
      stream.on('error', (error) => this.#fail(told(error)));
      const charset = this.#heads.charsetOf(this.#count++);
      this.#arrived.push({ name, filename, contentType: type, charset, stream });
      this.#wake();
    });
    parser.on('partsLimit', () => this.#fail(tooLarge('The form has too many parts.')));
    pipeline(this.#checked(body), parser, { signal: this.#stop.signal }).then(
      () => this.#complete(),
      (error: unknown) => this.#fail(told(error)),
    );
  }

  /** Undefined behind the last one. @throws HttpError */
  async next(): Promise<Arrived | undefined> {
    for (;;) {
      if (this.#end instanceof HttpError) throw this.#end;
      const next = this.#arrived.shift();
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
      this.#fail(told(error));
    }
  }

  #fail(error: HttpError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#current?.destroy(error);
    for (const { stream } of this.#arrived.splice(0)) stream.destroy();
    this.#stop.abort();
    this.#wake();
  }
}

/** @throws HttpError MALFORMED_BODY for bytes that are no text in this charset */
function textOf(bytes: Buffer, { name, charset }: Arrived): string {
  if (charset === undefined && isUtf8(bytes)) return bytes.toString();
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const detail = `The value of ${JSON.stringify(name)} is not valid text in ${charset ?? 'UTF-8'}.`;
    throw malformedForm(detail, cause);
  }
}

/** Hands on the bytes of every part, text included: it would replace what it cannot decode. */
function parserOf(boundary: string, maxParts: number): BusboyInstance {
  const { Busboy } = parserPackage();
  return new Busboy({
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    isPartAFile: () => true,
    limits: { parts: maxParts },
  });
}
