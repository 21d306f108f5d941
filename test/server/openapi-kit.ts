// Shared by the tests of the OpenAPI document.
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'chai';
import type { OpenApiOptions } from '#src/openapi-options.js';
import { openapiText } from '#src/server/docs/openapi.js';
import type { Application } from '#src/server/handler.js';
import { bench } from './kit.js';

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly [member: string]: unknown;
}

export interface Operation {
  readonly [member: string]: unknown;
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, Content>>;
  readonly requestBody: Content;
}

interface Content {
  readonly [member: string]: unknown;
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: Schema; readonly [member: string]: unknown }>>;
}

type Schema = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly [member: string]: unknown;
  readonly info: Schema;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Content>>;
  };
}

/** What work that yields comes to, and how often it has yielded. */
export function finished<T>(parts: Iterator<void, T>): { readonly result: T; readonly pieces: number } {
  for (let pieces = 0; ; pieces++) {
    const { done, value } = parts.next();
    if (done === true) return { result: value, pieces };
  }
}

/** The document of these routes, as a client reads it. */
export function documentOf(fill: (app: Application) => void, openapi: OpenApiOptions = {}): OpenApiDocument {
  const { app } = bench(fill, { openapi });
  const info = { title: 'demo', version: '1', ...openapi };
  return JSON.parse(finished(openapiText(app.routes(), info)).result) as OpenApiDocument;
}

export async function assertValid(document: object): Promise<void> {
  const { valid, errors } = await new Validator().validate(document as Record<string, unknown>);
  expect(errors).to.equal(undefined);
  expect(valid).to.equal(true);
}

/** The response of an operation, also where it is a reference. */
export function responseOf(document: OpenApiDocument, operation: Operation, status: string): Content {
  const found = operation.responses[status]!;
  const name = (found.$ref as string | undefined)?.split('/').at(-1);
  return name === undefined ? found : document.components.responses[name]!;
}
