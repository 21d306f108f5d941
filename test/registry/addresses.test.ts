import { expect } from 'chai';
import fc from 'fast-check';
import { LOOPBACK_AND_PRIVATE } from '#src/address-ranges.js';
import { ConfigError, HttpError } from '#src/errors.js';
import { AddressPolicy, type AddressRules, canonical } from '#src/registry/addresses.js';

function policyOf(rules: Partial<AddressRules> = {}): AddressPolicy {
  return new AddressPolicy({
    allow: LOOPBACK_AND_PRIVATE,
    guarded: () => [],
    ownAddresses: () => ['127.0.0.1', '::1', '192.168.7.7', 'fe80::1%eth0'],
    resolve: () => Promise.reject(new Error('ENOTFOUND')),
    ...rules,
  });
}

async function isAdmitted(policy: AddressPolicy, host: string, port = 8080): Promise<boolean> {
  try {
    await policy.admit({ host, port });
    return true;
  } catch (error) {
    expect(error).to.be.instanceOf(HttpError).and.include({ code: 'ADDRESS_NOT_ALLOWED', status: 403 });
    return false;
  }
}

const octet = fc.integer({ min: 0, max: 255 });
const v4 = fc.tuple(octet, octet, octet, octet);
const everything = ['0.0.0.0/0', '::/0'];

