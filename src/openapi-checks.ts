// Checks the member `openapi` of the configuration file, and what routes refer to in it.
import type {
  ExternalDocs,
  OAuthFlow,
  OpenApiOptions,
  OpenApiServer,
  SecurityRequirement,
  SecurityScheme,
} from './openapi-options.js';
import {
  ANYTHING,
  checkOptions,
  checkValue,
  configError,
  type ErrorFactory,
  FILLED_TEXT,
  type OptionKind,
  type OptionsShape,
  oneOf,
  requireObject,
  shapeOf,
  TEXT,
  unknownName,
} from './options.js';

const list = (text: string): OptionKind => ({ text, is: Array.isArray });

const OPENAPI = shapeOf<OpenApiOptions>("{ title: 'Orders', version: '2.1.0' }", {
  title: FILLED_TEXT,
  version: FILLED_TEXT,
  summary: TEXT,
  description: TEXT,
  termsOfService: FILLED_TEXT,
  contact: ANYTHING,
  license: ANYTHING,
  servers: list("a list such as [{ url: 'https://api.example.org' }]"),
  tags: list("a list such as [{ name: 'orders', description: '…' }]"),
  externalDocs: ANYTHING,
  securitySchemes: ANYTHING,
  security: ANYTHING,
});
const CONTACT = shapeOf<NonNullable<OpenApiOptions['contact']>>("{ email: 'api@example.org' }", {
  name: TEXT,
  url: FILLED_TEXT,
  email: FILLED_TEXT,
});
const LICENSE = shapeOf<NonNullable<OpenApiOptions['license']>>(
  "{ name: 'MIT', identifier: 'MIT' }",
  { name: FILLED_TEXT, identifier: FILLED_TEXT, url: FILLED_TEXT },
  ['name'],
);
const EXTERNAL_DOCS = shapeOf<ExternalDocs>(
  "{ url: 'https://docs.example.org' }",
  { url: FILLED_TEXT, description: TEXT },
  ['url'],
);
const SERVER = shapeOf<OpenApiServer>(
  "{ url: 'https://api.example.org' }",
  { url: FILLED_TEXT, description: TEXT, variables: ANYTHING },
  ['url'],
);
const VARIABLE = shapeOf<NonNullable<OpenApiServer['variables']>[string]>(
  "{ default: 'eu', enum: ['eu', 'us'] }",
  { default: TEXT, enum: list('a list of strings'), description: TEXT },
  ['default'],
);
const TAG = shapeOf<NonNullable<OpenApiOptions['tags']>[number]>(
  "{ name: 'orders', description: '…' }",
  { name: FILLED_TEXT, description: TEXT, externalDocs: ANYTHING },
  ['name'],
);

/** @throws ConfigError that names what is wrong in the member `openapi` */
export function checkOpenApi(given: unknown): void {
  if (given === false) return;
  checkOptions(given, OPENAPI, within('openapi'));
  const {
    contact,
    license,
    externalDocs,
    servers = [],
    tags = [],
    securitySchemes = {},
    security,
  } = given as OpenApiOptions;
  if (contact !== undefined) checkOptions(contact, CONTACT, within('openapi.contact'));
  if (license !== undefined) {
    checkOptions(license, LICENSE, within('openapi.license'));
    if (license.identifier !== undefined && license.url !== undefined)
      throw configError('openapi.license: either identifier or url, not both');
  }
  if (externalDocs !== undefined) checkExternalDocs(externalDocs, within('openapi.externalDocs'));
  for (const [at, server] of servers.entries()) checkServer(server, `openapi.servers[${at}]`);
  checkTags(tags);
  requireObject(
    'openapi.securitySchemes',
    securitySchemes,
    "{ staff: { type: 'http', scheme: 'bearer' } }",
    configError,
  );
  for (const [name, scheme] of Object.entries(securitySchemes)) checkScheme(name, scheme);
  if (security !== undefined) {
    checkRequirements(security, within('openapi'));
    checkSchemesKnown(security, securitySchemes, within('openapi'));
  }
}

const within =
  (place: string): ErrorFactory =>
  (reason) =>
    configError(`${place}: ${reason}`);

function checkServer(server: OpenApiServer, place: string): void {
  checkOptions(server, SERVER, within(place));
  const { url, variables = {} } = server;
  requireObject('variables', variables, "{ region: { default: 'eu' } }", within(place));
  for (const [name, variable] of Object.entries(variables))
    checkOptions(variable, VARIABLE, within(`${place}.variables.${name}`));
  for (const [, name] of url.matchAll(/\{([^}]*)\}/g)) {
    if (!Object.hasOwn(variables, name!))
      throw within(place)(`the url has the variable {${name}}, which variables does not describe`);
  }
}

function checkTags(tags: NonNullable<OpenApiOptions['tags']>): void {
  const seen = new Set<string>();
  for (const [at, tag] of tags.entries()) {
    const fault = within(`openapi.tags[${at}]`);
    checkOptions(tag, TAG, fault);
    if (seen.has(tag.name)) throw fault(`the tag "${tag.name}" is listed twice`);
    seen.add(tag.name);
    if (tag.externalDocs !== undefined) checkExternalDocs(tag.externalDocs, fault);
  }
}

