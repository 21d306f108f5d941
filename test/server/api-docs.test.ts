import { createHook } from 'node:async_hooks';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { apiDocs } from '#src/server/docs/api-docs.js';
import { openapiText } from '#src/server/docs/openapi.js';
import type { Application } from '#src/server/handler.js';
import { referenceShop } from '#src/services/catalog.js';
import { type Answer, type Bench, bench } from './kit.js';
import { finished } from './openapi-kit.js';

type Document = Record<string, unknown> & {
  readonly paths: Record<string, Record<string, Operation>>;
};
interface Operation {
  readonly [member: string]: unknown;
  readonly operationId: string;
  readonly parameters: readonly Record<string, unknown>[];
  readonly responses: Record<string, unknown>;
}

function documentOf(world: Bench): Document {
  const text = openapiText(world.app.routes(), { title: 'demo', version: '1' });
  return JSON.parse(finished(text).result) as Document;
}

async function assertValid(document: Document): Promise<void> {
  const { valid, errors } = await new Validator().validate(document);
  expect(errors).to.equal(undefined);
  expect(valid).to.equal(true);
}

const handler = () => null as never;

/** Counts the coders and decoders of zlib that are made meanwhile. */
async function compressionsDuring(work: () => Promise<void>): Promise<number> {
  let made = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'ZLIB') made++;
    },
  }).enable();
  await work();
  hook.disable();
  return made;
}

describe('the OpenAPI document', () => {
  const world = bench((app: Application) => {
    const Item = Type.Object({ name: Type.String(), tags: Type.Array(Type.String()) }, { $id: 'Item' });
    app.get(
      '/items/:id(\\d+)',
      {
        summary: 'One item',
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        query: Type.Object({
          limit: Type.Integer({ default: 20 }),
          tag: Type.Optional(Type.Array(Type.String())),
        }),
        headers: Type.Object({ 'x-tenant': Type.String(), accept: Type.Optional(Type.String()) }),
        response: { 200: Item, 204: Type.Null() },
      },
      handler,
    );
    app.put('/items/:key', { body: Item, response: { 200: Item } }, handler);
    app.get('/items/:any', handler);
    app.post('/signup', { body: Type.Object({ name: Type.String() }), bodyType: 'form' }, handler);
    app.get('/files/:path/*', handler);
    app.get('/a/b', handler);
    app.get('/a_b', handler);
    app.get('/hidden', { internal: true }, handler);
    app.ws('/chat', {});
    app.get('/:code([a-z]{2})', handler);
  });
  const document = documentOf(world);

  it('is valid', () => assertValid(document));

  it('lists the public routes, and the first of those with the same path in OpenAPI', () => {
    const listed = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    expect(listed).to.deep.equal([
      'get /items/{id}',
      'put /items/{id}',
      'post /signup',
      'get /files/{path}/{rest}',
      'get /a/b',
      'get /a_b',
      'get /chat',
      'get /{code}',
    ]);
  });

  it('describes parameters and bodies', () => {
    const { parameters, summary, tags } = document.paths['/items/{id}']!.get!;
    expect([summary, tags]).to.deep.equal(['One item', ['demo']]);
    expect(parameters).to.deep.equal([
      { name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } },
      { name: 'limit', in: 'query', required: false, schema: { type: 'integer', default: 20 } },
      { name: 'tag', in: 'query', required: false, schema: { type: 'array', items: { type: 'string' } } },
      { name: 'x-tenant', in: 'header', required: true, schema: { type: 'string' } },
    ]);
    expect(document.paths['/{code}']!.get!.parameters[0]!.schema).to.deep.equal({
      type: 'string',
      pattern: '^(?:[a-z]{2})$',
    });
    const form = document.paths['/signup']!.post!.requestBody as { content: object };
    expect(form.content).to.have.all.keys('application/x-www-form-urlencoded');
  });

  it('describes responses', () => {
    const { responses } = document.paths['/items/{id}']!.get!;
    expect(responses).to.have.all.keys('200', '204', '422', '503', 'default');
    expect(responses['204']).to.deep.equal({
      description: 'No Content',
      headers: { 'x-request-id': { $ref: '#/components/headers/x-request-id' } },
    });
    expect(document.paths['/a/b']!.get!.responses).to.have.all.keys('2XX', '503', 'default');
  });

  it('names every operation once', () => {
    const ids = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map((one) => one.operationId),
    );
    expect(new Set(ids).size).to.equal(ids.length);
    expect(ids).to.include.members(['get_items_id', 'get_a_b', 'get_a_b_2']);
  });

  it('of the reference shop is valid, too', async () => {
    const shop = bench(() => {});
    for (const service of referenceShop) {
      shop.app.mount(service.name, (routes) => service.routes?.(routes, {} as never));
    }
    const described = documentOf(shop);
    await assertValid(described);
    expect(Object.keys(described.paths)).to.include.members(['/api/users/{id}', '/api/checkout']);
    expect(Object.keys(described.paths).filter((path) => path.startsWith('/internal'))).to.deep.equal([]);
  });
});

