import { expect } from 'chai';
import { DEV_OPTIONS } from '#src/config/command-line.js';
import { checkStartSources } from '#src/config/start-sources.js';
import { SETTINGS } from '#src/config/table.js';
import { refusal, running } from './loading.js';

describe('an unknown flag of multilane dev', () => {
  it('is answered with a flag of dev, and that of another command with none of them', async () => {
    for (const flag of Object.keys(DEV_OPTIONS)) {
      for (let at = 3; at < flag.length - 1; at++) {
        const mistyped = `${flag.slice(0, at)}${flag[at + 1]}${flag[at]}${flag.slice(at + 2)}`;
        if (mistyped === flag) continue;
        const answer = `78 ${mistyped}: unknown option, did you mean ${flag}?`;
        expect(await refusal({ argv: ['--development', mistyped] })).to.equal(answer);
        expect(await refusal({ argv: [mistyped] })).to.not.include(flag);
      }
      expect(await refusal({ argv: ['--development', flag] })).to.not.include(`mean ${flag}?`);
    }
  });
});

describe('flags and environment are checked without the project', () => {
  const checked = ({ argv = [], env = {} }: Parameters<typeof refusal>[0]): string => {
    try {
      checkStartSources({ argv, env });
    } catch (error) {
      return `78 ${(error as Error).message}`;
    }
    return 'accepted';
  };

  it('and a wrong name or value gets the same message as at a start', async () => {
    const wrong = Object.entries(SETTINGS).flatMap(([name, { kind, lenient }]) =>
      lenient === true || kind.parse('\u0001') !== undefined
        ? []
        : [
            { env: { [name]: '\u0001' } },
            { argv: [`--${name.toLowerCase().replaceAll('_', '-')}`, '\u0001'] },
          ],
    );
    expect(wrong.length).to.be.above(100);
    const unknown = [{ argv: ['--nope'] }, { env: { MULTILANE_NOPE: '1' } }, { argv: ['--port'] }];
    for (const one of [...wrong, ...unknown]) expect(checked(one)).to.equal(await refusal(one));
  });

  it('and what the configuration file may settle is accepted', () => {
    for (const one of [
      { argv: ['--invoices-database-url', 'postgres://127.0.0.1/x'] },
      {
        env: { MULTILANE_OWN_STORE_DATABASE_URL: 'postgres://127.0.0.1/x', OTHER_DATABASE_URL: 'mysql://a' },
      },
      { argv: ['--tls-cert-file', 'a.pem'] },
      { argv: ['--services', 'invoices'] },
    ])
      expect(checked(one)).to.equal('accepted');
  });
});

describe('a name that resembles none', () => {
  for (const [what, options, text] of [
    ['a flag', { argv: ['--nope'] }, '78 --nope: unknown option; --help lists all options'],
    ['a flag', { argv: ['--foo', '1'] }, '78 --foo: unknown option; --help lists all options'],
    [
      'a variable',
      { env: { MULTILANE_NOPE: '1' } },
      '78 MULTILANE_NOPE: unknown setting; --help lists all settings',
    ],
    [
      'a service',
      { argv: ['--services', 'mailing'] },
      '78 --services: there is no service "mailing"; there are users, orders, payments, checkout',
    ],
  ] as const) {
    it(`gets no suggestion: ${what}, ${text}`, async () => {
      expect(await refusal(options)).to.equal(text);
    });
  }
});

