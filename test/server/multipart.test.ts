import { expect } from 'chai';
import fc from 'fast-check';
import { HttpError } from '#src/errors.js';
import { type Part, type PartLimits, readParts } from '#src/server/body/multipart.js';
import { settled } from './kit.js';

const TYPE = 'multipart/form-data; boundary=edge';

const field = (name: string, value: string): string =>
  `--edge\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, filename: string, content: string): string =>
  `--edge\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
  `Content-Type: text/plain\r\n\r\n${content}\r\n`;
const END = '--edge--\r\n';

const chunks = (text: string, size = 7): AsyncGenerator<Uint8Array> => pieces(Buffer.from(text), size);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function textOf(part: Part): Promise<string> {
  if (part.kind === 'field') return `${part.name}=${part.value}`;
  const pieces: Uint8Array[] = [];
  for await (const piece of part.content) pieces.push(piece);
  return `${part.name}=${part.filename} (${part.contentType}): ${Buffer.concat(pieces).toString()}`;
}

async function read(
  body: AsyncIterable<Uint8Array>,
  limits: PartLimits = {},
  type = TYPE,
): Promise<string[]> {
  const seen: string[] = [];
  for await (const part of readParts(body, type, limits)) seen.push(await textOf(part));
  return seen;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: HttpError) => error.code,
  );

