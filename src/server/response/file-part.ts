// Decides what a request gets of a file, by its conditions and its range, and sets the fields of its
// response.
import { HttpError } from '../../errors.js';
import type { ReadonlyFields } from '../handler.js';
import type { Coding } from './compress.js';
import { precondition, rangeOf } from './conditional.js';
import { type FileVersion, validatorsOf } from './file-version.js';

/** The request, and the fields of its response. */
export interface PartRequest {
  readonly method: string;
  readonly headers: ReadonlyFields;
  readonly fields: { setKnown(name: string, value: string): void };
}

/** What is sent of a file. With 304 nothing is. */
export interface FilePart {
  readonly status: 200 | 206 | 304;
  readonly from: number;
  readonly length: number;
  /** The coding in which the bytes are compressed while they are sent. */
  readonly compressAs: Coding | undefined;
}

/**
 * @param coding of what the client gets
 * @param isCoded the file itself is in this coding
 * @throws HttpError PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE
 */
export function partOf(
  ctx: PartRequest,
  version: FileVersion,
  coding: Coding | undefined,
  isCoded: boolean,
): FilePart {
  const { size } = version;
  const compressAs = isCoded ? undefined : coding;
  const validators = validatorsOf(version, coding, compressAs !== undefined);
  const verdict = precondition(ctx.method, ctx.headers, validators);
  if (verdict === 'failed') throw new HttpError('PRECONDITION_FAILED', 'The file is not the one you have.');
  const { fields } = ctx;
  fields.setKnown('etag', validators.etag);
  fields.setKnown('last-modified', version.date);
  fields.setKnown('x-content-type-options', 'nosniff');
  if (verdict === 'not-modified') return { status: 304, from: 0, length: 0, compressAs: undefined };
  if (coding !== undefined) fields.setKnown('content-encoding', coding);
  if (compressAs !== undefined) return { status: 200, from: 0, length: size, compressAs };

  fields.setKnown('accept-ranges', 'bytes');
  const range = rangeOf(ctx.method, ctx.headers, validators, size);
  if (range === 'unsatisfiable') {
    throw new HttpError('RANGE_NOT_SATISFIABLE', 'The file has no such bytes.', {
      headers: { 'content-range': `bytes */${size}` },
    });
  }
  if (range === 'whole') return { status: 200, from: 0, length: size, compressAs };
  fields.setKnown('content-range', `bytes ${range.first}-${range.last}/${size}`);
  return { status: 206, from: range.first, length: range.last - range.first + 1, compressAs };
}
