import { expect } from 'chai';
import { logRecordOf } from '#src/telemetry/otlp-log-record.js';
import { loadOtlpSdk } from '#src/telemetry/otlp-sdk.js';

const OBSERVED = 1_700_000_000_000;
const { resources, transformer } = loadOtlpSdk();

const recordOf = (line: string) => logRecordOf(line, resources.emptyResource(), OBSERVED)!;

describe('a log record of OTLP', () => {
  it('has the time at which it was exported if the line has none that can be written', () => {
    for (const time of ['1e300', '-1', '9223372036855', '"5"', 'null'])
      expect(recordOf(`{"time":${time}}`).hrTime, time).to.deep.equal([1_700_000_000, 0]);
    expect(recordOf('{"time":1500}').hrTime).to.deep.equal([1, 500_000_000]);
  });

  it('has integers that are not exact as texts, at any depth', () => {
    const line =
      '{"level":30,"a":1e300,"b":[9007199254740992,{"c":-1e19}],"safe":9007199254740991,"half":0.5}';
    expect(recordOf(line).attributes).to.deep.equal({
      ...{ a: '1e+300', b: ['9007199254740992', { c: '-10000000000000000000' }] },
      ...{ safe: 9_007_199_254_740_991, half: 0.5 },
    });
    const json = Buffer.from(transformer.JsonLogsSerializer.serializeRequest([recordOf(line)])!).toString();
    const integers = [...json.matchAll(/"intValue":([^,}]+)/g)].map(([, digits]) => digits);
    expect(integers).to.deep.equal(['9007199254740991']);
  });

  it('has texts for exactly those numbers that are not exact, however they are written', () => {
    const integers = [
      '0',
      '7',
      '9007199254740991',
      '9007199254740992',
      '12345678901234567890',
      '9'.repeat(400),
    ];
    const fractions = ['', '.0', '.5', '.000000000000000000', '.1234567890123456789'];
    const exponents = ['', 'e0', 'E2', 'e+15', 'e16', 'E+308', 'e-5', 'e-400', 'e400'];
    const numbers = integers.flatMap((integer) =>
      fractions.flatMap((fraction) => exponents.map((exponent) => `${integer}${fraction}${exponent}`)),
    );
    for (const number of numbers.flatMap((one) => [one, `-${one}`])) {
      const value = Number(number);
      const isExact = Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
      const shown = isExact ? value : String(value);
      const spellings = [`{"a":${number}}`, `{ "a" : ${number} }`, `{"b":"x","a":${number},"c":1}`];
      for (const line of spellings) expect(recordOf(line).attributes.a, line).to.equal(shown);
      expect(recordOf(`{"a":[${number},{"b":[0, ${number}]}]}`).attributes.a, number).to.deep.equal([
        shown,
        { b: [0, shown] },
      ]);
    }
  });

  it('has service and worker of the line, whatever fields the caller logs', () => {
    const line = '{"service":"a","worker":1,"multilane.service":"b","multilane.worker":2}';
    expect(recordOf(line).attributes).to.deep.equal({
      ...{ 'multilane.service': 'a', 'multilane.worker': 1 },
      ...{ 'field_multilane.service': 'b', 'field_multilane.worker': 2 },
    });
    const none = { 'field_multilane.worker': 2 };
    expect(recordOf('{"multilane.worker":2}').attributes).to.deep.equal(none);
  });

  it('has what is no text of a message or an error as an attribute', () => {
    const line = '{"msg":{"a":1},"err":{"type":5,"message":"m","stack":null},"exception.message":"other"}';
    expect(recordOf(line)).to.deep.include({
      body: '',
      attributes: {
        ...{ msg: { a: 1 }, 'exception.message': 'm', err: { type: 5, stack: null } },
        'field_exception.message': 'other',
      },
    });
  });
});