describe('a start is refused with exit code 78 for', () => {
  const cases: readonly [string, Parameters<typeof refusal>[0], RegExp | string][] = [
    ['an unknown flag', { argv: ['--prot', '1'] }, '78 --prot: unknown option, did you mean --port?'],
    ['a mistyped option', { argv: ['--chek'] }, '78 --chek: unknown option, did you mean --check?'],
    ['an unknown variable', { env: { MULTILANE_PROT: '1' } }, /^78 MULTILANE_PROT: .* MULTILANE_PORT\?$/],
    ['an unknown variable that is empty', { env: { MULTILANE_PROT: '' } }, /^78 MULTILANE_PROT: /],
    ['a flag without its value', { argv: ['--port'] }, '78 --port: the value is missing'],
    ['a flag instead of a value', { argv: ['--port', '--workers=1'] }, '78 --port: the value is missing'],
    ['a value for a flag without one', { argv: ['--check=1'] }, '78 --check: takes no value'],
    ['an argument that is not a flag', { argv: ['start'] }, '78 unexpected argument "start"'],
    [
      'a word instead of a number',
      { env: { MULTILANE_PORT: 'abc' } },
      '78 MULTILANE_PORT: "abc" is not a whole number from 0 to 65535',
    ],
    [
      'a secret in another setting',
      { env: { PORT: 'https://a.example/?token=abc' } },
      '78 PORT: "https://a.example/?token=[redacted]" is not a whole number from 0 to 65535',
    ],
    [
      'a wrong bare variable',
      { env: { PORT: '1.5' } },
      '78 PORT: "1.5" is not a whole number from 0 to 65535',
    ],
    ['a negative number', { argv: ['--port', '-1'] }, /^78 --port: "-1" is not/],
    [
      'a number above its range',
      { argv: ['--workers', '257'] },
      /^78 --workers: "257" is not .* from 1 to 256$/,
    ],
    ['a number below its range', { argv: ['--workers', '0'] }, /^78 --workers: "0" is not/],
    ['a number in another notation', { argv: ['--port', '0x50'] }, /^78 --port: /],
    [
      'an unknown kind of sharding',
      { argv: ['--sharding', 'cluster'] },
      /^78 --sharding: "cluster" is not one of acceptor, reuseport$/,
    ],
    [
      'a registry of a kind that there is not',
      { env: { REGISTRY: 'consul://10.0.0.1:8500' } },
      /^78 REGISTRY: .*a URL: postgres:\/\//,
    ],
    [
      'a cluster of etcd with a port that there is not',
      { env: { REGISTRY: 'etcd://10.0.0.1:2379,10.0.0.2:99999' } },
      /^78 REGISTRY: .*etcd:\/\//,
    ],
    [
      'a name that no service has',
      { env: { MULTILANE_GATEWAY: 'Users' } },
      /^78 MULTILANE_GATEWAY: "Users" is not a comma/,
    ],
    ['an invalid rate', { env: { RATE_LIMIT: '100/hour' } }, /^78 RATE_LIMIT: "100\/hour" is not a rate /],
    [
      'a word that is not a choice',
      { argv: ['--log-level', 'warning'] },
      /^78 --log-level: "warning" is not one of fatal, /,
    ],
    ['a prefix that is too long', { argv: ['--trusted-proxies', '10.0.0.0/33'] }, /^78 --trusted-proxies: /],
    [
      'a mesh token that can be guessed',
      { env: { MESH_TOKEN: 'x'.repeat(31) } },
      /^78 MESH_TOKEN: the value is not .* at least 32 characters, .*openssl rand/,
    ],
    ['a host with a port', { argv: ['--admin-allowed-hosts', 'a.example:80'] }, /without ports$/],
    ['an address out of range', { argv: ['--host', '10.0.0.256'] }, /^78 --host: "10.0.0.256" is not/],
    [
      'a service that is not declared',
      { argv: ['--services', 'users,oders'] },
      /no service "oders", did you mean "orders"\?$/,
    ],
    [
      'a database of a service that is not declared',
      { env: { MULTILANE_ODERS_DATABASE_URL: 'postgres://x' } },
      /MULTILANE_ORDERS_DATABASE_URL\?$/,
    ],
    ['the link to a Service with our name', { env: { MULTILANE_PORT: 'tcp://10.0.0.1:80' } }, /Kubernetes/],
    ['another one of its links', { env: { MULTILANE_PORT_80_TCP_ADDR: '10.0.0.1' } }, /Kubernetes/],
  ];
  for (const [what, options, message] of cases) {
    it(what, async () => {
      const told = await refusal(options);
      if (typeof message === 'string') expect(told).to.equal(message);
      else expect(told).to.match(message);
      expect(told).to.not.include('\n');
    });
  }

  describe('without showing the secret', () => {
    const SECRET = 'hunter2';
    for (const [name, value] of [
      ['MULTILANE_DATABASE_URL', `mysql://root:${SECRET}@db/x`],
      ['MULTILANE_DATABASE_URL', `${SECRET}@db`],
      ['MULTILANE_ORDERS_DATABASE_URL', `mysql://root:${SECRET}@db/x`],
      ['MULTILANE_ADMIN_TOKEN', `${SECRET} with blanks`],
      ['MULTILANE_MESH_TOKEN', `${SECRET}ü`],
      ['REGISTRY', `consul://root:${SECRET}@10.0.0.1:8500`],
    ] as const) {
      it(`of ${name}`, async () => {
        const told = await refusal({ env: { [name]: value } });
        expect(told).to.match(new RegExp(`^78 ${name}: `));
        expect(told).to.not.include(SECRET);
      });
    }
  });

  it('but not for an unknown bare variable', async () => {
    expect(await running({ env: { PROT: '1', PATH: '/bin', npm_config_port: 'x' } })).to.have.property(
      'kind',
      'run',
    );
  });
});
