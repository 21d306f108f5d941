// Files that are sent from memory: what is kept, and that its responses are those of the disk.
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileContents } from '#src/server/response/file-contents.js';
import { versionOf } from '#src/server/response/file-version.js';
import { type Answer, type Bench, bench } from './kit.js';

/** The account with the fewest rights, on Debian. */
const NOBODY = 65_534;
const MIB = 1024 * 1024;
const TEXT = 'All human beings are born free. '.repeat(100);

describe('a file in memory', () => {
  let base: string;
  const path = (name: string): string => join(base, name);
  const serving = (fileClock: () => number): Bench =>
    bench(
      (app) => {
        app.get('/f/*', (ctx) => ctx.file('.', ctx.params['*']!));
        app.get('/c/*', (ctx) => ctx.file('.', ctx.params['*']!, { compress: true, precompressed: true }));
        app.put('/f/*', (ctx) => ctx.file('.', ctx.params['*']!));
      },
      { configFile: path('multilane.config.js'), fileClock },
    );
  /** For this App each file is old enough to be kept. */
  const keeping = (): Bench => serving(() => Date.now() + 60_000);

  before(() => {
    base = mkdtempSync(join(tmpdir(), 'multilane-file-memory-'));
    writeFileSync(path('a.txt'), TEXT);
    writeFileSync(path('ready.js'), TEXT);
    writeFileSync(path('ready.js.gz'), 'not really gzip');
    writeFileSync(path('empty.css'), '');
  });
  after(() => rmSync(base, { recursive: true }));

  it('is kept from two seconds after its last change on', async () => {
    const changed = Number(statSync(path('a.txt'), { bigint: true }).ctimeMs);
    let at = changed + 1999;
    const { app, inject } = serving(() => at);
    await inject({ url: '/f/a.txt' });
    expect(app.files.contents.bytes).to.equal(0);
    at += 1;
    await inject({ url: '/f/a.txt' });
    expect(app.files.contents.bytes).to.be.above(TEXT.length);
  });

  it('has the responses of one that is read for each of them', async () => {
    const memory = keeping();
    const disk = serving(() => 0);
    for (const name of ['a.txt', 'ready.js', 'ready.js.gz', 'empty.css']) {
      const { headers } = await memory.inject({ url: `/f/${name}` });
      const { etag = '', 'last-modified': date = '' } = headers;
      for (const fields of conditions(etag, date)) {
        for (const request of ['GET /f/', 'HEAD /f/', 'PUT /f/', 'GET /c/', 'HEAD /c/']) {
          const [method = '', start = ''] = request.split(' ');
          const one = { method, url: start + name, headers: fields };
          const [kept, read] = await Promise.all([memory.inject(one), disk.inject(one)]);
          expect(comparable(kept), `${request}${name} ${JSON.stringify(fields)}`).to.deep.equal(
            comparable(read),
          );
        }
      }
    }
    expect(memory.app.files.contents.bytes).to.be.above(0);
    expect(disk.app.files.contents.bytes).to.equal(0);
  });

  it('is not changed by a caller that changes its response', async () => {
    const { inject } = keeping();
    await inject({ url: '/f/a.txt' });
    const { body } = await inject({ url: '/f/a.txt', inProcess: true });
    body.fill(0);
    expect((await inject({ url: '/f/a.txt' })).text()).to.equal(TEXT);
  });

  it('is not found once it may not be read', async () => {
    const { inject } = keeping();
    writeFileSync(path('private.txt'), 'x');
    expect((await inject({ url: '/f/private.txt' })).status).to.equal(200);
    chmodSync(path('private.txt'), 0);
    chmodSync(path('.'), 0o755);
    // Permissions mean nothing to root.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid!(NOBODY);
    try {
      expect((await inject({ url: '/f/private.txt' })).status).to.equal(404);
    } finally {
      if (isRoot) process.seteuid!(0);
    }
  });

  it('leaves it when others are used, so that the memory of a thread is bounded', async () => {
    const { app, inject } = keeping();
    const content = Buffer.alloc(60 * 1024, 'x');
    for (let n = 0; n < 100; n++) writeFileSync(path(`${n}.bin`), content);
    for (let n = 0; n < 100; n++) {
      const answers = await Promise.all([inject({ url: `/f/${n}.bin` }), inject({ url: '/f/a.txt' })]);
      expect(answers.map(({ body }) => body.length)).to.deep.equal([content.length, TEXT.length]);
      expect(app.files.contents.bytes).to.be.at.most(4 * MIB);
    }
    expect(app.files.contents.bytes).to.be.above(3 * MIB);
  });
});

describe('the contents of files', () => {
  const stats = statSync('package.json', { bigint: true });
  const file = (length: number) => ({ version: versionOf(stats), bytes: new Uint8Array(length) });

  it('take a bounded memory, also thousands that are empty', () => {
    const contents = new FileContents();
    for (let n = 0; n < 20_000; n++) contents.keep(`/srv/${n}`, file(n % 2));
    expect(contents.bytes).to.be.within(3 * MIB, 4 * MIB);
    for (let n = 0; n < 20_000; n++) contents.drop(`/srv/${n}`);
    expect(contents.bytes).to.equal(0);
  });

  it('drop the one that was used least recently', () => {
    const contents = new FileContents();
    const keep = (name: string) => contents.keep(name, file(60 * 1024));
    keep('/used');
    keep('/unused');
    for (let n = 0; n < 66; n++) {
      keep(`/${n}`);
      expect(contents.find('/used', stats)).to.not.equal(undefined);
    }
    expect(contents.find('/unused', stats)).to.equal(undefined);
  });

  it('are dropped when the file has another version, and replaced by a new one', () => {
    const contents = new FileContents();
    for (const name of ['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const) {
      contents.keep('/a', file(1));
      contents.keep('/a', file(2));
      expect(contents.find('/a', stats)?.bytes.length).to.equal(2);
      const other = Object.assign(Object.create(stats), { [name]: stats[name] + 1n });
      expect(contents.find('/a', other), name).to.equal(undefined);
      expect(contents.bytes, name).to.equal(0);
    }
  });
});

const conditions = (etag: string, date: string): Record<string, string>[] => [
  {},
  { 'if-none-match': etag },
  { 'if-none-match': '"other"' },
  { 'if-match': etag },
  { 'if-match': '"other"' },
  { 'if-modified-since': date },
  { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
  { range: 'bytes=1-3' },
  { range: 'bytes=-5' },
  { range: 'bytes=100000-' },
  { range: 'bytes=1-3', 'if-range': etag },
  { range: 'bytes=1-3', 'if-range': '"other"' },
  { 'accept-encoding': 'gzip' },
  { 'accept-encoding': 'br', 'if-none-match': etag.replace(/"$/, '-br"') },
];

function comparable({ status, headers, body }: Answer): unknown {
  const { 'x-request-id': id, ...others } = headers;
  expect(id).to.be.a('string');
  const problem = headers['content-type']?.startsWith('application/problem') === true;
  return { status, headers: problem ? {} : others, body: problem ? '' : Buffer.from(body).toString('hex') };
}
