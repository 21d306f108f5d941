// Checks the heads of the parts of a form while its bytes pass on their way to the parser (RFC 7578 section
// 4, RFC 2046 section 5.1). The parser drops a part whose head it cannot use without reporting it, so such a
// form is refused here, and the parts are counted.
import { isUtf8 } from 'node:buffer';
import { bufferOf } from '../../buffer-of.js';
import { HttpError } from '../../errors.js';
import { TOKEN } from '../response/token.js';
import { ServerRefusal } from '../server-refusal.js';

const MAX_HEAD_BYTES = 8 * 1024;
const MAX_HEAD_FIELDS = 20;

const CRLF = Buffer.from('\r\n');
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const NOTHING: Buffer = Buffer.alloc(0);
const DASH = 0x2d;

const FIELD = new RegExp(String.raw`^(${TOKEN}):[ \t]*([^\r\n\0]*)$`);
const FOLDED = /^[ \t][^\r\n\0]*$/;
const FORM_DATA = /^form-data[ \t]*(?=;|$)/i;
const PARAMETER = new RegExp(
  String.raw`;[ \t]*(${TOKEN})[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.)*"|[^;"]*)[ \t]*|;[ \t]*$`,
  'y',
);
const CHARSET = /;[ \t]*charset="?([^";\s]+)/i;
const BOUNDARY = /;[ \t]*boundary=(?:"([^"\\\r\n]{1,70})"|([^\s;",\\]{1,70}))/i;

export const malformedForm = (detail: string, cause?: unknown): HttpError =>
  new HttpError('MALFORMED_BODY', detail, { cause });

/** @throws HttpError MALFORMED_BODY */
export function boundaryOf(contentType: string): string {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined)
    throw malformedForm('The Content-Type names no boundary of 1 to 70 characters.');
  return boundary;
}

export class PartHeads {
  readonly #delimiter: Buffer;
  #state: 'content' | 'head' | 'end' = 'content';
  /**
   * The last bytes that have passed: a delimiter may begin in them. The first delimiter needs no line before
   * it.
   */
  #tail: Buffer = CRLF;
  readonly #head = Buffer.allocUnsafe(MAX_HEAD_BYTES);
  #headBytes = 0;
  readonly #charsets: (string | undefined)[] = [];

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  /** The number of parts whose head has passed. */
  get count(): number {
    return this.#charsets.length;
  }

  /**
   * Checks the end of the form.
   * @param found the number of parts that the parser has found
   * @throws HttpError MALFORMED_BODY when the form is not complete, or the parser found fewer or more parts
   */
  end(found: number): void {
    if (this.#state !== 'end') throw this.#malformed('does not end');
    if (found !== this.count) throw malformedForm('The form has a part that cannot be read.');
  }

  /** @returns the charset of the part with this number (from 0), undefined when its head has none */
  charsetOf(part: number): string | undefined {
    return this.#charsets[part];
  }

  /**
   * Reads the next bytes of the form.
   * @throws HttpError MALFORMED_BODY, BODY_TOO_LARGE that names the part and the fault in its head
   */
  pass(chunk: Uint8Array): void {
    let rest = bufferOf(chunk);
    while (rest.length > 0 && this.#state !== 'end') {
      rest = this.#state === 'head' ? this.#passHead(rest) : this.#passContent(rest);
    }
  }

  /** @returns the bytes behind the next delimiter */
  #passContent(bytes: Buffer): Buffer {
    const reach = this.#delimiter.length - 1;
    const seam = Buffer.concat([this.#tail, bytes.subarray(0, reach)]);
    const atSeam = seam.indexOf(this.#delimiter);
    const at = atSeam === -1 ? bytes.indexOf(this.#delimiter) : atSeam - this.#tail.length;
    if (at === -1 && atSeam === -1) {
      const whole = bytes.length < reach ? seam : bytes;
      this.#tail = Buffer.from(whole.subarray(Math.max(0, whole.length - reach)));
      return NOTHING;
    }
    this.#state = 'head';
    this.#headBytes = 0;
    return bytes.subarray(at + this.#delimiter.length);
  }

  #passHead(bytes: Buffer): Buffer {
    const before = this.#headBytes;
    this.#headBytes += bytes.copy(this.#head, before);
    const head = this.#head.subarray(0, this.#headBytes);
    if (head.length >= 2 && head[0] === DASH && head[1] === DASH) {
      this.#state = 'end';
      return NOTHING;
    }
    const end = head.indexOf(END_OF_HEAD, Math.max(0, before - END_OF_HEAD.length + 1));
    if (end === -1) {
      if (head.length < MAX_HEAD_BYTES) return NOTHING;
      throw new ServerRefusal(
        'BODY_TOO_LARGE',
        `${this.#next} has a head of more than ${MAX_HEAD_BYTES} bytes.`,
      );
    }
    this.#charsets.push(this.#check(head.subarray(0, end)));
    this.#state = 'content';
    this.#tail = CRLF;
    return bytes.subarray(end + END_OF_HEAD.length - before);
  }

  /** @returns the charset of the part, if its head has one */
  #check(head: Buffer): string | undefined {
    if (head.includes(this.#delimiter)) throw this.#malformed('ends within its head');
    if (!isUtf8(head)) throw this.#malformed('has a head that is not UTF-8');
    const [padding = '', ...lines] = head.toString().split('\r\n');
    if (padding !== '') throw this.#malformed('does not begin on a line of its own');
    if (lines.length > MAX_HEAD_FIELDS) throw this.#malformed(`has more than ${MAX_HEAD_FIELDS} fields`);
    const fields = this.#fieldsOf(lines);
    const disposition = fields.get('content-disposition');
    if (disposition === undefined) throw this.#malformed('has no Content-Disposition');
    this.#checkDisposition(disposition);
    const encoding = fields.get('content-transfer-encoding') ?? 'binary';
    if (!/^(?:7bit|8bit|binary)$/i.test(encoding)) {
      throw this.#malformed('has a Content-Transfer-Encoding, which forms do not use');
    }
    return CHARSET.exec(fields.get('content-type') ?? '')?.[1];
  }

  #fieldsOf(lines: readonly string[]): ReadonlyMap<string, string> {
    const fields = new Map<string, string>();
    let last: string | undefined;
    for (const line of lines) {
      const [, name, value = ''] = FIELD.exec(line) ?? [];
      if (name !== undefined) {
        last = name.toLowerCase();
        if (fields.has(last)) throw this.#malformed(`has the field ${last} twice`);
        fields.set(last, value.trimEnd());
      } else if (last !== undefined && FOLDED.test(line)) {
        fields.set(last, fields.get(last)! + line.trimEnd());
      } else throw this.#malformed('has a line in its head that is no field');
    }
    return fields;
  }

  #checkDisposition(value: string): void {
    const type = FORM_DATA.exec(value)?.[0];
    if (type === undefined) throw this.#malformed('has a Content-Disposition other than form-data');
    const names: (string | undefined)[] = [];
    let at = type.length;
    while (at < value.length) {
      PARAMETER.lastIndex = at;
      const [parameter, name] = PARAMETER.exec(value) ?? [];
      if (parameter === undefined) throw this.#malformed('has a Content-Disposition that cannot be read');
      names.push(name?.toLowerCase());
      at += parameter.length;
    }
    if (!names.includes('name')) throw this.#malformed('has no name in its Content-Disposition');
    if (new Set(names).size < names.length) throw this.#malformed('has a parameter twice');
  }

  get #next(): string {
    return `Part ${this.count + 1} of the form`;
  }

  #malformed(why: string): HttpError {
    return malformedForm(`${this.#next} ${why}.`);
  }
}