describe('the pages of the API', () => {
  let world: Bench;
  before(() => {
    world = bench((app) => app.get('/hello', handler));
    world.app.mount('system', (app) =>
      apiDocs(
        app,
        () => ({ title: 'demo', version: '1' }),
        () => world.app.routes(),
      ),
    );
  });
  const get = (url: string): Promise<Answer> => world.inject({ url });

  it('show the document of all mounted routes except their own', async () => {
    const { status, headers, text } = await get('/openapi.json');
    expect([status, headers['content-type']]).to.deep.equal([200, 'application/json']);
    const document = JSON.parse(text()) as Document;
    await assertValid(document);
    expect(Object.keys(document.paths)).to.deep.equal(['/hello', '/openapi.json']);
  });

  it('make the document once', async () => {
    let made = 0;
    const shop = bench(() => {});
    shop.app.mount('system', (app) =>
      apiDocs(
        app,
        () => ({ title: 'demo', version: '1' }),
        () => {
          made++;
          return shop.app.routes();
        },
      ),
    );
    const ask = async (): Promise<number> => (await shop.inject({ url: '/openapi.json' })).status;
    expect(await Promise.all([ask(), ask(), ask()]), 'at the same time').to.deep.equal([200, 200, 200]);
    expect(await ask()).to.equal(200);
    expect(made).to.equal(1);
  });

  it('may send what is tried out to the servers that the project names, and nowhere else', async () => {
    const shop = bench(() => {});
    const servers = [
      { url: 'https://api.example.org/v1' },
      { url: '.' },
      { url: 'https://{region}.example.org' },
    ];
    const flow = { tokenUrl: 'https://id.example.org/token', scopes: {} };
    const securitySchemes = { oauth: { type: 'oauth2', flows: { clientCredentials: flow } } } as const;
    shop.app.mount('system', (app) =>
      apiDocs(
        app,
        () => ({ title: 'demo', version: '1', servers, securitySchemes }),
        () => [],
      ),
    );
    expect((await shop.inject({ url: '/docs' })).headers['content-security-policy']).to.include(
      "connect-src 'self' https://api.example.org https://id.example.org;",
    );
  });

  it('redirect a path with a slash at its end, to which their links would not be relative', async () => {
    const { status, headers } = await get('/docs/');
    expect([status, headers.location]).to.deep.equal([308, '../docs']);
  });

  it('load nothing from other hosts, and their policy forbids it', async () => {
    const { headers, text } = await get('/docs');
    expect(headers['content-type']).to.equal('text/html; charset=utf-8');
    expect(headers['content-security-policy']).to.include("default-src 'none'; script-src 'self'");
    const links = [...text().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
    expect(links).to.have.length(5);
    for (const link of links) expect(link).to.not.match(/^(?:https?:)?\/\//);
    for (const link of links.filter((one) => one.startsWith('docs/'))) {
      const answer = await get(`/${link}`);
      expect([answer.status, answer.body.length > 50], link).to.deep.equal([200, true]);
      expect(answer.headers['x-content-type-options']).to.equal('nosniff');
      expect(answer.headers['content-type']).to.match(/^text\/(?:css|javascript)/);
    }
  });

  for (const [coding, decode] of [
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const) {
    it(`are sent in ${coding}, compressed only once`, async () => {
      const shop = bench(() => {});
      shop.app.mount('many', (app) => {
        for (let n = 0; n < 20; n++) app.get(`/route/${n}`, handler);
      });
      shop.app.mount('system', (app) =>
        apiDocs(
          app,
          () => ({ title: 'demo', version: '1' }),
          () => shop.app.routes(),
        ),
      );
      const links = [...(await get('/docs')).text().matchAll(/(?:src|href)="(docs\/[^"]+)"/g)];
      const paths = ['/docs', '/openapi.json', ...links.map(([, link]) => `/${link}`)];
      const ask = (url: string, accepted: string) =>
        shop.inject({ url, headers: { 'accept-encoding': accepted } });
      for (const path of paths) await ask(path, coding);
      const encoded: string[] = [];
      const made = await compressionsDuring(async () => {
        for (const path of paths) {
          const [plain, sent] = [await ask(path, 'identity'), await ask(path, coding)];
          expect([sent.status, plain.status], path).to.deep.equal([200, 200]);
          if (sent.headers['content-encoding'] === undefined) continue;
          encoded.push(path);
          expect(sent.headers, path).to.include({ 'content-encoding': coding });
          expect(sent.headers.vary, path).to.match(/accept-encoding/i);
          expect(sent.headers['content-type']).to.equal(plain.headers['content-type']);
          const head = await shop.inject({
            method: 'HEAD',
            url: path,
            headers: { 'accept-encoding': coding },
          });
          expect(head.headers['content-length'], path).to.equal(String(sent.body.length));
          expect(decode(sent.body).equals(plain.body), path).to.equal(true);
        }
      });
      const files = ['/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js'];
      expect(encoded).to.deep.equal(['/openapi.json', ...(coding === 'gzip' ? files : [])]);
      // The decoding by this test uses zlib, too, and each file is unpacked for a client without its coding.
      expect(made).to.equal(encoded.length + (coding === 'gzip' ? 1 : 2) * files.length);
    });
  }

  it('send the document to no validator', async () => {
    expect((await get('/docs/start.js')).text()).to.include('validatorUrl: null');
  });
});