describe('the addresses that instances may have', () => {
  it('admits loopback and private addresses by default', async () => {
    for (const host of [
      '127.0.0.1',
      '127.8.8.8',
      '::1',
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      'fd12::1',
    ]) {
      expect(await isAdmitted(policyOf(), host), host).to.equal(true);
    }
  });

  it('rejects all other addresses by default', async () => {
    for (const host of [
      '8.8.8.8',
      '172.15.255.255',
      '172.32.0.1',
      '192.169.0.1',
      '2606:4700::1111',
      '100.64.0.1',
    ]) {
      expect(await isAdmitted(policyOf(), host), host).to.equal(false);
    }
  });

  it('admits exactly a given IPv4 range, also written as IPv6', async () => {
    await fc.assert(
      fc.asyncProperty(v4, v4, fc.integer({ min: 0, max: 32 }), async (network, address, bits) => {
        fc.pre(![0, 127, 169, 100, 168, 192].includes(address[0]) && address[0] < 224);
        const policy = policyOf({ allow: [`${network.join('.')}/${bits}`] });
        const number = (octets: readonly number[]): bigint =>
          octets.reduce((sum, each) => (sum << 8n) | BigInt(each), 0n);
        const inside = number(network) >> BigInt(32 - bits) === number(address) >> BigInt(32 - bits);
        const hex = address.map((each) => each.toString(16).padStart(2, '0')).join('');
        for (const host of [
          address.join('.'),
          `::ffff:${address.join('.')}`,
          `::ffff:${hex.slice(0, 4)}:${hex.slice(4)}`,
        ]) {
          expect(await isAdmitted(policy, host), host).to.equal(inside);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('admits exactly a given IPv6 range', async () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    await fc.assert(
      fc.asyncProperty(
        fc.array(group, { minLength: 7, maxLength: 7 }),
        fc.integer({ min: 3, max: 128 }),
        fc.nat(127),
        async (rest, bits, flipped) => {
          const text = (value: bigint): string =>
            value.toString(16).padStart(32, '0').match(/.{4}/g)!.join(':');
          const network = rest.reduce((sum, each) => (sum << 16n) | BigInt(each), 0x2a00n);
          const address = network ^ (1n << BigInt(127 - flipped));
          // The range stays within 2000::/3, apart from the ranges that are never admitted.
          fc.pre(flipped > 3 && address >> 112n !== 0x2001n && address >> 112n !== 0x2002n);
          const policy = policyOf({ allow: [`${text(network)}/${bits}`] });
          expect(await isAdmitted(policy, text(network))).to.equal(true);
          expect(await isAdmitted(policy, text(address))).to.equal(flipped >= bits);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('never admits link-local, metadata, unspecified, multicast or tunnelled addresses, even if the list allows them', async () => {
    const never = [
      '169.254.169.254',
      '169.254.0.1',
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '::169.254.169.254',
      '64:ff9b::a9fe:a9fe',
      '64:ff9b:1::1',
      '2002:a9fe:a9fe::1',
      '2001:0:1::1',
      'fe80::1',
      'fe80::1%eth0',
      'fec0::1',
      'fd00:ec2::254',
      'fd20:ce::254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      '0.0.0.0',
      '0.1.2.3',
      '::',
      '224.0.0.1',
      'ff02::1',
      '255.255.255.255',
    ];
    const policy = policyOf({ allow: everything });
    for (const host of never) expect(await isAdmitted(policy, host), host).to.equal(false);
    for (const host of ['::1', '127.0.0.1', '8.8.8.8', '2606:4700::1111']) {
      expect(await isAdmitted(policy, host), host).to.equal(true);
    }
  });

  it('rejects addresses of this process on every alias of this host, at their port only', async () => {
    const policy = policyOf({ guarded: () => [{ host: '127.0.0.1', port: 9901 }] });
    for (const host of ['127.0.0.1', '127.0.0.2', '::1', '::ffff:127.0.0.1', '192.168.7.7', 'localhost']) {
      expect(await isAdmitted(policy, host, 9901), host).to.equal(false);
      expect(await isAdmitted(policy, host, 9902), host).to.equal(true);
    }
    expect(await isAdmitted(policy, '192.168.7.8', 9901)).to.equal(true);
  });

  it('treats an admin plane that listens on every address as one of this host', async () => {
    const policy = policyOf({ guarded: () => [{ host: '0.0.0.0', port: 50051 }] });
    expect(await isAdmitted(policy, '192.168.7.7', 50051)).to.equal(false);
  });

  it('rejects the address of a database on another host, by number or by name, at its port only', async () => {
    const policy = policyOf({
      guarded: () => [
        { host: 'db.internal', port: 5432 },
        { host: '10.0.0.9', port: 5432 },
        { host: 'gone.internal', port: 5432 },
      ],
      resolve: async (name) => {
        if (name === 'gone.internal') throw new Error('ENOTFOUND');
        return ['10.0.0.5'];
      },
    });
    expect(await isAdmitted(policy, '10.0.0.5', 5432)).to.equal(false);
    expect(await isAdmitted(policy, '10.0.0.9', 5432)).to.equal(false);
    expect(await isAdmitted(policy, '10.0.0.5', 80)).to.equal(true);
    expect(await isAdmitted(policy, '10.0.0.6', 5432)).to.equal(true);
  });

  describe('of a name', () => {
    const names: Readonly<Record<string, readonly string[]>> = {
      inside: ['10.0.0.5', '10.0.0.6'],
      rebinding: ['10.0.0.5', '169.254.169.254'],
      mapped: ['::ffff:10.0.0.5'],
      nothing: [],
    };
    const policy = policyOf({
      resolve: async (name) => names[name] ?? Promise.reject(new Error('ENOTFOUND')),
    });

    it('returns the first address, to which connections go', async () => {
      expect(await policy.admit({ host: 'inside', port: 80 })).to.equal('10.0.0.5');
      expect(await policy.admit({ host: 'mapped', port: 80 })).to.equal('10.0.0.5');
      expect(await policy.admit({ host: 'localhost', port: 80 })).to.equal('127.0.0.1');
    });

    it('keeps the address that an instance has while the name has it, whatever their order is', async () => {
      expect(await policy.admit({ host: 'inside', port: 80 }, '10.0.0.6')).to.equal('10.0.0.6');
      expect(await policy.admit({ host: 'inside', port: 80 }, '10.0.0.9')).to.equal('10.0.0.5');
    });

    it('rejects a name when any of its addresses is rejected, or it has none', async () => {
      for (const host of ['rebinding', 'nothing', 'unknown'])
        expect(await isAdmitted(policy, host), host).to.equal(false);
    });
  });

  it('keeps guarding the address of a name that resolves slowly after it has resolved once', async () => {
    let isSlow = false;
    const guarding = policyOf({
      guarded: () => [{ host: 'db.internal', port: 5432 }],
      resolve: async () => {
        if (isSlow) await new Promise(() => undefined);
        return ['10.7.7.7'];
      },
    });
    expect(await isAdmitted(guarding, '10.7.7.7', 5432)).to.equal(false);
    isSlow = true;
    expect(await isAdmitted(guarding, '10.7.7.7', 5432)).to.equal(false);
    expect(await isAdmitted(guarding, '10.7.7.7', 5433)).to.equal(true);
  });

  it('throws a ConfigError that names a text that is not a range', () => {
    for (const range of [
      '10.0.0.0/33',
      '::/129',
      '10.0.0/8',
      'x',
      '',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '10.0.0.0/',
      'fe80::1%eth0/64',
    ]) {
      expect(() => policyOf({ allow: [range] }), range).to.throw(ConfigError, 'REGISTRY_ALLOW');
    }
    for (const range of ['10.0.0.1', '::1', ' 10.0.0.0/8 ']) policyOf({ allow: [range] });
  });
});

describe('the canonical form of an address', () => {
  it('is the same for all spellings of an address', () => {
    expect(canonical('0:0:0:0:0:0:0:1')).to.equal('::1');
    expect(canonical('FD12:0::1')).to.equal('fd12::1');
    expect(canonical('::FFFF:10.0.0.1')).to.equal('10.0.0.1');
    expect(canonical('10.0.0.1')).to.equal('10.0.0.1');
  });
});
