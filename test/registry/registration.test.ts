import { expect } from 'chai';
import fc from 'fast-check';
import { MAX_BODY_BYTES } from '#src/admin/request-body.js';
import { ValidationError } from '#src/errors.js';
import { assertServiceName, parseRegistration } from '#src/registry/registration.js';

const least = { host: '10.0.0.1', port: 8080 };
const parse = (members: object = {}, service = 'orders', id = 'i1') =>
  parseRegistration(service, id, { ...least, ...members });

/** @returns pointers to the wrong members */
function wrongIn(run: () => unknown): readonly string[] {
  try {
    run();
    return [];
  } catch (error) {
    expect(error).to.be.instanceOf(ValidationError);
    return (error as ValidationError).errors!.map(({ path }) => path);
  }
}

describe('a registration', () => {
  it('has metadata in one order, so that the same registration is the same text', () => {
    const [one, other] = [
      { b: '1', a: '2' },
      { a: '2', b: '1' },
    ].map((metadata) => JSON.stringify(parse({ metadata })));
    expect(one).to.equal(other);
  });

  it('needs a host and a port, and has defaults for the rest', () => {
    const { metadata, ...rest } = parse();
    expect(rest).to.deep.equal({
      service: 'orders',
      id: 'i1',
      host: '10.0.0.1',
      port: 8080,
      protocol: 'http',
      weight: 1,
      zone: null,
      version: null,
      ttlSeconds: 30,
      healthCheckUrl: null,
      healthCheckPath: null,
    });
    expect({ ...metadata }).to.deep.equal({});
  });

  it('names every member that is wrong', () => {
    const members = {
      host: '',
      port: '80',
      protocol: 'ftp',
      weight: 0,
      ttlSeconds: -1,
      zone: '',
      version: 'é',
      metadata: [],
    };
    expect(wrongIn(() => parse(members))).to.have.members(Object.keys(members).map((name) => `/${name}`));
  });

  it('accepts only strings as metadata, even if a value converts to a string', () => {
    for (const value of [null, 1, [], {}, { toString: 1 }, { valueOf: null, toString: null }, [[[[]]]]]) {
      expect(wrongIn(() => parse({ metadata: { a: value } }))).to.deep.equal(['/metadata/a']);
    }
  });

  it('accepts no metadata that a database does not admit as text', () => {
    for (const text of ['\0', 'a\0b', '\ud800', 'b\udc00'])
      expect(wrongIn(() => parse({ metadata: { a: text } }))).to.deep.equal(['/metadata/a']);
    expect(parse({ metadata: { a: '\u{1f600}\u0001' } }).metadata.a).to.equal('\u{1f600}\u0001');
  });

  it('reports metadata with too many entries as one error', () => {
    const metadata = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, n]));
    expect(wrongIn(() => parse({ metadata }))).to.deep.equal(['/metadata']);
  });

  it('fits into a body of the admin plane when every member has its largest size', () => {
    const texts = { zone: 'z'.repeat(128), version: 'v'.repeat(128), host: 'h'.repeat(63) };
    const healthCheckUrl = `/${'h'.repeat(2047)}`;
    // Control characters take six characters of JSON each.
    const metadata = Object.fromEntries(
      Array.from({ length: 32 }, (_, n) => [`${n}`.padEnd(64, '\u0001'), '\u0001'.repeat(64)]),
    );
    const members = { ...least, ...texts, healthCheckUrl, metadata };
    expect(wrongIn(() => parse(members))).to.deep.equal([]);
    expect(JSON.stringify(members).length).to.be.lessThan(MAX_BODY_BYTES);
  });

  it('has to be an object', () => {
    for (const body of [undefined, null, 'x', 1, []]) {
      expect(wrongIn(() => parseRegistration('orders', 'i1', body))).to.deep.equal(['']);
    }
  });

  it('accepts service names and ids as the contract defines them', () => {
    for (const name of ['a', 'a-1', 'a'.repeat(63)]) assertServiceName(name);
    for (const name of ['', 'A', '1a', '-a', 'a_b', 'a'.repeat(64), 'a\n']) {
      expect(
        wrongIn(() => assertServiceName(name)),
        name,
      ).to.deep.equal(['/service']);
    }
    for (const id of ['i', '10.0.0.1:8080', '::1:80', 'A_b-c', '...', '.a', 'x'.repeat(128)])
      parse({}, 'orders', id);
    for (const id of ['', 'a/b', 'a b', 'ä', 'x'.repeat(129), 'a\n', '.', '..']) {
      expect(
        wrongIn(() => parse({}, 'orders', id)),
        id,
      ).to.deep.equal(['/id']);
    }
  });

  it('accepts addresses in their strict spelling, and host names', () => {
    for (const host of ['10.0.0.1', '::1', 'fd12::1', 'orders', 'orders.internal', 'a-b.c_d', 'localhost'])
      parse({ host });
    const refused = [
      '127.1',
      '0x7f000001',
      '2130706433',
      '0177.0.0.1',
      '1.2.3.4.5',
      'a.1',
      'a.0x1',
      '[::1]',
      'fe80::1%eth0',
      'a..b',
      '.a',
      'a.',
      '-a',
      'a b',
      'a/b',
      'a@b',
      'a:80',
      'ä',
      'x'.repeat(254),
      7,
      null,
    ];
    for (const host of refused)
      expect(
        wrongIn(() => parse({ host })),
        String(host),
      ).to.include('/host');
  });

  it('can be static only with a health check', () => {
    expect(wrongIn(() => parse({ ttlSeconds: 0 }))).to.deep.equal(['/ttlSeconds']);
    expect(parse({ ttlSeconds: 0, healthCheckUrl: '/health' })).to.include({ ttlSeconds: 0 });
    expect(parse({ ttlSeconds: 3600 }).ttlSeconds).to.equal(3600);
    for (const ttlSeconds of [3601, 1.5, '30', Number.NaN]) {
      expect(wrongIn(() => parse({ ttlSeconds }))).to.deep.equal(['/ttlSeconds']);
    }
  });

  describe('health check', () => {
    const pathOf = (healthCheckUrl: unknown, members: object = {}) =>
      parse({ healthCheckUrl, ...members }).healthCheckPath;

    it('is a path, or a URL with the host and port of the instance', () => {
      expect(pathOf('/health?full=1')).to.equal('/health?full=1');
      expect(pathOf('http://10.0.0.1:8080/health')).to.equal('/health');
      expect(pathOf('http://[::1]:8080/health', { host: '::1' })).to.equal('/health');
      expect(pathOf('http://orders.internal/h', { host: 'Orders.Internal', port: 80 })).to.equal('/h');
    });

    it('is an https URL when the metadata say that the instance serves TLS', () => {
      const metadata = { scheme: 'https' };
      expect(pathOf('https://10.0.0.1:8080/health', { metadata })).to.equal('/health');
      expect(pathOf('/health', { metadata })).to.equal('/health');
      expect(wrongIn(() => pathOf('http://10.0.0.1:8080/health', { metadata }))).to.deep.equal([
        '/healthCheckUrl',
      ]);
    });

    it('stays on the instance, whatever its spelling is', () => {
      expect(pathOf('//evil.example/x')).to.equal('//evil.example/x');
      expect(pathOf('/\\evil.example/x')).to.equal('//evil.example/x');
      const elsewhere = [
        'http://10.0.0.2:8080/',
        'http://10.0.0.1:8081/',
        'http://10.0.0.1/',
        'https://10.0.0.1:8080/',
        'http://user@10.0.0.1:8080/',
        'http://10.0.0.1:8080@evil.example/',
        'http://10.0.0.1:8080.evil.example/',
        'file:///etc/passwd',
        'health',
        '',
        '/a b',
        '/a\r\nHost: x',
        '/a#b',
        `/${'x'.repeat(2048)}`,
        7,
      ];
      for (const url of elsewhere)
        expect(
          wrongIn(() => pathOf(url)),
          String(url),
        ).to.deep.equal(['/healthCheckUrl']);
    });

    it('is sent to the instance and to no other host, for any text', () => {
      fc.assert(
        fc.property(fc.oneof(fc.string({ unit: 'grapheme-ascii' }), fc.webUrl()), (text) => {
          for (const url of [text, `/${text}`, `http://10.0.0.1:8080${text}`]) {
            let path: string | null;
            try {
              path = pathOf(url);
            } catch {
              continue;
            }
            expect(path).to.match(/^\/[\x21-\x7e]*$/);
            expect(new URL(`http://10.0.0.1:8080${path}`).host).to.equal('10.0.0.1:8080');
          }
        }),
      );
    });
  });

  describe('metadata', () => {
    it('is up to 32 strings, up to 4 KiB together', () => {
      const entries = (count: number, text = 'v') =>
        Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, text]));
      parse({ metadata: entries(32) });
      expect(wrongIn(() => parse({ metadata: entries(33) }))).to.deep.equal(['/metadata']);
      parse({ metadata: { k: 'x'.repeat(4095) } });
      expect(wrongIn(() => parse({ metadata: { k: 'x'.repeat(4096) } }))).to.deep.equal(['/metadata']);
      expect(wrongIn(() => parse({ metadata: { k: 'é'.repeat(2048) } }))).to.deep.equal(['/metadata']);
    });

    it('is reported with a pointer to the entry that is not a string', () => {
      expect(wrongIn(() => parse({ metadata: { 'a/b': 1 } }))).to.deep.equal(['/metadata/a~1b']);
    });

    it('may have any name, without effect on a prototype', () => {
      const { metadata } = parse({ metadata: JSON.parse('{"__proto__":"x","constructor":"y"}') as object });
      expect(Object.getPrototypeOf(metadata)).to.equal(null);
      expect(Object.keys(metadata)).to.have.members(['__proto__', 'constructor']);
    });
  });

  it('is accepted or rejected with a ValidationError, whatever the value is', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.anything(), (service, id, body) => {
        wrongIn(() => parseRegistration(service, id, body));
      }),
    );
  });
});
