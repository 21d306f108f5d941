// The configurations of the pages that mount an application of Express, Fastify or NestJS as it is.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { withApp } from '#test/testing/with-app.js';
import { blockOf } from './blocks.js';

const EXPRESS =
  "import express from 'express';\nexport const app = express().get('/x', (req, res) => res.json(req.url));\n";
const FASTIFY =
  "import Fastify from 'fastify';\nexport const app = Fastify();\napp.get('/x', async (req) => JSON.stringify(req.url));\n";
/** What the page on NestJS does not show, without decorators, which Node.js does not run. */
const NEST = `import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
class Notes { find() { return 'found'; } }
Controller('notes')(Notes);
Get()(Notes.prototype, 'find', Object.getOwnPropertyDescriptor(Notes.prototype, 'find'));
class NotesModule {}
Module({ controllers: [Notes] })(NotesModule);
`;
const PACKAGES = ['express', 'fastify', '@nestjs', 'reflect-metadata'];

describe('the pages that mount an application of node:http', () => {
  const folder = mkdtempSync(join(tmpdir(), 'multilane-docs-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;

  /** The response to a request of a project with this configuration and the application that it imports. */
  const ask = async (config: string, path: string, application = ''): Promise<string> => {
    const project = join(folder, String(++count));
    mkdirSync(join(project, 'before'), { recursive: true });
    mkdirSync(join(project, 'node_modules'));
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(project, 'before/app.js'), application);
    writeFileSync(join(project, 'multilane.config.mjs'), config);
    for (const name of PACKAGES)
      symlinkSync(join(process.cwd(), 'node_modules', name), join(project, 'node_modules', name));
    symlinkSync(process.cwd(), join(project, 'node_modules/multilane'));
    const file = pathToFileURL(join(project, 'multilane.config.mjs'));
    return withApp({ config: file }, async (app) => (await app.inject(path)).text());
  };

  it('name the versions that the tests run', () => {
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const of = (name: string): string => devDependencies[name]!;
    const versions = `Express ${of('express')}, Fastify ${of('fastify')} and NestJS ${of('@nestjs/core')}`;
    expect(readFileSync('docs/http.md', 'utf8')).to.include(versions);
  });

  it('show one of Express beside a route', async () => {
    const config = blockOf('docs/http.md', '// multilane.config.js');
    expect(await ask(config, '/old/users/7')).to.equal('{"id":"7"}');
    expect(await ask(config, '/old/users/7/orders')).to.equal('[]');
  });

  it('show how one of Express moves in', async () => {
    const config = blockOf('docs/from-express.md', '// multilane.config.mjs');
    expect(await ask(config, '/x', EXPRESS)).to.equal('"/x"');
  });

  it('show how one of Fastify moves in', async () => {
    const config = blockOf('docs/from-fastify.md', '// multilane.config.mjs');
    expect(await ask(config, '/x', FASTIFY)).to.equal('"/x"');
  });

  it('show how one of NestJS moves in', async () => {
    const application = NEST + blockOf('docs/from-nestjs.md', '// before/app.js, after its build');
    const config = blockOf('docs/from-nestjs.md', '// multilane.config.mjs');
    expect(await ask(config, '/notes', application)).to.equal('found');
  });
});
