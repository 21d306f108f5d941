import { expect } from 'chai';
import { type ListenFacts, listenFailure } from '#src/cluster/listen-failure.js';
import { PlaceholderListener } from '#src/cluster/placeholder-listener.js';

const USUAL: ListenFacts = {
  addresses: ['127.0.0.1', '10.0.0.5', '::1', 'fe80::a:b'],
  firstOpenPort: 1024,
  mayUseAllPorts: false,
};

const TAKEN = /^the port is taken; .*PORT/;
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
];

describe('the reason why an address cannot be listened on', () => {
  for (const [host, port, facts, says] of CASES) {
    it(`is found, with the next step: ${host}, port ${port} ${JSON.stringify(facts)}`, () => {
      expect(listenFailure(host, port, { ...USUAL, ...facts })).to.match(says);
    });
  }

  it('is in the error of the data plane', () => {
    const [one, other, foreign] = ['127.0.0.1', '127.0.0.1', '192.0.2.1'].map(
      (host) => new PlaceholderListener({ host, tlsCertFile: undefined, tlsKeyFile: undefined }),
    ) as [PlaceholderListener, PlaceholderListener, PlaceholderListener];
    const port = one.listen(0, 'exclusive');
    try {
      expect(() => other.listen(port, 'exclusive')).to.throw(
        `cannot listen on 127.0.0.1:${port} (data plane; HOST, PORT): the port is taken; `,
      );
      expect(() => foreign.listen(0, 'exclusive')).to.throw('192.0.2.1 is no address of this machine');
    } finally {
      for (const listener of [one, other, foreign]) listener.close();
    }
  });
});
