// Files that change while they are served: a request sees every change that was complete before it was sent.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import { currentScope } from '#src/scope.js';
import { FileLooks } from '#src/server/response/file-looks.js';
import { SmallFileReader } from '#src/server/response/small-file-reader.js';
import { type Bench, bench, settled } from './kit.js';

const AT_ONCE = 20;
const CHANGES = 25;
/** All contents have the same length, so that only the other marks of a version tell them apart. */
const content = (n: number): string => `content ${1000 + n}`;

describe('a file that changes', () => {
  let base: string;
  let world: Bench;
  const path = (name: string): string => join(base, name);
  const get = async (url: string): Promise<string> => {
    const { status, text } = await world.inject({ url });
    return status === 200 ? text() : String(status);
  };
  const many = (url: string): Promise<string[]> =>
    Promise.all(Array.from({ length: AT_ONCE }, () => get(url)));

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'multilane-file-looks-'));
    world = bench(
      (app) => {
        app.get('/f/*', (ctx) => ctx.file('root', ctx.params['*']!));
        app.get('/scope', async (ctx) => {
          await ctx.file('root', 'a.txt');
          expect(currentScope()).to.equal(ctx);
        });
      },
      // The files are too young to be kept by the wall clock.
      { configFile: path('multilane.config.js'), fileClock: () => Date.now() + 60_000 },
    );
    mkdirSync(path('v1'));
    mkdirSync(path('v2'));
    symlinkSync('v1', path('root'));
    writeFileSync(path('v1/a.txt'), content(0));
  });
  afterEach(() => rmSync(base, { recursive: true }));

  /** Writes until the file has another time stamp than before: the clock of a file system has ticks. */
  function rewrite(name: string, text: string): void {
    const before = statSync(path(name), { bigint: true, throwIfNoEntry: false })?.ctimeNs;
    do write(name, text);
    while (statSync(path(name), { bigint: true }).ctimeNs === before);
  }
  /** Never leaves the file empty in between. */
  function write(name: string, text: string): void {
    if (existsSync(path(name))) writeFileSync(path(name), text, { flag: 'r+' });
    else {
      writeFileSync(path('new-file'), text);
      renameSync(path('new-file'), path(name));
    }
  }
  function link(target: string, name: string): void {
    symlinkSync(target, path('new-link'));
    renameSync(path('new-link'), path(name));
  }

  const changes: Readonly<Record<string, (n: number) => void>> = {
    'is written in place': (n) => rewrite('v1/a.txt', content(n)),
    'is replaced by renaming': (n) => {
      rewrite('new.txt', content(n));
      renameSync(path('new.txt'), path('v1/a.txt'));
    },
    'is a link to another file': (n) => {
      rewrite(`v1/${n % 2}.txt`, content(n));
      link(`${n % 2}.txt`, 'v1/a.txt');
    },
    'is below a root that is a link to another folder': (n) => {
      rewrite(`v${1 + (n % 2)}/a.txt`, content(n));
      link(`v${1 + (n % 2)}`, 'root');
    },
  };

  for (const [title, change] of Object.entries(changes)) {
    it(`is sent as it is now when it ${title}`, async () => {
      await get('/f/a.txt');
      for (let n = 1; n <= CHANGES; n++) {
        const earlier = many('/f/a.txt');
        // The change comes before, while or after the look of the earlier requests runs.
        for (let turn = 0; turn < n % 4; turn++) await settled();
        change(n);
        expect(new Set(await many('/f/a.txt')), `after change ${n}`).to.deep.equal(new Set([content(n)]));
        for (const text of await earlier) expect(text).to.be.oneOf([content(n - 1), content(n)]);
        expect(await get('/f/a.txt')).to.equal(content(n));
        expect(world.app.files.contents.bytes).to.be.above(0);
      }
    });
  }

  it('is not found when it has been removed, or leads out of its root', async () => {
    writeFileSync(path('secret.txt'), 'secret');
    for (let n = 1; n <= CHANGES; n++) {
      const earlier = many('/f/a.txt');
      for (let turn = 0; turn < n % 4; turn++) await settled();
      rmSync(path('v1/a.txt'));
      expect(new Set(await many('/f/a.txt'))).to.deep.equal(new Set(['404']));
      symlinkSync('../secret.txt', path('v1/a.txt'));
      expect(new Set(await many('/f/a.txt'))).to.deep.equal(new Set(['404']));
      rmSync(path('v1/a.txt'));
      rewrite('v1/a.txt', content(n));
      expect(new Set(await many('/f/a.txt'))).to.deep.equal(new Set([content(n)]));
      for (const text of await earlier) expect(text).to.be.oneOf([content(n - 1), content(n), '404']);
    }
  });

  it('is looked at once for all requests of a turn, and once more for those that come meanwhile', async () => {
    const { files } = world.app;
    await get('/f/a.txt');
    const before = files.begun;
    const first = many('/f/a.txt');
    await settled();
    expect(files.begun - before).to.equal(1);
    const second = many('/f/a.txt');
    const third = many('/f/a.txt');
    expect(files.begun - before).to.equal(1);
    expect(new Set((await Promise.all([first, second, third])).flat())).to.deep.equal(new Set([content(0)]));
    expect(files.begun - before).to.equal(2);
  });

  it('is looked at apart from others: requests of many files do not wait for each other', async () => {
    for (let n = 0; n < 100; n++) writeFileSync(path(`v1/${n}.txt`), content(n));
    const texts = await Promise.all(Array.from({ length: 500 }, (_, n) => get(`/f/${n % 100}.txt`)));
    expect(texts).to.deep.equal(Array.from({ length: 500 }, (_, n) => content(n % 100)));
    expect(world.app.files.begun).to.equal(100);
  });

  it('is looked at again when a look has not ended for five seconds', async () => {
    const { prototype } = SmallFileReader;
    const read = Object.getOwnPropertyDescriptor(prototype, 'read')!;
    const clock = performance.now.bind(performance);
    const looks = new FileLooks(base);
    try {
      let at = clock();
      performance.now = () => at;
      prototype.read = () => new Promise(() => {});
      void looks.look('root', 'a.txt');
      await settled();
      Object.defineProperty(prototype, 'read', read);
      at += 4999;
      const second = looks.look('root', 'a.txt');
      await settled();
      expect(looks.begun).to.equal(1);
      at += 1;
      const third = looks.look('root', 'a.txt');
      for (const seen of await Promise.all([second, third])) {
        expect(Buffer.from(seen!.small!.bytes).toString()).to.equal(content(0));
      }
      expect(looks.begun).to.equal(2);
    } finally {
      Object.defineProperty(prototype, 'read', read);
      Reflect.deleteProperty(performance, 'now');
    }
  });

  it('leaves each of its requests in its own scope', async () => {
    const statuses = await Promise.all(
      Array.from({ length: AT_ONCE }, async () => (await world.inject({ url: '/scope' })).status),
    );
    expect(new Set(statuses)).to.deep.equal(new Set([200]));
    expect(world.logs).to.deep.equal([]);
  });
});
