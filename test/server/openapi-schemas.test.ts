// How schemas of routes become schemas of the OpenAPI document.
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import fc from 'fast-check';
import { DocumentSchemas, textOf } from '#src/server/docs/document-schemas.js';
import { openapiText } from '#src/server/docs/openapi.js';
import type { RouteInfo } from '#src/server/handler.js';
import { assertValid, documentOf, finished, type OpenApiDocument } from './openapi-kit.js';

const written = (schema: unknown): unknown =>
  JSON.parse(textOf(new DocumentSchemas().of(schema, 'response')));

describe('a schema in the OpenAPI document', () => {
  for (const [what, schema, expected] of [
    [
      'a union of texts',
      Type.Union([Type.Literal('a'), Type.Literal('b')]),
      { type: 'string', enum: ['a', 'b'] },
    ],
    ['a date', Type.Date(), { type: 'string', format: 'date-time' }],
    ['a big integer', Type.BigInt(), { type: 'integer' }],
    ['bytes', Type.Uint8Array(), { type: 'string', format: 'binary' }],
    ['an expression', Type.RegExp(/^a+$/), { type: 'string', pattern: '^a+$' }],
    ['undefined', Type.Undefined(), { not: {} }],
    ['nullable of draft 7', { type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      'a tuple',
      Type.Tuple([Type.String(), Type.Integer()]),
      {
        type: 'array',
        prefixItems: [{ type: 'string' }, { type: 'integer' }],
        items: false,
        minItems: 2,
        maxItems: 2,
      },
    ],
  ] as const) {
    it(`has ${what} in the words of JSON Schema 2020-12`, () => {
      expect(written(schema)).to.deep.equal(expected);
    });
  }

  it('is a component when it has an $id, and one for all routes that use it', async () => {
    const User = Type.Object({ id: Type.Integer() }, { $id: 'https://schemas.example.org/User' });
    const document = documentOf((app) => {
      app.get('/a', { response: { 200: User } }, () => null as never);
      app.get('/b', { response: { 200: Type.Object({ user: Type.Optional(User) }) } }, () => null as never);
      app.get(
        '/c',
        { response: { 200: Type.Object({ id: Type.String() }, { $id: 'User' }) } },
        () => null as never,
      );
    });
    await assertValid(document);
    expect(Object.keys(document.components.schemas)).to.deep.equal(['Problem', 'User', 'User2']);
    expect(document.paths['/b']!.get!.responses['200']!.content['application/json']!.schema).to.deep.equal({
      type: 'object',
      properties: { user: { $ref: '#/components/schemas/User' } },
    });
  });

  it('refers to itself by its component, and to its definitions', async () => {
    const Tree = Type.Recursive((This) => Type.Object({ children: Type.Array(This) }), { $id: 'Tree' });
    const Models = Type.Module({
      Order: Type.Object({ lines: Type.Array(Type.Ref('Line')) }),
      Line: Type.Object({ quantity: Type.Integer() }),
    });
    const pointed = {
      type: 'object',
      properties: { a: { $ref: '#/definitions/Part' }, b: { $ref: '#' } },
      definitions: { Part: { type: 'integer' } },
    };
    const document = documentOf((app) => {
      app.get('/tree', { response: { 200: Tree } }, () => null as never);
      app.get('/order', { response: { 200: Models.Import('Order') } }, () => null as never);
      app.get('/part', { response: { 200: pointed as never } }, () => null as never);
    });
    await assertValid(document);
    const { schemas } = document.components;
    expect(schemas.Tree).to.deep.include({
      properties: { children: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
    });
    expect(schemas.Order).to.deep.include({
      properties: { lines: { type: 'array', items: { $ref: '#/components/schemas/Line' } } },
    });
    expect(schemas.Line).to.deep.include({ properties: { quantity: { type: 'integer' } } });
    expect(schemas.Part).to.deep.equal({ type: 'integer' });
    expect(JSON.stringify(document)).to.not.match(/"\$ref":"(?!#\/components\/)/);
  });

  it('of any shape leaves no reference open and makes a valid document', async () => {
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          Type.String(),
          Type.Integer({ default: 1 }),
          Type.Null(),
          Type.Date(),
          Type.Unknown(),
        ),
        tie('schema').map((one) => Type.Array(one as never)),
        tie('schema').map((one) => Type.Optional(one as never)),
        fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((all) => Type.Union(all as never)),
        fc
          .tuple(
            fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), tie('schema'), { maxKeys: 4 }),
            fc.option(fc.constantFrom('A', 'B', 'a b')),
          )
          .map(([properties, id]) => Type.Object(properties as never, id === null ? {} : { $id: id })),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.array(schema, { minLength: 20, maxLength: 20 }), async (bodies) => {
        const schemas = new DocumentSchemas();
        const paths = bodies.map((body, n) => {
          const content = { 'application/json': { schema: schemas.of(body, 'request') } };
          const sent = { 'application/json': { schema: schemas.of(body, 'response') } };
          const responses = { 200: { description: '', content: sent } };
          return [`/${n}`, { post: { requestBody: { content }, responses } }];
        });
        const document = {
          openapi: '3.1.0',
          info: { title: '', version: '' },
          paths: Object.fromEntries(paths) as object,
          components: { schemas: schemas.components },
        };
        const text = textOf(document);
        for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]*)"/g))
          expect(schemas.components).to.have.property(name!);
        await assertValid(JSON.parse(text) as object);
      }),
      { numRuns: 3 },
    );
  });
});

describe('the OpenAPI document of many routes', () => {
  it('has a bounded size for each of 10,000 routes, and is made in pieces', () => {
    const Item = Type.Object({ id: Type.Integer(), name: Type.String() }, { $id: 'Item' });
    const options = { params: Type.Object({ id: Type.Integer() }), body: Item, response: { 200: Item } };
    const routes = Array.from({ length: 10_000 }, (_, n): RouteInfo => {
      const [path, template] = [`/r${n}/:id`, `/r${n}/{id}`];
      return { service: 'many', method: 'PUT', path, template, webSocket: false, options };
    });
    const { result: text, pieces } = finished(openapiText(routes, { title: 'many', version: '1' }));
    const { paths, components } = JSON.parse(text) as OpenApiDocument;
    expect(Object.keys(paths)).to.have.length(10_000);
    expect(text.length / 10_000).to.be.below(900);
    expect(pieces, 'a rest after each route, and after its text').to.be.at.least(20_000);
    expect(Object.keys(components.responses).length).to.be.below(10);
  });
});
