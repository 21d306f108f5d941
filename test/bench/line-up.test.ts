import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { shapeNamed } from '#bench/shapes/shapes.js';
import { lineUp } from '#bench/subjects/line-up.js';
import type { Subject } from '#bench/subjects/subject.js';
import { packageVersion } from '#bench/subjects/versions.js';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

const dependenciesOf = (peer: string): Manifest['dependencies'] =>
  (JSON.parse(readFileSync(`bench/peers/${peer}/package.json`, 'utf8')) as Manifest).dependencies;

describe('the line-up of npm run bench', () => {
  const subjects = async (): Promise<readonly Subject[]> => {
    const scratch = mkdtempSync(join(tmpdir(), 'multilane-line-up-'));
    const options = { isFull: false, servers: [], workers: 1, shapes: [shapeNamed('echo')] };
    const made = await lineUp(options, { workers: 1, scratch, upstream: '' }, () => {});
    rmSync(scratch, { recursive: true });
    return made.subjects;
  };
  const mountedOf = async (framework: string): Promise<Subject> =>
    (await subjects()).find(({ name }) => name === `multilane, ${framework} mounted`)!;

  it('has the mounted application of Hono, with the versions of the peers that serve it', async () => {
    const mounted = await mountedOf('Hono');
    expect(mounted.routes).to.include('echo');
    for (const peer of ['hono-node', 'hono-bun']) {
      const dependencies = dependenciesOf(peer);
      for (const name of ['hono', 'ajv']) {
        expect(packageVersion('.', name)).to.deep.equal([`${name} ${dependencies[name]}`]);
        expect(mounted.versions).to.include(`${name} ${dependencies[name]}`);
      }
    }
  });

  it('has the routes of the peer Fastify, mounted on the core of node:http, in the version of the peer', async () => {
    const mounted = await mountedOf('Fastify');
    expect(mounted.routes).to.include('echo');
    expect(mounted.env).to.include({ HTTP_CORE: 'node' });
    expect(mounted.versions).to.include(`fastify ${dependenciesOf('fastify').fastify}`);
  });
});
