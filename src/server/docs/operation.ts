// The operations of an OpenAPI document: what one route takes and answers.
import { STATUS_CODES } from 'node:http';
import type { RouteInfo } from '../handler.js';
import type { Segment } from '../routing/pattern.js';
import type { ApiInfo } from './described-api.js';
import type { DocumentSchemas } from './document-schemas.js';
import { mediaContent } from './media-types.js';
import { headerParameters, IDEMPOTENCY_KEY, pathParameters, queryParameters } from './parameters.js';
import type { ProblemResponses } from './problem-responses.js';
import { commonHeaders, isRateLimited } from './response-headers.js';

type Json = Readonly<Record<string, unknown>>;

interface OperationParts {
  readonly schemas: DocumentSchemas;
  readonly problems: ProblemResponses;
  readonly info: ApiInfo;
  /** Returns the name of an operation. */
  readonly ids: (route: RouteInfo) => string;
}

export class Operations {
  /** The tags of all operations. */
  readonly tags = new Set<string>();
  readonly #parts: OperationParts;

  constructor(parts: OperationParts) {
    this.#parts = parts;
  }

  /** @param names those of the path parameters, in order */
  of(route: RouteInfo, segments: readonly Segment[], names: readonly string[]): Json {
    const { options, service } = route;
    const { summary, description, tags = [service], deprecated, externalDocs, security } = options;
    for (const tag of tags) this.tags.add(tag);
    const parameters = this.#parameters(route, segments, names);
    const requestBody = this.#requestBody(route);
    return {
      operationId: this.#parts.ids(route),
      tags,
      ...(summary === undefined ? {} : { summary }),
      ...descriptionOf(route, description),
      ...(externalDocs === undefined ? {} : { externalDocs }),
      ...(deprecated === true ? { deprecated } : {}),
      ...(security === undefined || this.#isRedundant(security) ? {} : { security }),
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(requestBody === undefined ? {} : { requestBody }),
      responses: this.#responses(route),
    };
  }

  /** Whether a route says that it needs nothing where nothing in the document could be needed. */
  #isRedundant(security: readonly unknown[]): boolean {
    const { info } = this.#parts;
    return security.length === 0 && info.security === undefined && info.securitySchemes === undefined;
  }

  #parameters({ options }: RouteInfo, segments: readonly Segment[], names: readonly string[]): Json[] {
    const { params, query, headers, idempotencyKey } = options;
    const { schemas } = this.#parts;
    const fields = headerParameters(schemas, headers);
    const declaresKey = fields.some(({ name }) => String(name).toLowerCase() === 'idempotency-key');
    return [
      ...pathParameters(schemas, segments, names, params),
      ...queryParameters(schemas, query),
      ...fields,
      ...(idempotencyKey === undefined || declaresKey
        ? []
        : [{ ...IDEMPOTENCY_KEY, required: idempotencyKey === 'required' }]),
    ];
  }

  #requestBody({ options, method }: RouteInfo): Json | undefined {
    const { body, bodyType, consumes, example, examples } = options;
    if (method === 'GET' || (body === undefined && consumes === undefined)) return undefined;
    const type = bodyType === 'form' ? 'application/x-www-form-urlencoded' : 'application/json';
    const content = {
      ...(body === undefined ? {} : { [type]: { schema: this.#parts.schemas.of(body, 'request') } }),
      ...mediaContent(this.#parts.schemas, consumes, 'request'),
    };
    const shown = example === undefined ? examples && { examples } : { example };
    return {
      required: true,
      content: Object.fromEntries(
        Object.entries(content).map(([name, media]) => [name, { ...media, ...shown }]),
      ),
    };
  }

  #responses(route: RouteInfo): Json {
    const { info, problems } = this.#parts;
    const { security = info.security ?? [] } = route.options;
    // `{}` is the alternative of no scheme at all.
    const isProtected = security.length > 0 && security.every((one) => Object.keys(one).length > 0);
    const limited = info.isRateLimited ?? false;
    if (route.mounted === true)
      return { default: { description: 'Whatever the application responds with.' } };
    return { ...this.#successes(route), ...problems.of(route, isProtected, limited) };
  }

  #successes(route: RouteInfo): Json {
    const { options, method, webSocket } = route;
    const { response = {}, responseHeaders = {}, produces } = options;
    const common = commonHeaders(isRateLimited(route, this.#parts.info.isRateLimited ?? false));
    if (webSocket) return { 101: { description: 'The connection is a WebSocket from now on.' } };
    const statuses = new Set([...Object.keys(response), ...Object.keys(responseHeaders)]);
    if (produces !== undefined) statuses.add('200');
    if (![...statuses].some((status) => status < '400')) statuses.add('2XX');
    const described = [...statuses].map((status): [string, Json] => {
      const schema = response[Number(status)];
      const text = schema?.description ?? STATUS_CODES[status];
      const content = {
        ...(schema === undefined || status === '204'
          ? {}
          : { 'application/json': { schema: this.#parts.schemas.of(schema, 'response') } }),
        ...(status === '200' ? mediaContent(this.#parts.schemas, produces, 'response') : {}),
      };
      return [
        status,
        {
          description: text ?? (method === 'GET' ? 'The result' : 'Success'),
          headers: { ...common, ...this.#headers(responseHeaders[Number(status)]) },
          ...(Object.keys(content).length === 0 ? {} : { content }),
        },
      ];
    });
    return Object.fromEntries(described);
  }

  #headers(schema: Json | undefined): Json {
    const required = (schema?.required as readonly string[] | undefined) ?? [];
    return Object.fromEntries(
      Object.entries((schema?.properties as Record<string, Json> | undefined) ?? {}).map(([name, one]) => [
        name.toLowerCase(),
        {
          ...(one.description === undefined ? {} : { description: one.description }),
          ...(required.includes(name) ? { required: true } : {}),
          schema: this.#parts.schemas.of(one, 'response'),
        },
      ]),
    );
  }
}

/** What OpenAPI cannot express of a route stands in its description. */
function descriptionOf({ mounted, webSocket, path }: RouteInfo, given: string | undefined): Json {
  const own = mounted
    ? `An application that is mounted here serves every method of \`${path.slice(0, -2) || '/'}\` and of all ` +
      'paths below it, except CONNECT and TRACE. Its own routes are not known to this document.'
    : webSocket
      ? 'A WebSocket (RFC 6455): connect to this address with `ws:` or `wss:`. Its messages are not described ' +
        'here; a request without an upgrade gets 426.'
      : undefined;
  const text = [given, own].filter((one) => one !== undefined).join('\n\n');
  return text === '' ? {} : { description: text };
}
