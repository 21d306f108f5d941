import { expect } from 'chai';
import { sharesPort } from '#src/cluster/shares-port.js';
import { StartError } from '#src/errors.js';
import { listenAt } from '#src/node-http.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** The versions that have the option `reusePort`. */
const hasOption = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

describe('a port that several threads listen on', () => {
  it('is possible on Linux with the versions of Node.js that have the option', async () => {
    expect(await sharesPort()).to.equal(process.platform === 'linux' && hasOption);
  });

  it('is not tried on other systems, which would give all connections to one thread', async () => {
    expect(await sharesPort('darwin')).to.equal(false);
    expect(await sharesPort('win32')).to.equal(false);
  });

  /** Listeners of which one, counted from 1, fails. */
  const failingAt = (failing: number, code: string): Parameters<typeof sharesPort>[1] => {
    let listeners = 0;
    return (server, address) => {
      listeners += 1;
      if (listeners === failing) throw Object.assign(new Error(`listen ${code}`), { code });
      return listenAt(server, { ...address, port: 0 });
    };
  };

  for (const [failing, code] of [
    [2, 'EADDRINUSE'],
    [1, 'ENOTSUP'],
    [1, 'EINVAL'],
    [2, 'EINVAL'],
    [1, 'EADDRNOTAVAIL'],
    [1, 'EACCES'],
    [1, 'EAFNOSUPPORT'],
    [1, 'EPERM'],
  ] as const)
    it(`is not possible where listener ${failing} fails with ${code}`, async () => {
      expect(await sharesPort('linux', failingAt(failing, code))).to.equal(false);
    });

  for (const failing of [1, 2])
    it(`is not known when listener ${failing} fails for another reason, which is an error`, async () => {
      const answer = await sharesPort('linux', failingAt(failing, 'EMFILE')).catch((error: unknown) => error);
      expect(answer)
        .to.be.instanceOf(StartError)
        .with.property('message')
        .that.matches(/too many files .*\(EMFILE\)$/);
    });
});
