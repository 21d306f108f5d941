import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { StartError } from '#src/errors.js';
import { checkCertificate, schemeOf, tlsFilesOf } from '#src/server/certificate.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';

const DAY_MS = 86_400_000;

describe('the certificate of the data plane', () => {
  let folder: string;
  let one: TestCertificate;
  let two: TestCertificate;
  before(function () {
    needsOpenssl(this);
    folder = mkdtempSync(join(tmpdir(), 'multilane-certificate-'));
    [one, two] = [makeCertificate(folder, 'one', 30), makeCertificate(folder, 'two', 30)];
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const inDays = (days: number): Date => new Date(Date.now() + days * DAY_MS);
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it('is absent without both files', () => {
    expect(tlsFilesOf({ tlsCertFile: undefined, tlsKeyFile: undefined })).to.equal(undefined);
    expect(schemeOf({ tlsCertFile: undefined })).to.equal('http');
    expect(schemeOf({ tlsCertFile: '/a' })).to.equal('https');
  });

  it('is accepted without a warning while it is valid for long', () => {
    expect(checkCertificate(one)).to.deep.equal([]);
    expect(checkCertificate({ ...one, certFile: file('chain.crt', one.ca + two.ca) })).to.deep.equal([]);
  });

  for (const [days, says] of [
    [15, undefined],
    [17, /one\.crt expires soon: \d{4}-/],
    [31, /one\.crt has expired: it was valid to \d{4}-/],
    [-1, /one\.crt is valid only from \d{4}-/],
  ] as const) {
    it(`${says === undefined ? 'is fine' : 'is warned of'} ${days} days into its 30`, () => {
      const warnings = checkCertificate(one, inDays(days));
      if (says === undefined) expect(warnings).to.deep.equal([]);
      else expect(warnings).to.have.length(1).with.property('0').that.matches(says);
    });
  }

  const refusals: [string, () => { certFile: string; keyFile: string }, RegExp][] = [
    [
      'of another key',
      () => ({ ...one, keyFile: two.keyFile }),
      /^TLS_KEY_FILE: \S+two\.key is not the key .*one\.crt/,
    ],
    [
      'that is not there',
      () => ({ ...one, certFile: '/absent.crt' }),
      /^TLS_CERT_FILE: .*\/absent\.crt \(ENOENT\)/,
    ],
    [
      'whose key is not there',
      () => ({ ...one, keyFile: '/absent.key' }),
      /^TLS_KEY_FILE: .*\/absent\.key \(ENOENT\)/,
    ],
    [
      'that is none',
      () => ({ ...one, certFile: file('no.crt', 'x') }),
      /^TLS_CERT_FILE: \S+no\.crt .*certificate/,
    ],
    [
      'whose key is none',
      () => ({ ...one, keyFile: file('no.key', 'x') }),
      /^TLS_KEY_FILE: \S+no\.key .*no private key/,
    ],
    [
      'whose key is encrypted',
      () => {
        const options = ['-aes256', '-passout', 'pass:secret', '-in', one.keyFile];
        return {
          ...one,
          keyFile: file(
            'locked.key',
            execFileSync('openssl', ['ec', ...options], { encoding: 'utf8', stdio: 'pipe' }),
          ),
        };
      },
      /^TLS_KEY_FILE: \S+locked\.key .*encrypted/,
    ],
  ];
  for (const [what, pair, says] of refusals) {
    it(`is refused when it is one ${what}, and the error names variable and file`, () => {
      expect(() => checkCertificate(pair())).to.throw(StartError, says);
    });
  }
});
