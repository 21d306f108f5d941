import { expect } from 'chai';
import { HeaderValues, QueryValues, STRANGER } from '#src/server/request-fields.js';
import { checkField, setField } from '#src/server/response/header-fields.js';
import { RequestIds } from '#src/telemetry/request-ids.js';

describe('response headers', () => {
  for (const name of ['', 'a b', 'a:b', 'a\r\n', 'ü', 'a\u0000', '(a)']) {
    it(`refuse the name ${JSON.stringify(name)}`, () => {
      expect(() => checkField(name, 'x')).to.throw(TypeError);
    });
  }

  for (const value of ['a\r\nb: c', 'a\nb', 'a\rb', '\u0000', '\u001f', '\u007f']) {
    it(`refuse the value ${JSON.stringify(value)}`, () => {
      expect(() => checkField('x-a', value)).to.throw(TypeError, 'x-a');
    });
  }

  it('refuse values that are not strings', () => {
    expect(() => checkField('x-a', 5 as unknown as string)).to.throw(TypeError);
    expect(() => checkField(undefined as unknown as string, '')).to.throw(TypeError);
  });

  it('drop the fields that frame the message, and the id that the runtime writes', () => {
    for (const name of [
      'Content-Length',
      'transfer-encoding',
      'CONNECTION',
      'Date',
      'Upgrade',
      'Keep-Alive',
      'X-Request-Id',
    ]) {
      expect(checkField(name, 'x'), name).to.equal(undefined);
    }
    expect(checkField('X-Price', '5\t€ é')).to.equal('x-price');
  });

  it('replace a field that is set again, except cookies', () => {
    const fields: string[] = [];
    for (const value of ['1', '2']) {
      setField(fields, 'x-a', value);
      setField(fields, 'set-cookie', value);
    }
    expect(fields).to.deep.equal(['x-a', '2', 'set-cookie', '1', 'set-cookie', '2']);
  });
});

describe('request values', () => {
  it('find header lines whatever the case of the name', () => {
    const headers = new HeaderValues(['accept', 'a', 'x-b', '', 'accept', 'b'], STRANGER);
    expect([headers.get('Accept'), headers.get('X-B'), headers.get('c')]).to.deep.equal(['a', '', undefined]);
    expect(headers.getAll('ACCEPT')).to.deep.equal(['a', 'b']);
    expect([headers.has('x-b'), headers.has('x-c')]).to.deep.equal([true, false]);
  });

  it('decode the query as a form and never fail', () => {
    const query = new QueryValues('a=1&a=%C3%BC+x&b&c=%zz%ff&__proto__=p');
    expect(query.getAll('a')).to.deep.equal(['1', 'ü x']);
    expect([query.get('b'), query.get('c'), query.get('d')]).to.deep.equal(['', '%zz\ufffd', undefined]);
    expect(query.get('__proto__')).to.equal('p');
    expect([...query.names()]).to.deep.equal(['a', 'b', 'c', '__proto__']);
  });
});

describe('request ids', () => {
  it('are the caller’s when harmless, else new ones', () => {
    const ids = new RequestIds('p-');
    for (const id of ['a', 'A.b_c-9', 'x'.repeat(64)]) expect(ids.accept(id)).to.equal(id);
    const replaced = ['', 'a b', 'a\n', 'ü', 'x'.repeat(65), undefined].map((id) => ids.accept(id));
    expect(replaced).to.deep.equal(['p-000', 'p-001', 'p-002', 'p-003', 'p-004', 'p-005']);
  });

  it('are never repeated, and harmless themselves', () => {
    const ids = new RequestIds('p-');
    const handed = Array.from({ length: 100_000 }, () => ids.accept(undefined));
    expect(new Set(handed).size).to.equal(handed.length);
    expect(handed.at(-1)).to.match(/^p-[0-9a-v]+$/);
  });

  it('differ between two generators', () => {
    expect(new RequestIds().accept(undefined)).to.not.equal(new RequestIds().accept(undefined));
  });
});
