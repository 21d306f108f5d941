// The member `openapi` of the configuration file, and what it is completed by.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { defineConfig, defineService, type OpenApiOptions } from 'multilane';
import { createTestApp } from 'multilane/testing';
import { ConfigError } from '#src/errors.js';
import { apiInfo } from '#src/worker/api-info.js';

const flows = { authorizationCode: { authorizationUrl: '/a', tokenUrl: '/t', scopes: { read: 'Read' } } };
const oauth = { type: 'oauth2', flows } as const;

describe('the member openapi of a configuration', () => {
  for (const [given, message] of [
    [{ titel: 'Shop' }, /openapi: unknown option "titel", did you mean "title"/],
    [{ version: 2 }, /openapi: version must be a non-empty string, not 2/],
    [{ contact: { mail: 'a@b.c' } }, /openapi\.contact: unknown option "mail", did you mean "email"/],
    [{ license: { identifier: 'MIT' } }, /openapi\.license: name must be/],
    [
      { servers: [{ url: 'https://{region}.example.org' }] },
      /openapi\.servers\[0\]: the url has the variable \{region\}/,
    ],
    [{ tags: [{ name: 'a' }, { name: 'a' }] }, /openapi\.tags\[1\]: the tag "a" is listed twice/],
    [
      { securitySchemes: { bearer: { type: 'htp' } } },
      /openapi\.securitySchemes\.bearer: type must be "http" or/,
    ],
    [
      { securitySchemes: { key: { type: 'apiKey', name: 'x' } } },
      /securitySchemes\.key: in must be "header" or/,
    ],
    [
      { securitySchemes: { oauth: { type: 'oauth2', flows: { implicit: { scopes: {} } } } } },
      /oauth\.flows\.implicit: authorizationUrl must be/,
    ],
    [{ security: [{ bearer: [] }] }, /openapi: security: unknown scheme "bearer"/],
    [
      { securitySchemes: { oauth }, security: [{ oauth: ['raed'] }] },
      /oauth: unknown scope "raed", did you mean "read"/,
    ],
    [true, /openapi/],
  ] as const) {
    it(`is refused where it is ${JSON.stringify(given).slice(0, 60)}`, () => {
      expect(() => defineConfig({ openapi: given as never })).to.throw(ConfigError, message);
    });
  }

  it('is in the document, and completed by nothing that it says itself', async () => {
    const service = defineService({ name: 'hello', routes: (app) => app.get('/', () => 'hello') });
    const openapi: OpenApiOptions = {
      title: 'Hello',
      version: '2.1.0',
      summary: 'Says hello',
      contact: { email: 'api@example.org' },
      license: { name: 'MIT', identifier: 'MIT' },
      servers: [{ url: 'https://{region}.example.org', variables: { region: { default: 'eu' } } }],
      tags: [{ name: 'hello', description: 'Greetings' }],
      externalDocs: { url: 'https://docs.example.org' },
      securitySchemes: { oauth },
      security: [{ oauth: ['read'] }, {}],
    };
    const app = await createTestApp({ config: defineConfig({ services: [service], openapi }) });
    const document = (await app.inject('/openapi.json')).json<Record<string, object>>();
    await app.close();
    const { title, version, summary, contact, license, servers, externalDocs, security } = openapi;
    expect(document).to.deep.include({ servers, externalDocs, security });
    expect(document.info).to.deep.equal({ ...document.info, title, version, summary, contact, license });
    expect(document.tags).to.deep.equal([{ name: 'hello', description: 'Greetings' }, { name: 'system' }]);
    expect(document.components).to.deep.include({ securitySchemes: { oauth } });
  });

  it('switches the document and its page off', async () => {
    const service = defineService({ name: 'hello', routes: (app) => app.get('/', () => 'hello') });
    const app = await createTestApp({ config: defineConfig({ services: [service], openapi: false }) });
    const statuses = [];
    for (const path of ['/', '/openapi.json', '/docs']) statuses.push((await app.inject(path)).status);
    await app.close();
    expect(statuses).to.deep.equal([200, 404, 404]);
  });
});

describe('what the OpenAPI document says of a project', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-openapi-'));
    mkdirSync(join(folder, 'config'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const infoWith = (text: string, openapi: OpenApiOptions = {}) => {
    writeFileSync(join(folder, 'package.json'), text);
    const configFile = join(folder, 'config', 'multilane.config.mjs');
    return apiInfo({ configFile, openapi, rateLimit: null }, ['orders', 'users'])();
  };

  it('is what its package.json says, where openapi does not', () => {
    const described = { name: 'acme', version: '3.0.1', description: 'Sells things', license: 'MIT' };
    expect(infoWith(JSON.stringify(described), { version: '4' })).to.deep.equal({
      title: 'acme',
      version: '4',
      description: 'Sells things',
      license: { name: 'MIT', identifier: 'MIT' },
      isRateLimited: false,
    });
  });

  it('is the names of its services, where there is no readable package.json', () => {
    expect(infoWith('{')).to.include({ title: 'orders, users', version: '1' });
    expect(infoWith('{"license":"SEE LICENSE IN LICENSE"}')).to.not.have.property('license');
  });
});
