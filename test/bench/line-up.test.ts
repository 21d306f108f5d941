import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { shapeNamed } from '#bench/shapes/shapes.js';
import { lineUp } from '#bench/subjects/line-up.js';
import { packageVersion } from '#bench/subjects/versions.js';

describe('the line-up of npm run bench', () => {
  it('has the mounted application of Hono, with the versions of the peers that serve it', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'multilane-line-up-'));
    const options = { isFull: false, servers: [], workers: 1, shapes: [shapeNamed('echo')] };
    const { subjects } = await lineUp(options, { workers: 1, scratch, upstream: '' }, () => {});
    rmSync(scratch, { recursive: true });
    const mounted = subjects.find(({ name }) => name === 'multilane, Hono mounted')!;
    expect(mounted.routes).to.include('echo');
    for (const peer of ['hono-node', 'hono-bun']) {
      const text = readFileSync(`bench/peers/${peer}/package.json`, 'utf8');
      const { dependencies } = JSON.parse(text) as { readonly dependencies: Record<string, string> };
      for (const name of ['hono', 'ajv']) {
        expect(packageVersion('.', name)).to.deep.equal([`${name} ${dependencies[name]}`]);
        expect(mounted.versions).to.include(`${name} ${dependencies[name]}`);
      }
    }
  });
});
