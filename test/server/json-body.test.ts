import { expect } from 'chai';
import fc from 'fast-check';
import { decodeUtf8, MAX_JSON_DEPTH, parseJson } from '#src/server/body/json-body.js';
import { thrownBy } from './kit.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const codeOf = (text: string): string | undefined => thrownBy(() => parseJson(bytes(text)))?.code;
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('JSON bodies', () => {
  it('are parsed as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__'));
        expect(parseJson(bytes(text))).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  for (const text of ['', ' ', '{', '{"a":1,}', "{'a':1}", 'NaN', '{"a":1}x', '\u0000', '[1', '"\n"']) {
    it(`are refused as ${JSON.stringify(text)}`, () => {
      expect(codeOf(text)).to.equal('MALFORMED_BODY');
    });
  }

  for (const text of [
    '{"__proto__":{"admin":true}}',
    '{"a":[{"\\u005f_proto__":1}]}',
    '{"constructor":{"prototype":{}}}',
    '{"\\u0063onstructor":{"protot\\u0079pe":1}}',
    '{"b":{"__proto__":null}}',
  ]) {
    it(`are refused with the key that reaches a prototype in ${text}`, () => {
      expect(codeOf(text)).to.equal('MALFORMED_BODY');
    });
  }

  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"a" : 2}',
    '{"a":1,"\\u0061":2}',
    '[{"b":{"c":[{"d":1,"d":2}]}}]',
    '{"":1,"":2}',
    '{"1":0,"01":0,"1":0}',
  ]) {
    it(`are refused with the key that occurs twice in ${text}`, () => {
      expect(codeOf(text)).to.equal('MALFORMED_BODY');
    });
  }

  it('may have the same key in different objects, and strings that look like keys', () => {
    for (const text of [
      '[{"a":1},{"a":1}]',
      '{"a":{"a":1}}',
      '{"t":"10:30","u":"{\\"a\\":1}"}',
      '{"a:":":"}',
      '{"a" \n:": x"}',
    ]) {
      expect(parseJson(bytes(text))).to.deep.equal(JSON.parse(text));
    }
  });

  it('are refused whenever one member is repeated, whatever else they contain', () => {
    const text = fc.constantFrom('a', ':', '"', '\\', ' ', '\n', '{"a":1}', '10:30');
    const object = fc.dictionary(
      fc.array(text).map((parts) => parts.join('')),
      fc.jsonValue(),
      { minKeys: 1 },
    );
    fc.assert(
      fc.property(object, fc.constantFrom('', ' ', '\n\t'), (value, space) => {
        const whole = JSON.stringify(value, null, space);
        fc.pre(!whole.includes('proto'));
        expect(codeOf(whole)).to.equal(undefined);
        const name = JSON.stringify(Object.keys(value)[0]);
        expect(codeOf(`${whole.trimEnd().slice(0, -1)},${space}${name}${space}:0}`)).to.equal(
          'MALFORMED_BODY',
        );
      }),
    );
  });

  it('may have harmless keys that look similar', () => {
    for (const text of ['{"constructor":"ACME"}', '{"prototype":1}', '{"a":"__proto__"}', '{"proto":{}}']) {
      expect(parseJson(bytes(text)), text).to.deep.equal(JSON.parse(text));
    }
  });

  it('may be nested as deep as the limit and no deeper, whatever strings contain', () => {
    expect(codeOf(nested(MAX_JSON_DEPTH))).to.equal(undefined);
    expect(codeOf(nested(MAX_JSON_DEPTH + 1))).to.equal('MALFORMED_BODY');
    expect(codeOf(`{"a":${nested(MAX_JSON_DEPTH)}}`)).to.equal('MALFORMED_BODY');
    expect(codeOf(JSON.stringify(`\\"${'[{'.repeat(500)}`))).to.equal(undefined);
    expect(codeOf(`[${Array(500).fill('[]').join(',')}]`)).to.equal(undefined);
  });

  it('are refused with a million brackets before they are parsed', () => {
    expect(codeOf('['.repeat(1_000_000))).to.equal('MALFORMED_BODY');
  });

  it('must be UTF-8; a byte order mark is dropped', () => {
    for (const raw of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
      const error = thrownBy(() => parseJson(Uint8Array.from([0x22, ...raw, 0x22])));
      expect(error?.code, String(raw)).to.equal('MALFORMED_BODY');
    }
    expect(parseJson(Uint8Array.from([0xef, 0xbb, 0xbf, 0x31]))).to.equal(1);
    expect(decodeUtf8(bytes('ü€😀'))).to.equal('ü€😀');
  });

  it('are never quoted in an error', () => {
    expect(thrownBy(() => parseJson(bytes('{"password":"hunter2"')))?.message).to.not.include('hunter2');
  });
});
