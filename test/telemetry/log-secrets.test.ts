import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Logger } from 'pino';
import { isSecret } from '#src/redaction/secret-names.js';
import { CENSORED } from '#src/redaction/secret-pairs.js';
import { maskText } from '#src/redaction/secret-texts.js';
import { shortText } from '#src/redaction/shown-text.js';
import { createLogger } from '#src/telemetry/log.js';
import { thrownText, valueText } from '#src/telemetry/log-redact.js';
import type { LogSink } from '#src/telemetry/log-sink.js';
import {
  INNOCENT_FIELDS,
  INNOCENT_TEXTS,
  SECRET,
  SECRET_TEXTS,
  SECRET_VALUES,
  SECRETS,
} from './secret-forms.js';

const FORMATS = ['json', 'pretty'] as const;
/** A value beside each secret that must be kept. */
const BESIDE = 'beside-17';

function capture(logFormat: (typeof FORMATS)[number]) {
  const texts: string[] = [];
  const sink: LogSink = { write: (line, shape) => void texts.push(shape(line)), flush: () => {} };
  const log = createLogger({ logLevel: 'info', logFormat }, {}, sink);
  return { log, texts };
}

/** The ways in which a value gets into a line. */
const WAYS: Readonly<Record<string, (log: Logger, make: () => unknown) => void>> = {
  'as a field': (log, make) => log.info({ beside: BESIDE, value: make() }, 'x'),
  'as fields': (log, make) => log.child({ beside: BESIDE }).info(make() as object, 'x'),
  'as fields without a message': (log, make) => log.child({ beside: BESIDE }).info(make() as object),
  'deep inside a field': (log, make) => log.info({ beside: BESIDE, a: [{ b: { c: [make()] } }] }, 'x'),
  'beside an error': (log, make) =>
    log.error({ err: Object.assign(new Error(BESIDE), { response: make() }) }, 'x'),
  'as an error': (log, make) => log.error({ beside: BESIDE, err: make() }, 'x'),
  'as the cause of an error': (log, make) => log.error(new Error(BESIDE, { cause: make() })),
  'among errors': (log, make) => log.error(new AggregateError([make()], BESIDE)),
  'bound to a child': (log, make) => log.child({ beside: BESIDE, value: make() }).child({}).info('x'),
  'bound to a logger': (log, make) => {
    const child = log.child({});
    child.setBindings({ beside: BESIDE, value: make() });
    child.info('x');
  },
  'made by a serializer': (log, make) =>
    log.child({}, { serializers: { user: make } }).info({ user: 1, beside: BESIDE }, 'x'),
  'made by a formatter': (log, make) =>
    log.child({}, { formatters: { log: () => ({ value: make(), beside: BESIDE }) } }).info('x'),
  'put into a message': (log, make) => {
    const info = (...args: unknown[]): void => Reflect.apply(log.info, log, args);
    info(`${BESIDE} %s`, make());
    info(`${BESIDE} %j`, make());
    info(`${BESIDE} %o %O %d`, make(), make(), make());
    info({}, `${BESIDE} %s`, make());
    info(null, `${BESIDE} %s`, make());
    info(undefined, `${BESIDE} %s`, make());
    info(BESIDE, make());
  },
};

function expectNone(texts: readonly string[], what: string, beside: string): void {
  expect(texts, what).to.have.length.above(0);
  for (const text of texts) {
    for (const secret of SECRETS) expect(text, what).to.not.contain(secret);
    expect(text, what).to.contain(beside);
  }
}

