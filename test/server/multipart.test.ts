import { expect } from 'chai';
import fc from 'fast-check';
import { HttpError } from '#src/errors.js';
import { type Part, type PartLimits, readParts } from '#src/server/multipart.js';
import { settled } from './kit.js';

const TYPE = 'multipart/form-data; boundary=edge';

const field = (name: string, value: string): string =>
  `--edge\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, filename: string, content: string): string =>
  `--edge\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
  `Content-Type: text/plain\r\n\r\n${content}\r\n`;
const END = '--edge--\r\n';

async function* chunks(text: string, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
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
  it('is fields and files in their order, however it is cut up', async () => {
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

  it('is taken from the socket no faster than files are read', async () => {
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

  it('goes on behind a file that nobody reads, or not to its end', async () => {
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

  it('is refused when a file is too large that nobody reads', async () => {
    const run = async (): Promise<void> => {
      const text = file('a', 'a', 'x'.repeat(200_000)) + END;
      for await (const _ of readParts(chunks(text), TYPE, { maxFileBytes: 100 }));
    };
    expect(await codeOf(run())).to.equal('BODY_TOO_LARGE');
  });

  it('takes what is exactly at the limits', async () => {
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

  it('ends as the reading of its body ends', async () => {
    async function* cut(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(file('a', 'a', 'x'.repeat(100)).slice(0, -20));
      throw new HttpError('CLIENT_CLOSED', 'gone');
    }
    expect(await codeOf(read(cut()))).to.equal('CLIENT_CLOSED');
  });

  it('lets go of its body when its reader stops early', async () => {
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