/** @throws the error that `fault` makes for what is no External Documentation Object */
export function checkExternalDocs(given: unknown, fault: ErrorFactory): void {
  checkOptions(given, EXTERNAL_DOCS, (reason) => fault(`externalDocs: ${reason}`));
}

const SCHEME_EXAMPLE = "{ type: 'http', scheme: 'bearer' }";
/** The members of each type of scheme: those that it needs, then those that it may have. */
const SCHEMES: Readonly<Record<SecurityScheme['type'], OptionsShape>> = {
  http: schemeShape({ scheme: FILLED_TEXT }, { bearerFormat: TEXT }),
  apiKey: schemeShape({ name: FILLED_TEXT, in: oneOf('header', 'query', 'cookie') }),
  oauth2: schemeShape({ flows: ANYTHING }),
  openIdConnect: schemeShape({ openIdConnectUrl: FILLED_TEXT }),
  mutualTLS: schemeShape({}),
};

function schemeShape(
  needed: Readonly<Record<string, OptionKind>>,
  optional: Readonly<Record<string, OptionKind>> = {},
): OptionsShape {
  const kinds = { type: TEXT, description: TEXT, ...needed, ...optional };
  return shapeOf<Record<string, unknown>>(SCHEME_EXAMPLE, kinds, Object.keys(needed));
}

/** The URLs that each flow of OAuth 2 needs. */
const FLOWS: Readonly<Record<string, readonly (keyof OAuthFlow)[]>> = {
  implicit: ['authorizationUrl', 'scopes'],
  password: ['tokenUrl', 'scopes'],
  clientCredentials: ['tokenUrl', 'scopes'],
  authorizationCode: ['authorizationUrl', 'tokenUrl', 'scopes'],
};

function checkScheme(name: string, scheme: SecurityScheme): void {
  const place = `openapi.securitySchemes.${name}`;
  if (!/^[A-Za-z0-9._-]+$/.test(name))
    throw configError(`${place}: a name consists of letters, digits, ".", "-" and "_"`);
  requireObject(place, scheme, SCHEME_EXAMPLE, configError);
  checkValue('type', scheme.type, oneOf(...Object.keys(SCHEMES)), within(place));
  checkOptions(scheme, SCHEMES[scheme.type], within(place));
  if (scheme.type !== 'oauth2') return;
  const fault = within(`${place}.flows`);
  requireObject('flows', scheme.flows, '{ clientCredentials } with its tokenUrl and scopes', within(place));
  if (Object.keys(scheme.flows).length === 0) throw fault('there is no flow');
  for (const [flow, urls] of Object.entries(scheme.flows)) {
    const required = Object.hasOwn(FLOWS, flow) ? FLOWS[flow] : undefined;
    if (required === undefined) throw fault(unknownName('flow', flow, Object.keys(FLOWS)));
    const kinds = {
      authorizationUrl: FILLED_TEXT,
      tokenUrl: FILLED_TEXT,
      refreshUrl: FILLED_TEXT,
      scopes: SCOPES,
    };
    checkOptions(
      urls,
      shapeOf<OAuthFlow>('{ tokenUrl, scopes: {} }', kinds, required),
      within(`${place}.flows.${flow}`),
    );
  }
}

const SCOPES: OptionKind = {
  text: "an object of descriptions by scope, such as { 'orders:read': 'Read orders' }",
  is: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((one) => typeof one === 'string'),
};

const REQUIREMENTS: OptionKind = {
  text: 'a list of alternatives such as [{ staff: [] }]',
  is: (value) => Array.isArray(value) && value.every(isRequirement),
};
const isRequirement = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every(
    (scopes) => Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string'),
  );

/** @throws the error that `fault` makes for what is no list of security requirements */
export const checkRequirements = (given: unknown, fault: ErrorFactory): void =>
  checkValue('security', given, REQUIREMENTS, fault);

/** @throws the error that `fault` makes for a scheme, or a scope of OAuth 2, that is not declared */
export function checkSchemesKnown(
  security: readonly SecurityRequirement[],
  schemes: OpenApiOptions['securitySchemes'] = {},
  fault: ErrorFactory,
): void {
  for (const requirement of security) {
    for (const [name, scopes] of Object.entries(requirement)) {
      const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
      if (scheme === undefined) throw fault(`security: ${unknownScheme(name, Object.keys(schemes))}`);
      if (scheme.type !== 'oauth2') continue;
      const known = Object.values(scheme.flows).flatMap((flow) => Object.keys(flow.scopes));
      for (const scope of scopes)
        if (!known.includes(scope)) throw fault(`security: ${name}: ${unknownName('scope', scope, known)}`);
    }
  }
}

const unknownScheme = (name: string, known: readonly string[]): string =>
  known.length > 0
    ? unknownName('scheme', name, known)
    : `unknown scheme "${name}": declare it in openapi.securitySchemes of the configuration`;
