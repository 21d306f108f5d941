import { expect } from 'chai';
import fc from 'fast-check';
import { cidrs, host, maskUrl, postgresUrl } from '#src/config/network-kinds.js';
import { pairs, whole } from '#src/config/setting-kinds.js';
import { SETTINGS } from '#src/config/table.js';

describe('kinds of settings', () => {
  it('parse any text without throwing, and show a value in a form that they parse again', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(...Object.values(SETTINGS)),
        (text, { kind }) => {
          const value = kind.parse(text);
          if (value === undefined || kind.secret === true || kind.show(value) === 'none') return;
          expect(kind.parse(kind.show(value))).to.deep.equal(value);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('parse every default of the table', () => {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      const value = setting.default({
        parallelism: 64,
        openFiles: 20_000,
        memoryBytes: 1024 ** 3,
        oldGenerationBytes: 1024 ** 3,
        workers: 64,
        isTTY: false,
      });
      if (value === undefined || setting.kind.show(value) === 'none') continue;
      expect(setting.kind.parse(setting.kind.show(value)), name).to.deep.equal(value);
    }
  });

  it('parse whole numbers exactly within their range', () => {
    const kind = whole(3, 90);
    fc.assert(
      fc.property(fc.integer({ min: -100, max: 200 }), (number) => {
        expect(kind.parse(String(number))).to.equal(number >= 3 && number <= 90 ? number : undefined);
      }),
    );
  });

  it('parse every percent-encoded pair of strings', () => {
    const texts = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(
        fc.dictionary(
          texts.filter((key) => key !== '__proto__'),
          texts,
        ),
        (members) => {
          expect(pairs.parse(pairs.fromFile(members) ?? '-')).to.deep.equal({ ...members });
        },
      ),
    );
  });

  it('parse addresses and host names, but nothing that only looks like one', () => {
    for (const good of ['127.0.0.1', '::1', '[::1]', 'localhost', 'a-b.example.', 'under_score', '0.0.0.0']) {
      expect(host.parse(good), good).to.not.equal(undefined);
    }
    for (const bad of [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '[127.0.0.1',
      'a b',
      '-a',
      'a..b',
      'http://a',
      'a:80',
    ]) {
      expect(host.parse(bad), bad).to.equal(undefined);
    }
  });

  it('complete address ranges by their prefix length', () => {
    expect(cidrs.parse('10.0.0.1, fd00::/8,10.0.0.1')).to.deep.equal(['10.0.0.1/32', 'fd00::/8']);
    for (const bad of ['10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129', 'localhost', '10.0.0.0/8,']) {
      expect(cidrs.parse(bad), bad).to.equal(undefined);
    }
  });

  it('parse all forms of PostgreSQL URLs', () => {
    for (const good of [
      'postgres://h/d',
      'postgresql://u:p@h:5432/d?sslmode=require',
      'postgres://u:p@/d?host=/run/pg',
    ]) {
      expect(postgresUrl.parse(good), good).to.equal(good);
    }
    for (const bad of ['h/d', 'postgres:d', 'http://h/d', 'postgres://h:port/d']) {
      expect(postgresUrl.parse(bad), bad).to.equal(undefined);
    }
  });

  describe('a URL that is shown', () => {
    const SECRET = 'hunter2';

    it('keeps everything but the password', () => {
      expect(maskUrl('postgres://u:p@h:5432/d?sslmode=require')).to.equal(
        'postgres://u:***@h:5432/d?sslmode=require',
      );
      expect(maskUrl('postgres://u@h/d')).to.equal('postgres://u@h/d');
      expect(maskUrl('postgres://h/d')).to.equal('postgres://h/d');
    });

    it('has no token in the place of the user', () => {
      for (const scheme of ['http', 'https', 'HTTP']) {
        for (const user of ['SG-live-1', 'SG-live-1:', 't'.repeat(20), `${'t'.repeat(20)}:x`])
          expect(maskUrl(`${scheme}://${user}@h:1/p?a=b`), user).to.equal(`${scheme}://***@h:1/p?a=b`);
        expect(maskUrl(`${scheme}://u:p@h/`)).to.equal(`${scheme}://u:***@h/`);
      }
      for (const user of ['t'.repeat(20), `${'t'.repeat(20)}:p`])
        expect(maskUrl(`postgres://${user}@h/d`)).to.equal('postgres://***@h/d');
      expect(maskUrl('http://@h/')).to.equal('http://@h/');
    });

    it('keeps parameters whose names are not those of secrets', () => {
      const url = 'postgres://h/d?sslkey=/k.pem&application_name=monkey&target_session_attrs=any';
      expect(maskUrl(url)).to.equal(url);
    });

    it('never shows the password, whatever surrounds it', () => {
      const around = fc.string({ unit: fc.constantFrom(...'ab:@/?#&=%[] '.split('')) });
      fc.assert(
        fc.property(around, around, (before, after) => {
          expect(maskUrl(`postgres://user:${before}${SECRET}${after}@host/db`)).to.not.include(SECRET);
        }),
        { numRuns: 1000 },
      );
    });

    it('never shows a password parameter', () => {
      for (const name of [
        'password',
        'sslpassword',
        'access_token',
        'PASSWORD',
        'passphrase',
        'api-key',
        'sig',
      ]) {
        expect(maskUrl(`postgres://h/d?a=b&${name}=${SECRET}&c=d`)).to.equal(
          `postgres://h/d?a=b&${name}=***&c=d`,
        );
      }
    });
  });
});
