import { expect } from 'chai';
import fc from 'fast-check';
import { checkedMethod, encodedPath, requestContent } from '#src/upstream/call-request.js';

/** Any code units, also halves of surrogate pairs. */
const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));

describe('the path of a call', () => {
  it('appends the query, leaving out what is undefined', () => {
    expect(encodedPath('/a', { q: 'x y', n: 1, b: false, u: undefined })).to.equal('/a?q=x+y&n=1&b=false');
    expect(encodedPath('/a?z=1', { q: 'x' })).to.equal('/a?z=1&q=x');
    expect(encodedPath('/a', {})).to.equal('/a');
  });

  it('takes pairs, in their order and as often as they come', () => {
    expect(encodedPath('/a', new URLSearchParams('b=1&a=2&b=3'))).to.equal('/a?b=1&a=2&b=3');
    expect(encodedPath('/a', new Map([['q', 5]]))).to.equal('/a?q=5');
  });

  it('has no query of what is no text, number or boolean, or no pair', () => {
    for (const value of [null, [1, 2], { b: 1 }, Symbol('s'), () => 1]) {
      expect(() => encodedPath('/a', { q: value as never })).to.throw(TypeError, 'call: query: "q" must be');
    }
    for (const pair of [1, 'ab', ['a'], [1, 'a']]) {
      expect(() => encodedPath('/a', [pair] as never)).to.throw(TypeError, 'names and values');
    }
  });

  it('leaves what is encoded as it is, and encodes what may not be sent', () => {
    expect(encodedPath('/a%2Fb/ü ä#f', undefined)).to.equal('/a%2Fb/%C3%BC%20%C3%A4%23f');
  });

  it('cannot split a request, whatever the path', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(encodedPath(`/${text}`, { q: text })).to.match(/^\/[\x21-\x7e]*$/);
      }),
    );
  });

  it('begins with a slash', () => {
    for (const path of ['', 'a', 'http://other/', undefined, new URL('http://other/')])
      expect(() => encodedPath(path as string, undefined)).to.throw(TypeError, 'begins with "/"');
  });
});

describe('the method of a call', () => {
  it('is upper case', () => {
    expect(checkedMethod('patch')).to.equal('PATCH');
  });

  it('is none that asks for something else than a resource, and cannot split a request', () => {
    for (const method of ['CONNECT', 'TRACE', 'GET /', 'A\r\nB', '', undefined]) {
      expect(() => checkedMethod(method as string)).to.throw(TypeError);
    }
  });
});

describe('the header fields and the body of a call', () => {
  it('sends json as application/json, unless the caller names another type', () => {
    const { headers, body } = requestContent({ json: { a: 1 } });
    expect({ ...headers }).to.deep.equal({ 'content-type': 'application/json' });
    expect(body).to.equal('{"a":1}');
    const patch = requestContent({ json: [], headers: { 'Content-Type': 'application/json-patch+json' } });
    expect(patch.headers['content-type']).to.equal('application/json-patch+json');
  });

  it('leaves out what belongs to the connection, the framing or the client itself', () => {
    const { headers } = requestContent({
      headers: {
        Connection: 'close',
        'Content-Length': '5',
        'Transfer-Encoding': 'chunked',
        Host: 'x',
        TE: 'trailers',
        'X-Mesh-Token': 'stolen',
        'X-Request-Deadline': '9',
        'X-Mine': 'kept',
      },
    });
    expect({ ...headers }).to.deep.equal({ 'x-mine': 'kept' });
  });

  it('leaves a field out whose value is undefined, and refuses every other value that is no text', () => {
    const { headers } = requestContent({ headers: { authorization: undefined, 'x-a': '' } });
    expect({ ...headers }).to.deep.equal({ 'x-a': '' });
    for (const value of [null, 5, true, ['a', 'b'], { a: 1 }, new Date(0)]) {
      expect(() => requestContent({ headers: { 'X-A': value as never } })).to.throw(
        TypeError,
        'call: the header x-a must be a string, or undefined to leave it out, not ',
      );
    }
  });

  it('takes the fields of a Headers or a Map, and refuses what has no pairs', () => {
    for (const given of [new Headers({ 'X-A': '1' }), new Map([['X-A', '1']]), [['X-A', '1'] as const]]) {
      expect({ ...requestContent({ headers: given }).headers }).to.deep.equal({ 'x-a': '1' });
    }
    expect(() => requestContent({ headers: [1] as never })).to.throw(TypeError, 'headers must be made of');
  });

  it('refuses json that JSON cannot write, or writes as nothing', () => {
    for (const json of [{ toJSON: () => undefined }, { a: 1n }]) {
      expect(() => requestContent({ json })).to.throw(
        TypeError,
        'call: json must be a value that JSON can write',
      );
    }
  });

  it('refuses names and values that could split the request', () => {
    for (const headers of [{ 'a b': 'x' }, { 'a\r\nb': 'x' }, { '': 'x' }, { a: 'x\r\ny: z' }, { a: '\0' }]) {
      expect(() => requestContent({ headers })).to.throw(TypeError);
    }
  });

  it('sends an idempotency key of 1 to 255 visible characters, and no other', () => {
    expect(requestContent({ idempotencyKey: 'saga/step' }).headers['idempotency-key']).to.equal('saga/step');
    for (const idempotencyKey of ['', 'a b', 'ä', 'x'.repeat(256)]) {
      expect(() => requestContent({ idempotencyKey })).to.throw(TypeError);
    }
  });

  it('refuses json and body together', () => {
    expect(() => requestContent({ json: 1, body: 'x' })).to.throw(TypeError);
  });

  it('keeps a header named like a member of a prototype harmless', () => {
    const { headers } = requestContent({
      headers: JSON.parse('{"__proto__":"x"}') as Record<string, string>,
    });
    expect(Object.getPrototypeOf(headers)).to.equal(null);
    expect(Object.keys(headers)).to.deep.equal(['__proto__']);
  });
});
