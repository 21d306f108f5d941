import { expect } from 'chai';
import type { Logger } from 'pino';
import { maskText } from '#src/secret-texts.js';
import { createLogger } from '#src/telemetry/log.js';
import { shown, thrownText } from '#src/telemetry/log-redact.js';
import type { LogSink } from '#src/telemetry/log-sink.js';
import { INNOCENT_FIELDS, INNOCENT_TEXTS, SECRET_TEXTS, SECRET_VALUES, SECRETS } from './secret-forms.js';

const FORMATS = ['json', 'pretty'] as const;
/** Stands beside each secret, and stays. */
const BESIDE = 'beside-17';

function capture(logFormat: (typeof FORMATS)[number]) {
  const texts: string[] = [];
  const sink: LogSink = { write: (line, shape) => void texts.push(shape(line)), flush: () => {} };
  const log = createLogger({ logLevel: 'info', logFormat }, {}, sink);
  return { log, texts };
}

/** Every way in which a value comes into a line. */
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

describe('a secret is in no line of the log', () => {
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

  it('where the message makes it one', () => {
    const { log, texts } = capture('json');
    log.info('%s password=%s user=%s', BESIDE, SECRETS[0], 'ada');
    log.info({}, '%s %s: %s', BESIDE, 'api-key', SECRETS[0]);
    log.info('%s Bearer %s', BESIDE, SECRETS[0]);
    expectNone(texts, 'a message', BESIDE);
    expect(texts[0]).to.contain('user=ada');
  });

  it('of no length of what is before it', () => {
    const { log, texts } = capture('json');
    for (let at = 8_050; at <= 8_192; at += 3) {
      for (const secret of Object.values(SECRET_TEXTS)) log.info(`${BESIDE}${' '.repeat(at)}${secret}`);
    }
    expectNone(texts, 'a cut', BESIDE);
  });

  it('nor in what else tells of a value or an error', () => {
    for (const make of Object.values(SECRET_VALUES)) {
      const texts = [shown({ beside: BESIDE, value: make() })];
      texts.push(thrownText(Object.assign(new Error(BESIDE), { value: make() })));
      expectNone(texts, 'thrown', BESIDE);
    }
    for (const secret of Object.values(SECRET_TEXTS)) {
      expectNone(
        [shown(`${BESIDE} ${secret}`), thrownText(new Error(`${BESIDE} ${secret}`))],
        'text',
        BESIDE,
      );
    }
  });
});

describe('what is no secret', () => {
  for (const [name, value] of Object.entries(INNOCENT_FIELDS)) {
    it(`stays: ${name} ${JSON.stringify(value)}`, () => {
      const { log, texts } = capture('json');
      log.info({ [name]: value, a: { [name]: value } }, 'x');
      log.child({ [name]: value }).info('x');
      for (const text of texts) expect(JSON.parse(text)).to.deep.include({ [name]: value });
      expect(JSON.parse(texts[0]!)).to.deep.include({ a: { [name]: value } });
    });
  }

  for (const text of INNOCENT_TEXTS) {
    it(`stays: ${text}`, () => {
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

/** Whose secret ends with the line or the list. */
const TO_THE_END = new Set(['digest credentials', 'a key of PostgreSQL']);

describe('the masking of a text', () => {
  it('leaves what is around the secret', () => {
    for (const [what, text] of Object.entries(SECRET_TEXTS)) {
      const around = ['Accept', 'page=2', 'ada', 'db.example', 'users'].filter((word) => text.includes(word));
      if (TO_THE_END.has(what)) continue;
      for (const word of around) expect(maskText(text), what).to.contain(word);
    }
  });

  it('is the same again, and with what is around it', () => {
    for (const text of [...Object.values(SECRET_TEXTS), ...INNOCENT_TEXTS]) {
      const once = maskText(text);
      expect(maskText(once), text).to.equal(once);
      expect(maskText(`a ${text}`), text).to.equal(`a ${once}`);
    }
  });

  it('takes a time that grows with the text and no faster', function () {
    this.timeout(5_000);
    // Any form that looks at the rest of the text more than a few times takes minutes here.
    const pieces = [
      ...[
        '=',
        ':',
        '>',
        '%3d',
        'a=',
        'token=',
        'token:',
        'token="',
        'token=,',
        'token=a,',
        'token=1 ',
        'token: [',
        '(token)=(',
      ],
      ...[
        '://',
        '://a:',
        '://a:b@',
        '@',
        '://@',
        'bearer ',
        'basic ',
        'basic a',
        'eyJ',
        'eyJ-',
        'eyJa.',
        '.eyJaaaaa.aa',
      ],
      ...[
        '-----BEGIN ',
        '-----BEGIN PRIVATE KEY',
        '--a ',
        '--token ',
        '-a',
        '<a b',
        '<token a="">',
        'a[',
        'a[0]',
        '[0]',
        ']=',
        'a%5b0%5d',
        'password: must',
        'sk-',
        'sk-1',
        'xoxb-',
        'ghp_',
        'aB',
        '<token>',
        ' ',
      ],
      ...[
        'cookie:a=',
        'authorization: digest ',
        '\\"token\\":\\"',
        '"',
        "token='\\",
        'token =',
        '_-',
        'pass.word',
        '"cookie","',
        '"cookie",[',
        '\\"cookie\\",\\"',
        'name="token" value="',
        'name="token" value=',
        'name=',
        '-u a:',
        '-u ',
        ')=',
        '(,token)=',
      ],
    ];
    for (const piece of pieces) {
      for (const text of [piece.repeat(100_000 / piece.length), `token=${piece.repeat(10_000)}`])
        maskText(text);
    }
  });
});