describe('a secret does not appear in the log', () => {
  for (const logFormat of FORMATS) {
    for (const [way, write] of Object.entries(WAYS)) {
      it(`${way} (${logFormat})`, () => {
        for (const [what, make] of Object.entries(SECRET_VALUES)) {
          const { log, texts } = capture(logFormat);
          write(log, make);
          expectNone(texts, what, BESIDE);
        }
        for (const [what, secret] of Object.entries(SECRET_TEXTS)) {
          const { log, texts } = capture(logFormat);
          write(log, () => secret);
          expectNone(texts, what, BESIDE);
        }
      });
    }

    it(`as a message (${logFormat})`, () => {
      for (const [what, secret] of Object.entries(SECRET_TEXTS)) {
        const { log, texts } = capture(logFormat);
        log.info(`${BESIDE} ${secret}`);
        log.info({}, `${BESIDE} ${secret}`);
        log.info({ msg: `${BESIDE} ${secret}` });
        log.child({}, { msgPrefix: `${BESIDE} ` }).info(secret);
        log.child({}, { serializers: { msg: (text: string) => text } }).info(`${BESIDE} ${secret}`);
        log.error(new Error(`${BESIDE} ${secret}`));
        log.error({ err: new Error('x', { cause: new Error(secret) }), beside: BESIDE });
        log.fatal(new Proxy({}, { ownKeys: () => ['no'] }), `${BESIDE} ${secret}`);
        expectNone(texts, what, BESIDE);
      }
    });
  }

  it('when only the message shows that it is one', () => {
    const { log, texts } = capture('json');
    log.info('%s password=%s user=%s', BESIDE, SECRETS[0], 'ada');
    log.info({}, '%s %s: %s', BESIDE, 'api-key', SECRETS[0]);
    log.info('%s Bearer %s', BESIDE, SECRETS[0]);
    expectNone(texts, 'a message', BESIDE);
    expect(texts[0]).to.contain('user=ada');
  });

  it('whatever the length of the text before it', () => {
    const { log, texts } = capture('json');
    for (let at = 8_050; at <= 8_192; at += 3) {
      for (const secret of Object.values(SECRET_TEXTS)) log.info(`${BESIDE}${' '.repeat(at)}${secret}`);
    }
    expectNone(texts, 'a cut', BESIDE);
  });

  it('nor in other texts about a value or an error', () => {
    for (const make of Object.values(SECRET_VALUES)) {
      const texts = [valueText({ beside: BESIDE, value: make() })];
      texts.push(thrownText(Object.assign(new Error(BESIDE), { value: make() })));
      expectNone(texts, 'thrown', BESIDE);
    }
    for (const secret of Object.values(SECRET_TEXTS)) {
      expectNone(
        [valueText(`${BESIDE} ${secret}`), thrownText(new Error(`${BESIDE} ${secret}`))],
        'text',
        BESIDE,
      );
    }
  });
});

describe('a value that is no secret', () => {
  it('is a number only below a plural of the names that the docs list', () => {
    const docs = readFileSync('docs/operations.md', 'utf8');
    const list = /\*\*By name\*\*[^:]*\):([\s\S]*?)\. Their values/.exec(docs)?.[1] ?? '';
    const names = [...list.matchAll(/`(\w+)`/g)].map((found) => found[1]!);
    expect(names).to.include.members(['password', 'pass', 'auth', 'session', 'csrf', 'signature', 'pin']);
    for (const name of names.flatMap((one) => [one, `smtp_${one}`, `${one}2`])) {
      const isPlural = /s\d?$/.test(name) && !/pass\d?$/.test(name);
      expect(isSecret(name, 12_345_678), name).to.equal(!isPlural);
      expect(maskText(`${name}=12345678`) === `${name}=12345678`, name).to.equal(isPlural);
      for (const flag of [true, false]) expect(isSecret(name, flag), name).to.equal(false);
    }
  });

  for (const [name, value] of Object.entries(INNOCENT_FIELDS)) {
    it(`is shown: ${name} ${JSON.stringify(value)}`, () => {
      const { log, texts } = capture('json');
      log.info({ [name]: value, a: { [name]: value } }, 'x');
      log.child({ [name]: value }).info('x');
      for (const text of texts) expect(JSON.parse(text)).to.deep.include({ [name]: value });
      expect(JSON.parse(texts[0]!)).to.deep.include({ a: { [name]: value } });
    });
  }

  for (const text of INNOCENT_TEXTS) {
    it(`is shown: ${text}`, () => {
      const { log, texts } = capture('json');
      log.info(text);
      log.info({ text }, '%s', text);
      log.error(new Error(text));
      expect(texts.map((line) => (JSON.parse(line) as { msg: string }).msg)).to.deep.equal([
        text,
        text,
        text,
      ]);
      expect(JSON.parse(texts[1]!)).to.include({ text });
    });
  }
});

/** Forms whose secret ends with the line or the list. */
const TO_THE_END = new Set(['digest credentials', 'a key of PostgreSQL']);

