// What the OpenAPI document says of routes: their options, what they take, and what they answer.
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { apiDocs } from '#src/server/docs/api-docs.js';
import type { Application, RouteOptions } from '#src/server/handler.js';
import { SYSTEM_ROUTE_OPTIONS } from '#src/worker/system-route-options.js';
import { systemRoutes } from '#src/worker/system-routes.js';
import { PROBE_PATHS } from '#test/worker/probe-paths.js';
import { bench } from './kit.js';
import { assertValid, documentOf, responseOf } from './openapi-kit.js';

const handler = (): never => null as never;
const bearer = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } as const;

const Member = Type.Object(
  { name: Type.String(), role: Type.String({ default: 'guest' }) },
  { $id: 'Member' },
);

describe('the OpenAPI document of a route', () => {
  it('has what the options of the route say', async () => {
    const document = documentOf(
      (app) =>
        app.post(
          '/upload/:id',
          {
            summary: 'Upload a file',
            description: 'It is kept for a day.',
            tags: ['files'],
            operationId: 'uploadFile',
            deprecated: true,
            externalDocs: { url: 'https://docs.example.org/files' },
            security: [{ bearer: [] }],
            errors: { 404: 'NOT_FOUND', 409: ['LOCKED', 'QUOTA_EXCEEDED'] },
            responseHeaders: { 201: Type.Object({ location: Type.String({ description: 'Where it is.' }) }) },
            response: { 201: Type.Null() },
            consumes: { 'multipart/form-data': Type.Object({ file: Type.String({ format: 'binary' }) }) },
            example: { file: 'a' },
            rateLimit: '10/minute',
          },
          handler,
        ),
      { securitySchemes: { bearer } },
    );
    await assertValid(document);
    const operation = document.paths['/upload/{id}']!.post!;
    expect(operation).to.deep.include({
      operationId: 'uploadFile',
      tags: ['files'],
      summary: 'Upload a file',
      description: 'It is kept for a day.',
      deprecated: true,
      externalDocs: { url: 'https://docs.example.org/files' },
      security: [{ bearer: [] }],
    });
    expect(operation.requestBody.content).to.deep.equal({
      'multipart/form-data': {
        schema: {
          type: 'object',
          required: ['file'],
          properties: { file: { type: 'string', format: 'binary' } },
        },
        example: { file: 'a' },
      },
    });
    expect(operation.responses['201']!.headers).to.have.all.keys(
      'location',
      'x-request-id',
      'ratelimit',
      'ratelimit-policy',
    );
    expect(Object.keys(operation.responses)).to.deep.equal([
      '201',
      '401',
      '404',
      '409',
      '429',
      '503',
      'default',
    ]);
    const conflict = responseOf(document, operation, '409').content['application/problem+json']!;
    expect(conflict.schema).to.deep.equal({
      allOf: [
        { $ref: '#/components/schemas/Problem' },
        { type: 'object', properties: { code: { type: 'string', enum: ['LOCKED', 'QUOTA_EXCEEDED'] } } },
      ],
    });
    const limited = responseOf(document, operation, '429');
    expect(limited.description).to.include('RATE_LIMITED');
    expect(limited.headers).to.include.keys('retry-after', 'ratelimit');
  });

  it('requires of a client no member that has a default, and promises it in responses', () => {
    const document = documentOf((app) => {
      app.post('/members', { body: Member, response: { 201: Member, 200: Type.Array(Member) } }, handler);
      app.put('/inline', { body: Type.Object({ size: Type.Integer({ default: 1 }) }) }, handler);
    });
    const { Member: output, MemberInput: input } = document.components.schemas;
    expect(input!.required).to.deep.equal(['name']);
    expect(output!.required).to.deep.equal(['name', 'role']);
    const { requestBody, responses } = document.paths['/members']!.post!;
    expect(requestBody.content['application/json']!.schema).to.deep.equal({
      $ref: '#/components/schemas/MemberInput',
    });
    expect(responses['200']!.content['application/json']!.schema).to.deep.equal({
      type: 'array',
      items: { $ref: '#/components/schemas/Member' },
    });
    const inline = document.paths['/inline']!.put!.requestBody.content['application/json']!.schema;
    expect(inline).to.not.have.property('required');
  });

  it('promises only what is sent: the default of a response is filled in', async () => {
    const world = bench((app) =>
      app.get('/', { response: { 200: Member } }, () => ({ name: 'Ada' }) as never),
    );
    expect((await world.inject({ url: '/' })).json()).to.deep.equal({ name: 'Ada', role: 'guest' });
  });

  it('describes Idempotency-Key, which a route may require', async () => {
    const fill = (idempotencyKey: 'optional' | 'required') =>
      documentOf((app) => app.post('/', { idempotencyKey }, handler)).paths['/']!.post!;
    expect(fill('optional').parameters).to.have.length(1);
    expect(fill('optional').parameters[0]).to.include({
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
    });
    expect(fill('optional').responses).to.include.keys('409', '422').and.not.include.keys('400');
    expect(fill('required').parameters[0]).to.include({ required: true });
    expect(fill('required').responses).to.include.keys('400', '409', '422');

    const world = bench((app) => app.post('/', { idempotencyKey: 'required' }, () => 'done'));
    for (const headers of [{}, { 'idempotency-key': '' }]) {
      const { status, json } = await world.inject({ method: 'POST', url: '/', headers });
      expect([status, json().code]).to.deep.equal([400, 'IDEMPOTENCY_KEY_REQUIRED']);
    }
    expect(
      (await world.inject({ method: 'POST', url: '/', headers: { 'idempotency-key': 'a' } })).status,
    ).to.equal(200);
  });

  it('describes parameters by description, default, enumeration and example', () => {
    const query = Type.Object({
      order: Type.Union([Type.Literal('asc'), Type.Literal('desc')], {
        default: 'asc',
        description: 'The order.',
        examples: ['desc'],
      }),
      since: Type.String({ format: 'date', deprecated: true }),
    });
    const document = documentOf((app) => app.get('/', { query }, handler));
    expect(document.paths['/']!.get!.parameters).to.deep.equal([
      {
        name: 'order',
        in: 'query',
        required: false,
        description: 'The order.',
        example: 'desc',
        schema: { type: 'string', default: 'asc', examples: ['desc'], enum: ['asc', 'desc'] },
      },
      {
        name: 'since',
        in: 'query',
        required: true,
        deprecated: true,
        schema: { type: 'string', format: 'date' },
      },
    ]);
  });

  it('describes bytes, text and events by their media types', () => {
    const document = documentOf((app) => {
      app.get('/pdf', { produces: 'application/pdf' }, handler);
      app.get('/text', { produces: ['text/csv', 'text/plain'] }, handler);
      app.get('/events', { produces: 'text/event-stream' }, handler);
      app.put('/raw', { consumes: 'application/octet-stream' }, handler);
    });
    const content = (path: string) => document.paths[path]!.get!.responses['200']!.content;
    expect(content('/pdf')).to.deep.equal({
      'application/pdf': { schema: { type: 'string', format: 'binary' } },
    });
    expect(Object.keys(content('/text'))).to.deep.equal(['text/csv', 'text/plain']);
    expect(content('/events')['text/event-stream']!.schema.type).to.equal('string');
    expect(document.paths['/raw']!.put!.requestBody.content).to.have.all.keys('application/octet-stream');
  });

  it('says what OpenAPI cannot describe: WebSockets and mounted applications', async () => {
    const document = documentOf((app) => {
      app.ws('/chat/:room', { summary: 'Chat', tags: ['chat'] });
      app.mount('/blog', { description: 'The blog.' }, () => new Response('hello'));
    });
    await assertValid(document);
    const chat = document.paths['/chat/{room}']!.get!;
    expect(chat.description).to.match(/WebSocket/);
    expect(chat.tags).to.deep.equal(['chat']);
    expect(Object.keys(chat.responses)).to.deep.equal(['101', '426', '503', 'default']);
    const blog = document.paths['/blog/{path}']!;
    expect(Object.keys(blog)).to.deep.equal(['get']);
    expect(blog.get!.description).to.match(/^The blog\.\n\nAn application that is mounted here.*`\/blog`/s);
  });

  it('says that the routes of every process need no credentials, where others do', () => {
    const fill = (app: Application): void => {
      const state = { draining: () => false, ready: () => true };
      systemRoutes(app, PROBE_PATHS, state, SYSTEM_ROUTE_OPTIONS);
      apiDocs(
        app,
        () => ({ title: 'demo', version: '1' }),
        () => [],
      );
      app.get('/items', handler);
    };
    const { paths } = documentOf(fill, { securitySchemes: { bearer }, security: [{ bearer: [] }] });
    for (const path of ['/health', '/ready', '/openapi.json']) {
      expect(paths[path]!.get, path).to.deep.include({ security: [] });
      expect(paths[path]!.get!.responses, path).to.not.have.property('401');
    }
    expect(paths['/items']!.get!.responses).to.have.property('401');
    expect(documentOf(fill).paths['/health']!.get).to.not.have.property('security');
  });

  it('inherits tags, security, deprecated and hide from groups, and omits what is hidden', () => {
    const document = documentOf(
      (app) =>
        app.group('/admin', { tags: ['admin'], security: [{ bearer: [] }], deprecated: true }, (admin) => {
          admin.get('/a', handler);
          admin.get('/b', { tags: ['b'], security: [], deprecated: false }, handler);
          admin.get('/c', { hide: true }, handler);
        }),
      { securitySchemes: { bearer } },
    );
    expect(Object.keys(document.paths)).to.deep.equal(['/admin/a', '/admin/b']);
    expect(document.paths['/admin/a']!.get).to.deep.include({
      tags: ['admin'],
      security: [{ bearer: [] }],
      deprecated: true,
    });
    const open = document.paths['/admin/b']!.get!;
    expect(open).to.deep.include({ tags: ['b'], security: [] });
    expect(open.responses).to.not.have.property('401');
  });
});

