import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const LISTENERS = fileURLToPath(new URL('./clustered-listeners.js', import.meta.url));

describe('a listener of this process', () => {
  it('has its port itself under a master of node:cluster, as pm2 is one', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, LISTENERS]);
    const { own, ports } = JSON.parse(stdout) as { readonly own: number[]; readonly ports: number[] };
    expect(own).to.have.length(2);
    expect(ports).to.deep.equal([]);
  });
});
