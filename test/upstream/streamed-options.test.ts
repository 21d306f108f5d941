// Options of streamed calls that exclude each other, and streams that cannot be sent: nothing is sent then.
import { Readable } from 'node:stream';
import { expect } from 'chai';
import type { CallOptions } from '#src/upstream/call.js';
import { checkedRequest } from '#src/upstream/call-request.js';

const source = (): Readable => Readable.from(['a']);
const read = async (): Promise<ReadableStream> => {
  const stream = new Blob(['a']).stream();
  await new Response(stream).text();
  return stream;
};

describe('the options of a streamed call', () => {
  for (const [what, method, options, message] of [
    [
      'singleFlight and a streamed response',
      'GET',
      { stream: true, singleFlight: true },
      'singleFlight cannot be',
    ],
    ['hedgeMs and a streamed response', 'GET', { stream: true, hedgeMs: 5 }, 'hedgeMs cannot be combined'],
    ['fallback and a streamed response', 'GET', { stream: true, fallback: () => ({}) }, 'fallback cannot be'],
    ['hedgeMs and a source', 'POST', { body: source(), hedgeMs: 5 }, 'combined with a streamed body'],
    [
      'singleFlight and a source',
      'POST',
      { body: source(), singleFlight: true },
      'combined with a streamed body',
    ],
    ['json and a source', 'POST', { body: source(), json: 1 }, 'give json or body, not both'],
    ['a source of a GET', 'GET', { body: source() }, 'GET cannot have a streamed body'],
    ['a source of a HEAD', 'HEAD', { body: source() }, 'HEAD cannot have a streamed body'],
    [
      'a length that is none',
      'POST',
      { body: source(), headers: { 'content-length': '-1' } },
      'a whole number',
    ],
    ['stream as text', 'GET', { stream: 'yes' }, 'stream must be true or false, not "yes"'],
    ['a closed stream', 'POST', { body: source().destroy() }, 'was read or closed already'],
  ] as const) {
    it(`are refused: ${what}`, () => {
      expect(() => checkedRequest(method, '/', options as unknown as CallOptions)).to.throw(
        TypeError,
        message,
      );
    });
  }

  it('are refused: a web stream that was read, or has a reader', async () => {
    const locked = new Blob(['a']).stream();
    locked.getReader();
    for (const body of [await read(), locked])
      expect(() => checkedRequest('POST', '/', { body })).to.throw(TypeError, 'was read or closed already');
  });

  it('leave out the length of a body that is sent as a whole', () => {
    const { headers, source: none } = checkedRequest('POST', '/', {
      body: 'ab',
      headers: { 'Content-Length': '9' },
    });
    expect([{ ...headers }, none]).to.deep.equal([{}, undefined]);
  });

  it('have the length of a source', () => {
    const { source: given, body } = checkedRequest('POST', '/', {
      body: source(),
      headers: new Map([['Content-Length', '1']]),
    });
    expect([given!.length, body]).to.deep.equal([1, undefined]);
    expect(checkedRequest('POST', '/', { body: source() }).source!.length).to.equal(-1);
  });
});