describe('an upload', () => {
  it('is read as fields and files in their order, however its bytes are split', async () => {
    const text =
      field('a', 'ü') + file('f', 'x.txt', 'one') + field('b', '') + file('f', 'y.txt', 'two') + END;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 500 }), async (size) => {
        expect(await read(chunks(text, size))).to.deep.equal([
          'a=ü',
          'f=x.txt (text/plain): one',
          'b=',
          'f=y.txt (text/plain): two',
        ]);
      }),
      { numRuns: 30 },
    );
  });

  it('names files without the path that a client may have put there', async () => {
    for (const name of ['../../etc/passwd', 'C:\\\\x\\\\passwd', '/passwd']) {
      expect(await read(chunks(file('f', name, '') + END))).to.deep.equal(['f=passwd (text/plain): ']);
    }
  });

  it('is read from the socket only as fast as its files are read', async () => {
    let taken = 0;
    async function* big(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(file('f', 'big', '').slice(0, -2));
      for (; taken < 100; taken++) yield Buffer.alloc(64 * 1024);
      yield Buffer.from(`\r\n${END}`);
    }
    for await (const part of readParts(big(), TYPE, {})) {
      for (let i = 0; i < 50; i++) await settled();
      expect(taken).to.be.below(10);
      expect((await textOf(part)).length).to.be.above(100 * 64 * 1024);
    }
    expect(taken).to.equal(100);
  });

  it('continues behind a file that the handler does not read, or not to its end', async () => {
    const names: string[] = [];
    const text =
      file('a', 'a', 'x'.repeat(300_000)) + file('b', 'b', 'y'.repeat(300_000)) + field('c', '1') + END;
    for await (const part of readParts(chunks(text, 50_000), TYPE, {})) {
      names.push(part.name);
      if (part.kind === 'file' && part.name === 'b') for await (const _ of part.content) break;
    }
    expect(names).to.deep.equal(['a', 'b', 'c']);
  });

  for (const [what, text, limits] of [
    ['too many parts', field('a', '1') + field('b', '2') + field('c', '3'), { maxParts: 2 }],
    ['too many files', file('a', 'a', '') + file('b', 'b', ''), { maxFiles: 1 }],
    ['a file that is too large', file('a', 'a', 'x'.repeat(101)), { maxFileBytes: 100 }],
    ['a field that is too large', field('a', 'x'.repeat(101)), { maxFieldBytes: 100 }],
  ] as const) {
    it(`is refused with ${what}`, async () => {
      expect(await codeOf(read(chunks(text + END), limits))).to.equal('BODY_TOO_LARGE');
    });
  }

  it('is refused for a file that is too large, even if the handler does not read it', async () => {
    const run = async (): Promise<void> => {
      const text = file('a', 'a', 'x'.repeat(200_000)) + END;
      for await (const _ of readParts(chunks(text), TYPE, { maxFileBytes: 100 }));
    };
    expect(await codeOf(run())).to.equal('BODY_TOO_LARGE');
  });

  it('is accepted exactly at the limits', async () => {
    const limits = { maxParts: 2, maxFiles: 1, maxFileBytes: 100, maxFieldBytes: 100 };
    const text = file('a', 'a', 'x'.repeat(100)) + field('b', 'y'.repeat(100)) + END;
    expect(await read(chunks(text), limits)).to.have.length(2);
  });

  for (const [what, text, type] of [
    ['ends in a file', file('a', 'a', 'x'.repeat(100)).slice(0, -20), TYPE],
    ['ends in a header', '--edge\r\nContent-Dispo', TYPE],
    ['is empty', '', TYPE],
    ['is something else', 'hello', TYPE],
    ['has no boundary', END, 'multipart/form-data'],
  ] as const) {
    it(`is malformed when it ${what}`, async () => {
      expect(await codeOf(read(chunks(text), {}, type))).to.equal('MALFORMED_BODY');
    });
  }

  describe('never loses a part: it is malformed, and the response names the part,', () => {
    const disposition = 'Content-Disposition: form-data; name="b"';
    const damaged: Readonly<
      Record<string, readonly [head: string | Buffer, detail: RegExp, value?: Buffer]>
    > = {
      'without a Content-Disposition': ['Content-Type: text/plain', /Part 2 .* no Content-Disposition/],
      'without any field': ['', /Part 2 .* no Content-Disposition/],
      'with the disposition of a file': ['Content-Disposition: attachment; name="b"', /Part 2 .* form-data/],
      'without a name': ['Content-Disposition: form-data', /Part 2 .* no name/],
      'with a file but no name': ['Content-Disposition: form-data; filename="name=x"', /Part 2 .* no name/],
      'with two names': [`${disposition}; name="c"`, /Part 2 .* twice/],
      'with two dispositions': [`${disposition}\r\n${disposition}`, /Part 2 .* twice/],
      'with a broken disposition': ['Content-Disposition: form-data; name="b', /Part 2 .* cannot be read/],
      'with a line that is no field': [`nonsense\r\n${disposition}`, /Part 2 .* no field/],
      'with a bare line end': [`${disposition}; filename="a\nb"`, /Part 2 .* no field/],
      'with text behind its boundary': ['', /Part 2 .* line of its own/],
      'with a name that is not UTF-8': [
        Buffer.from('Content-Disposition: form-data; name="\xff"', 'latin1'),
        /Part 2 .* not UTF-8/,
      ],
      'in base64': [
        `${disposition}\r\nContent-Transfer-Encoding: base64`,
        /Part 2 .* Content-Transfer-Encoding/,
      ],
      'with 21 fields': [`${disposition}${'\r\nX: y'.repeat(20)}`, /Part 2 .* 20 fields/],
      'with a value that is not UTF-8': [disposition, /"b" is not valid text/, Buffer.from('\xff', 'latin1')],
      'with a charset that does not exist': [
        `${disposition}\r\nContent-Type: text/plain; charset=klingon`,
        /"b" is not valid text in klingon/,
      ],
    };
    const around = (head: string | Buffer, value: string | Buffer): Buffer =>
      Buffer.concat(
        [`${field('a', '1')}--edge\r\n`, head, '\r\n\r\n', value, `\r\n${field('c', '3')}${END}`].map(
          (piece) => Buffer.from(piece as string),
        ),
      );
    const errorOf = (bytes: Buffer, size: number): Promise<HttpError> =>
      read(pieces(bytes, size)).then(
        (seen) => expect.fail(`accepted as ${JSON.stringify(seen)}`),
        (error: unknown) => error as HttpError,
      );

    for (const [what, [head, detail, value = Buffer.from('2')]] of Object.entries(damaged)) {
      it(`with a part ${what}`, async () => {
        const bytes = what.includes('behind')
          ? Buffer.from(`${field('a', '1')}--edge x\r\n${disposition}\r\n\r\n2\r\n${END}`)
          : around(head, value);
        for (const size of [1, 7, bytes.length]) {
          const error = await errorOf(bytes, size);
          expect(error.code).to.equal('MALFORMED_BODY');
          expect(error.message).to.match(detail);
        }
      });
    }

    it('with a part that ends within its head', async () => {
      for (const cut of ['\r\n--edge', '\r\n\r\n--edge']) {
        const bytes = Buffer.from(`${field('a', '1')}--edge\r\n${disposition}${cut}${END.slice(6)}`);
        for (const size of [1, 7, bytes.length]) {
          expect((await errorOf(bytes, size)).code).to.equal('MALFORMED_BODY');
        }
      }
    });

    it('that is cut anywhere before its end', async () => {
      const bytes = Buffer.from(`${field('a', '1')}${file('f', 'x', 'content')}${field('b', '')}--edge--`);
      for (let length = 0; length < bytes.length; length++) {
        const error = await errorOf(bytes.subarray(0, length), 16);
        expect(error.code, `${length} bytes`).to.equal('MALFORMED_BODY');
      }
    });

    it('with a head that is too large: 413', async () => {
      const head = `${disposition}; filename="${'x'.repeat(8 * 1024)}"`;
      for (const size of [1, 1000, 20_000]) {
        expect((await errorOf(around(head, '2'), size)).code).to.equal('BODY_TOO_LARGE');
      }
    });

    it('and is otherwise read as it was sent, whichever byte of it is changed', async () => {
      const sent = Buffer.from(`${field('a', '1')}${file('f', 'x', 'content')}${field('b', '2')}${END}`);
      const at = fc.integer({ min: 0, max: sent.length - 1 });
      await fc.assert(
        fc.asyncProperty(
          at,
          fc.integer({ min: 0, max: 255 }),
          fc.integer({ min: 1, max: 99 }),
          async (n, byte, size) => {
            const bytes = Buffer.from(sent);
            bytes[n] = byte;
            const seen = await read(pieces(bytes, size)).catch((error: HttpError) => error.code);
            if (typeof seen === 'string') expect(seen).to.be.oneOf(['MALFORMED_BODY', 'BODY_TOO_LARGE']);
            else
              expect(seen).to.have.length(`\r\n${bytes.toString('latin1')}`.split('\r\n--edge').length - 2);
          },
        ),
        { numRuns: 2000 },
      );
    });
  });

  it('decodes text by the charset of its part, and as UTF-8 without one', async () => {
    const latin = Buffer.concat([
      Buffer.from(
        '--edge\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n\r\n',
      ),
      Buffer.from('\xfc', 'latin1'),
      Buffer.from(`\r\n${field('b', 'ü')}${END}`),
    ]);
    expect(await read(pieces(latin, 5))).to.deep.equal(['a=ü', 'b=ü']);
  });

  it('may have folded fields, text before its first part and behind its last', async () => {
    const text = `before\r\n--edge\r\nContent-Disposition: form-data;\r\n name="a"\r\nX-Any: \r\n\r\n1\r\n${END}behind\r\n--edge`;
    for (const size of [1, 7, 1000]) expect(await read(chunks(text, size))).to.deep.equal(['a=1']);
  });

  it('fails when reading the body fails', async () => {
    async function* cut(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(file('a', 'a', 'x'.repeat(100)).slice(0, -20));
      throw new HttpError('CLIENT_CLOSED', 'gone');
    }
    expect(await codeOf(read(cut()))).to.equal('CLIENT_CLOSED');
  });

  it('releases its body when its reader stops early', async () => {
    let released = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from(field('a', '1'));
        for (;;) {
          yield Buffer.from(field('b', '2'));
          await settled();
        }
      } finally {
        released = true;
      }
    }
    for await (const _ of readParts(endless(), TYPE, {})) break;
    for (let i = 0; i < 100 && !released; i++) await settled();
    expect(released).to.equal(true);
  });
});