describe('options about the document', () => {
  const fails = (options: object, message: RegExp): void => {
    const openapi = { securitySchemes: { bearer } };
    expect(() => bench((app) => app.post('/x', options as RouteOptions, handler), { openapi })).to.throw(
      TypeError,
      message,
    );
  };

  it('are refused where they are wrong, by the name of service, route and option', () => {
    fails(
      { security: [{ bearr: [] }] },
      /service demo, route POST \/x: security: unknown scheme "bearr", did you mean "bearer"/,
    );
    fails({ security: { bearer: [] } }, /POST \/x: security must be a list of alternatives/);
    fails({ errors: { 200: 'FINE' } }, /POST \/x: errors must be an object of codes by status/);
    fails({ responseHeaders: { 201: Type.String() } }, /responseHeaders must be an object of schemas/);
    fails({ produces: 'pdf' }, /produces must be a media type/);
    fails({ tags: 'orders' }, /tags must be a list of strings/);
    fails({ externalDocs: 'https://example.org' }, /externalDocs: options must be an object/);
    fails({ example: 1, examples: { a: { value: 1 } } }, /either example or examples/);
    fails({ examples: { a: 1 } }, /examples must be an object of examples by name/);
    fails({ idempotencyKey: true }, /idempotencyKey must be "optional" or "required"/);
    fails({ descripton: '' }, /unknown option "descripton", did you mean "description"/);
  });

  it('are refused where an operationId is used twice', () => {
    const twice = () =>
      bench((app) => {
        app.get('/a', { operationId: 'same' }, handler);
        app.get('/b', { operationId: 'same' }, handler);
      });
    expect(twice).to.throw(
      TypeError,
      /route GET \/b: operationId "same" is that of service demo, route GET \/a/,
    );
  });

  it('are refused where a scheme is named and none is declared', () => {
    expect(() => bench((app) => app.get('/', { security: [{ bearer: [] }] }, handler))).to.throw(
      /unknown scheme "bearer": declare it in openapi\.securitySchemes/,
    );
  });
});
