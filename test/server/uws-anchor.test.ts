// What the socket behind the anchor leaves in the thread and in the folder of temporary files.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import * as errors from '#src/errors.js';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { Project } from '#test/support/cli.js';
import { openRaw } from '#test/support/frames.js';
import { bench } from './kit.js';

describe('a server with WebSockets', () => {
  const { TMPDIR } = process.env;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'anchor-test-'));
    process.env.TMPDIR = folder;
  });
  afterEach(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    rmSync(folder, { recursive: true });
  });

  /** The package as a project has it, by a symbolic link. */
  async function imported(): Promise<typeof errors> {
    const project = new Project({
      'package.json': '{ "type": "module" }',
      'entry.js': "export * from 'multilane';",
    });
    project.install();
    try {
      return (await import(pathToFileURL(join(project.folder, 'entry.js')).href)) as typeof errors;
    } finally {
      project.remove();
    }
  }

  it('lets modules behind symbolic links be loaded once, and leaves no file', async () => {
    expect((await imported()).HttpError).to.equal(errors.HttpError);
    const server = new UwsServer(bench((app) => app.ws('/', {})).app, {
      settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 },
    });
    try {
      const wire = await openRaw(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`, '/');
      expect((await imported()).HttpError).to.equal(errors.HttpError);
      expect(readdirSync(folder)).to.deep.equal([]);
      wire.destroy();
    } finally {
      server.close();
    }
  });
});
