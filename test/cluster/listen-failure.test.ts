import { expect } from 'chai';
import { type ListenAttempt, type ListenFacts, listenFailure } from '#src/cluster/listen-failure.js';
import { NodePlaceholder } from '#src/cluster/node-placeholder.js';
import type { PlaceholderListener } from '#src/cluster/placeholder-listener.js';
import { UwsPlaceholder } from '#src/cluster/uws-placeholder.js';
import { StartError } from '#src/errors.js';
import { UNCOUNTED } from './uncounted.js';

const LOCAL = '127.0.0.1';
const USUAL: ListenFacts = {
  addresses: ['127.0.0.1', '10.0.0.5', '::1', 'fe80::a:b'],
  firstOpenPort: 1024,
  mayUseAllPorts: false,
  holds: () => false,
};

const GRPC = { host: 'GRPC_HOST', port: 'GRPC_PORT' } as const;
const TAKEN = /^the port is taken; .*PORT/;
const OWN = /^the port is taken by this process itself: .*PORT to another/;
const ADDRESS = /is no address of this machine; .*HOST/;
const RIGHT = /^a port below 1024 needs a right .*PORT to 1024 .*CAP_NET_BIND_SERVICE/;

const CASES: readonly (readonly [host: string, port: number, facts: Partial<ListenFacts>, says: RegExp])[] = [
  ['0.0.0.0', 8080, {}, TAKEN],
  ['::', 8080, {}, TAKEN],
  ['127.0.0.1', 8080, {}, TAKEN],
  ['127.3.2.1', 8080, {}, TAKEN],
  ['10.0.0.5', 8080, {}, TAKEN],
  ['fe80::000a:000b%eth0', 8080, {}, TAKEN],
  ['10.0.0.6', 8080, {}, ADDRESS],
  ['10.0.0.6', 80, {}, ADDRESS],
  ['2001:db8::1', 8080, {}, ADDRESS],
  ['0.0.0.0', 80, {}, RIGHT],
  ['0.0.0.0', 1023, {}, RIGHT],
  ['0.0.0.0', 1024, {}, TAKEN],
  ['0.0.0.0', 80, { mayUseAllPorts: true }, TAKEN],
  ['0.0.0.0', 80, { firstOpenPort: 0 }, TAKEN],
  ['0.0.0.0', 8080, { holds: (port) => port === 8080 }, OWN],
];

const FAULTS: readonly (readonly [
  code: string,
  port: number,
  attempt: Partial<ListenAttempt>,
  says: RegExp,
])[] = [
  ['EADDRINUSE', 8080, {}, TAKEN],
  ['EADDRINUSE', 8080, { isOwnPort: true }, /^the port is in use by a thread .*; it is tried again/],
  ['EADDRNOTAVAIL', 8080, {}, ADDRESS],
  ['EACCES', 80, {}, RIGHT],
  ['EACCES', 8080, {}, /^the system does not allow it; set PORT .*SELinux/],
  ['EMFILE', 8080, {}, /^too many files are open; raise the limit .*LimitNOFILE/],
  ['ENFILE', 8080, {}, /^too many files are open; raise the limit .*fs\.file-max/],
  ['EAFNOSUPPORT', 8080, {}, /^this machine has no addresses of this kind; set HOST/],
  ['EIO', 8080, {}, /^listen EIO; set HOST and PORT/],
  ['EADDRINUSE', 8080, { settings: GRPC }, /set GRPC_PORT to another/],
  ['EADDRNOTAVAIL', 8080, { settings: GRPC }, /correct GRPC_HOST/],
  ['EACCES', 80, { settings: GRPC }, /set GRPC_PORT to 1024/],
];

describe('the reason why an address cannot be listened on', () => {
  for (const [host, port, facts, says] of CASES) {
    it(`is found, with the next step: ${host}, port ${port} ${JSON.stringify(facts)}`, () => {
      expect(listenFailure({ host, port }, { ...USUAL, ...facts })).to.match(says);
    });
  }

  for (const [code, port, attempt, says] of FAULTS) {
    it(`is that of the system where it gives one, with its code: ${code} ${port} ${JSON.stringify(attempt)}`, () => {
      const cause = Object.assign(new Error(`listen ${code}`), { code });
      const text = listenFailure({ host: '10.0.0.5', port, cause, ...attempt }, USUAL);
      expect(text)
        .to.match(says)
        .and.to.match(new RegExp(` \\(${code}\\)$`));
    });
  }

  it('is the error itself where that has no code', () => {
    expect(listenFailure({ host: LOCAL, port: 1, cause: new Error('odd') }, USUAL)).to.equal('odd');
  });

  for (const [core, Placeholder] of [
    ['uws', UwsPlaceholder],
    ['node', NodePlaceholder],
  ] as const) {
    it(`is in the error of the data plane, on the core ${core}`, async () => {
      const listenerOn = (host: string): PlaceholderListener =>
        new Placeholder({ host, tlsCertFile: undefined, tlsKeyFile: undefined, connections: UNCOUNTED });
      const [one, other, foreign] = [listenerOn(LOCAL), listenerOn(LOCAL), listenerOn('192.0.2.1')];
      const refusal = async (listener: PlaceholderListener, at: number): Promise<string> => {
        try {
          return `listens on ${await listener.listen(at, 'exclusive')}`;
        } catch (error) {
          if (!(error instanceof StartError)) throw error;
          return error.message;
        }
      };
      const port = await one.listen(0, 'exclusive');
      const holder = process.platform === 'linux' ? ' by this process itself: ' : '; ';
      try {
        expect(await refusal(other, port)).to.include(
          `cannot listen on 127.0.0.1:${port} (data plane; HOST, PORT): the port is taken${holder}`,
        );
        expect(await refusal(foreign, 0)).to.include('192.0.2.1 is no address of this machine');
        if (core === 'node') {
          expect(await refusal(other, port)).to.match(/\(EADDRINUSE\)$/);
          expect(await refusal(foreign, 0)).to.match(/\(EADDRNOTAVAIL\)$/);
        }
      } finally {
        for (const listener of [one, other, foreign]) listener.close();
      }
    });
  }
});
