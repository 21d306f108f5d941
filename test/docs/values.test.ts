// Tries the sentences about values that handlers return, in docs/services.md and docs/http.md: what is sent
// as it is, and what is a 500.
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { bench } from '#test/server/kit.js';

/** A value for each name that the pages use. */
const VALUES: Readonly<Record<string, () => unknown>> = {
  object: () => ({ a: 1 }),
  null: () => null,
  string: () => 'text',
  Uint8Array: () => Buffer.from('bytes'),
  undefined: () => undefined,
  Response: () => new Response('text'),
  ReadableStream: () => new Blob(['text']).stream(),
  Map: () => new Map([[1, 2]]),
  Set: () => new Set([1]),
  Blob: () => new Blob(['text']),
  'Node.js stream': () => Readable.from(['text']),
  'asynchronous iterator': async function* () {
    yield 'text';
  },
  'Response inside of an object': () => ({ member: new Response('text') }),
  'ReadableStream inside of an object': () => ({ member: new Blob(['text']).stream() }),
  'another iterator': () => [1].values(),
  'an object of a class without members of its own': () => new (class Empty {})(),
};

async function statusOf(value: () => unknown): Promise<number> {
  const { inject } = bench((app) => app.get('/', () => value()));
  return (await inject({ url: '/' })).status;
}

/** The names in a list of a page, in which articles, backticks and separators differ. */
const namesIn = (list: string): readonly string[] =>
  list
    .replaceAll('`', '')
    .split(/, | or | and |; /)
    .map((name) => (name in VALUES ? name : name.replace(/^(a|an) /, '')));

async function expectAll(names: readonly string[], isRight: (status: number) => boolean): Promise<void> {
  expect(names).to.not.have.length(0);
  for (const name of names) {
    expect(VALUES, `no value in this test is "${name}"`).to.have.property(name);
    const status = await statusOf(VALUES[name]!);
    expect(isRight(status), `${name}: ${status}`).to.equal(true);
  }
}

describe('the values that a handler returns', () => {
  const text = readFileSync('docs/services.md', 'utf8').replaceAll('\n', ' ');
  const http = readFileSync('docs/http.md', 'utf8');

  it('are sent where docs/services.md says how', async () => {
    const [, list = ''] = /The value that the handler returns is the response: (.*?)\. /.exec(text)!;
    const names = list.split(', ').flatMap((part) => namesIn(part.replace(/ as .*/, '')));
    expect(names).to.include.members(['Response', 'ReadableStream', 'null']);
    await expectAll(names, (status) => status < 300);
  });

  it('are a 500 where docs/services.md says so', async () => {
    const [, list = ''] = /although it has content \((.*?)\) is a 500/.exec(text)!;
    await expectAll(namesIn(list), (status) => status === 500);
  });

  it('are a 500 where docs/http.md says so', async () => {
    const [streams = '', classes = ''] = http
      .split('\n| value | instead |\n')[1]!
      .split('\n')
      .slice(1, 3)
      .map((row) => row.split(' | ')[0]!.slice(2));
    const [outer = '', inner = ''] = streams.split('; ');
    const inside = inner
      .replace(' inside of an object', '')
      .split(' or ')
      .map((name) => `${namesIn(name)[0]} inside of an object`);
    await expectAll([...namesIn(outer), ...inside, ...namesIn(classes)], (status) => status === 500);
  });
});
