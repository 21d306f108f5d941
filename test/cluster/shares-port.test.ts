import { expect } from 'chai';
import { sharesPort } from '#src/cluster/shares-port.js';

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
});