describe('the masking of a text', () => {
  it('keeps the text around the secret', () => {
    for (const [what, text] of Object.entries(SECRET_TEXTS)) {
      const around = ['Accept', 'page=2', 'ada', 'db.example', 'users'].filter((word) => text.includes(word));
      if (TO_THE_END.has(what)) continue;
      for (const word of around) expect(maskText(text), what).to.contain(word);
    }
  });

  it('does not change its own result, alone or within other text', () => {
    for (const text of [...Object.values(SECRET_TEXTS), ...INNOCENT_TEXTS]) {
      const once = maskText(text);
      expect(maskText(once), text).to.equal(once);
      expect(maskText(`a ${text}`), text).to.equal(`a ${once}`);
    }
  });

  it('does not change its own result for any sequence of forms', () => {
    const expectSame = (text: string): void => {
      const once = maskText(text);
      if (maskText(once) !== once) expect(maskText(once), text).to.equal(once);
    };
    for (const whole of WHOLE) {
      for (const first of PIECES) for (const second of PIECES) expectSame(`${whole}${first}${second}x`);
    }
    const texts = fc.array(fc.constantFrom(...PIECES, ...WHOLE), { maxLength: 14 });
    fc.assert(
      fc.property(texts, (pieces) => expectSame(pieces.join(''))),
      { numRuns: 5_000, seed: 17 },
    );
  });

  it('takes a time proportional to the length of the text', function () {
    this.timeout(120_000);
    // Every part of a form is combined with every other one, and every name with everything that may follow
    // it.
    const pieces = [
      ...PIECES,
      ...PIECES.flatMap((first) => PIECES.map((second) => first + second)),
      ...NAMED.flatMap((first) => PIECES.flatMap((second) => BEHIND.map((third) => first + second + third))),
    ];
    const slow = pieces.filter((piece) => [1, 2, 3].every(() => millisecondsOf(piece, 8_192) > 1.5));
    // A text of eight times the length takes eight times as long; in quadratic time it would take 64 times as
    // long.
    for (const piece of slow) {
      const quickest = (length: number): number =>
        Math.min(...Array.from({ length: 5 }, () => millisecondsOf(piece, length)));
      expect(quickest(65_536) / quickest(8_192), piece).to.be.below(24);
    }
  });

  it('does not read a block of lines once for each name above it', () => {
    const quickest = (lines: number): number => {
      const text = 'pin:\n ok\n '.repeat(lines / 4) + '\n '.repeat(lines);
      const timed = (): number => {
        const before = process.cpuUsage();
        maskText(text);
        return process.cpuUsage(before).user;
      };
      return Math.min(...Array.from({ length: 5 }, timed));
    };
    expect(quickest(64_000) / Math.max(1, quickest(8_000))).to.be.below(24);
  });

  it('leaves no part of a secret that is divided by a cut', () => {
    const long = SECRET.repeat(200);
    // The first text is so short after masking that all of it is shown.
    const before = [`token=${'q'.repeat(593)} `.repeat(15), 'plain text. '.repeat(750)];
    const starts = SECRETS.map((secret) => secret.slice(0, 8));
    for (const [what, text] of Object.entries(SECRET_TEXTS)) {
      for (const start of before) {
        for (const secret of [text, text.replace(SECRET, long)]) {
          for (let at = 0; at < text.length + 8; at += 7) {
            for (const cut of [8_192, 9_216]) {
              const shown = shortText(`${start.slice(0, cut - at - 1)} ${secret} ${'x '.repeat(2_000)}`);
              for (const part of starts) expect(shown, `${what}, ${at} before ${cut}`).to.not.contain(part);
            }
          }
        }
      }
    }
  });
});

/** Parts of forms at which a search could start again. */
const PIECES = [
  ...[
    '=',
    ':',
    '>',
    '%3d',
    '%3A',
    '=>',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '<',
    '</',
    '/',
    ',',
    ';',
    '&',
    '.',
    '-',
  ],
  ...[
    '"',
    "'",
    '`',
    '\\',
    '\\"',
    '%22',
    '%5B',
    '%5D',
    '%5C',
    ' ',
    '   ',
    '\n',
    '\n  ',
    '\r\n\r\n',
    '|',
    '@',
    '://',
  ],
  ...[
    'a',
    '1',
    '_',
    'token',
    'cookie',
    'password',
    'signature',
    'PWD',
    '/a',
    'a=b',
    't=1,',
    'digest ',
    'bearer ',
  ],
  ...[
    'basic ',
    'must be',
    'required',
    'expired',
    '--token ',
    '-u a:',
    'name=',
    '"value":',
    '-----BEGIN ',
    '<![CDATA[',
  ],
  ...['PRIVATE KEY', 'eyJ', '.aaaaa', 'sk-', 'ghp_', 'AIza', 'aB', 'x'.repeat(20), '(token)=', CENSORED],
] as const;
/** Forms that are masked at any position. */
const WHOLE = [
  `ghp_${'x'.repeat(20)}`,
  'eyJaaaaa.aa',
  'bearer 1234567',
  'http://a:b@c',
  'token="a"',
  'token: ab',
  '<token>a</token>',
  '-u a:b',
] as const;
const NAMED = [
  'token',
  'cookie',
  'password',
  'signature',
  '"cookie',
  'tokens',
  'PWD',
  'name="token',
] as const;
const BEHIND = [
  'a',
  '1',
  '.',
  ')',
  '"',
  "'",
  ' ',
  '\n ',
  ',',
  ';',
  '%22',
  '\\',
  'required.',
  '<',
  '[',
] as const;

/** CPU time of this process: that of other processes is not counted. */
function millisecondsOf(piece: string, length: number): number {
  const text = piece.repeat(length / piece.length);
  const start = process.cpuUsage();
  maskText(text);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}
