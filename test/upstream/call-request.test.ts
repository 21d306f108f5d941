import { expect } from 'chai';
import fc from 'fast-check';
import { checkedMethod, encodedPath, requestContent } from '#src/upstream/call-request.js';

/** Any code units, also halves of surrogate pairs. */
const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));

describe('the path of a call', () => {
  it('contains the query without parameters that are undefined', () => {
    expect(encodedPath('/a', { q: 'x y', n: 1, b: false, u: undefined })).to.equal('/a?q=x+y&n=1&b=false');
    expect(encodedPath('/a?z=1', { q: 'x' })).to.equal('/a?z=1&q=x');
    expect(encodedPath('/a', {})).to.equal('/a');
  });

  it('contains pairs in their order, as often as they occur', () => {
    expect(encodedPath('/a', new URLSearchParams('b=1&a=2&b=3'))).to.equal('/a?b=1&a=2&b=3');
    expect(encodedPath('/a', new Map([['q', 5]]))).to.equal('/a?q=5');
  });

  it('does not accept parameters that are not a text, number or boolean, or not pairs', () => {
    for (const value of [null, [1, 2], { b: 1 }, Symbol('s'), () => 1]) {
      expect(() => encodedPath('/a', { q: value as never })).to.throw(TypeError, 'call: query: "q" must be');
    }
    for (const pair of [1, 'ab', ['a'], [1, 'a']]) {
      expect(() => encodedPath('/a', [pair] as never)).to.throw(TypeError, 'names and values');
    }
  });

  it('keeps encoded characters, and encodes those that may not be sent', () => {
    expect(encodedPath('/a%2Fb/ü ä#f', undefined)).to.equal('/a%2Fb/%C3%BC%20%C3%A4%23f');
  });

  it('cannot split a request, for any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(encodedPath(`/${text}`, { q: text })).to.match(/^\/[\x21-\x7e]*$/);
      }),
    );
  });

  it('has to begin with a slash', () => {
    for (const path of ['', 'a', 'http://other/', undefined, new URL('http://other/')])
      expect(() => encodedPath(path as string, undefined)).to.throw(TypeError, 'begins with "/"');
  });
});

describe('the method of a call', () => {
  it('is sent in upper case', () => {
    expect(checkedMethod('patch')).to.equal('PATCH');
  });

  it('cannot be CONNECT or TRACE, and cannot split a request', () => {
    for (const method of ['CONNECT', 'TRACE', 'GET /', 'A\r\nB', '', undefined]) {
      expect(() => checkedMethod(method as string)).to.throw(TypeError);
    }
  });
});

describe('the header fields and the body of a call', () => {
  it('are those of JSON as application/json, unless the caller sets another type', () => {
    const { headers, body } = requestContent({ json: { a: 1 } });
    expect({ ...headers }).to.deep.equal({ 'content-type': 'application/json' });
    expect(body).to.equal('{"a":1}');
    const patch = requestContent({ json: [], headers: { 'Content-Type': 'application/json-patch+json' } });
    expect(patch.headers['content-type']).to.equal('application/json-patch+json');
  });

  it('omit fields of the connection, the framing and the client', () => {
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

  it('omit a field whose value is undefined; every other value that is not a text is a TypeError', () => {
    const { headers } = requestContent({ headers: { authorization: undefined, 'x-a': '' } });
    expect({ ...headers }).to.deep.equal({ 'x-a': '' });
    for (const value of [null, 5, true, ['a', 'b'], { a: 1 }, new Date(0)]) {
      expect(() => requestContent({ headers: { 'X-A': value as never } })).to.throw(
        TypeError,
        'call: the header x-a must be a string, or undefined to leave it out, not ',
      );
    }
  });

  it('may come from a Headers or a Map, and not from an object without pairs', () => {
    for (const given of [new Headers({ 'X-A': '1' }), new Map([['X-A', '1']]), [['X-A', '1'] as const]]) {
      expect({ ...requestContent({ headers: given }).headers }).to.deep.equal({ 'x-a': '1' });
    }
    expect(() => requestContent({ headers: [1] as never })).to.throw(TypeError, 'headers must be made of');
  });

  it('cannot be a value that JSON cannot represent', () => {
    for (const json of [{ toJSON: () => undefined }, { a: 1n }]) {
      expect(() => requestContent({ json })).to.throw(
        TypeError,
        'call: json must be a value that JSON can write',
      );
    }
  });

  it('cannot contain names and values that could split the request', () => {
    for (const headers of [{ 'a b': 'x' }, { 'a\r\nb': 'x' }, { '': 'x' }, { a: 'x\r\ny: z' }, { a: '\0' }]) {
      expect(() => requestContent({ headers })).to.throw(TypeError);
    }
  });

  it('contain an idempotency key of 1 to 255 visible characters; every other key is a TypeError', () => {
    expect(requestContent({ idempotencyKey: 'saga/step' }).headers['idempotency-key']).to.equal('saga/step');
    for (const idempotencyKey of ['', 'a b', 'ä', 'x'.repeat(256)]) {
      expect(() => requestContent({ idempotencyKey })).to.throw(TypeError);
    }
  });

  it('cannot come from json and body together', () => {
    expect(() => requestContent({ json: 1 }, 'x')).to.throw(TypeError);
  });

  it('have a copy of the bytes, and none of a buffer that was transferred', () => {
    const given = Buffer.from('abc');
    const { body } = requestContent({}, given);
    given.fill('x');
    expect(Buffer.from(body as Uint8Array).toString()).to.equal('abc');
    const gone = new Uint8Array(8);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(() => requestContent({}, gone)).to.throw(TypeError, 'call: the body has no bytes any more');
  });

  it('may contain a field named like a member of a prototype', () => {
    const { headers } = requestContent({
      headers: JSON.parse('{"__proto__":"x"}') as Record<string, string>,
    });
    expect(Object.getPrototypeOf(headers)).to.equal(null);
    expect(Object.keys(headers)).to.deep.equal(['__proto__']);
  });
});
