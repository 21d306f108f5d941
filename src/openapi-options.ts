// What a project says about its API as a whole: the member `openapi` of the configuration file. It is plain
// data, so that workers receive it with the settings. The names are those of the OpenAPI Specification 3.1.
/** Documentation that is found elsewhere (OAS 3.1, "External Documentation Object"). */
export interface ExternalDocs {
  /** Absolute, or relative to the document. */
  readonly url: string;
  readonly description?: string;
}

/** The schemes that a request needs together, each with its scopes: `{ bearer: [] }`. `{}` needs none. */
export type SecurityRequirement = Readonly<Record<string, readonly string[]>>;

/** Where the API is reached (OAS 3.1, "Server Object"). */
export interface OpenApiServer {
  /** Absolute, or relative to the document. */
  readonly url: string;
  readonly description?: string;
  readonly variables?: Readonly<
    Record<
      string,
      { readonly default: string; readonly enum?: readonly string[]; readonly description?: string }
    >
  >;
}

/** One flow of OAuth 2 (OAS 3.1, "OAuth Flow Object"). */
export interface OAuthFlow {
  readonly authorizationUrl?: string;
  readonly tokenUrl?: string;
  readonly refreshUrl?: string;
  /** What each scope allows, by name. */
  readonly scopes: Readonly<Record<string, string>>;
}

/** How clients prove who they are (OAS 3.1, "Security Scheme Object"). */
export type SecurityScheme = { readonly description?: string } & (
  | { readonly type: 'http'; readonly scheme: string; readonly bearerFormat?: string }
  | { readonly type: 'apiKey'; readonly name: string; readonly in: 'header' | 'query' | 'cookie' }
  | {
      readonly type: 'oauth2';
      readonly flows: Readonly<
        Partial<Record<'implicit' | 'password' | 'clientCredentials' | 'authorizationCode', OAuthFlow>>
      >;
    }
  | { readonly type: 'openIdConnect'; readonly openIdConnectUrl: string }
  | { readonly type: 'mutualTLS' }
);

/** What the OpenAPI document says of the API as a whole. */
export interface OpenApiOptions {
  /** @default `name` of the project's package.json, else the names of the services */
  readonly title?: string;
  /** The version of the API, not of OpenAPI. @default `version` of the project's package.json, else `1` */
  readonly version?: string;
  /** One line of text. @default none */
  readonly summary?: string;
  /** Text in CommonMark. @default `description` of the project's package.json */
  readonly description?: string;
  /** The URL of the terms of service. @default none */
  readonly termsOfService?: string;
  /** @default none */
  readonly contact?: { readonly name?: string; readonly url?: string; readonly email?: string };
  /** @default `license` of the project's package.json, where it is an SPDX identifier */
  readonly license?: { readonly name: string; readonly identifier?: string; readonly url?: string };
  /** @default `[{ url: '.' }]`: where the document was loaded from, whatever proxies are in front */
  readonly servers?: readonly OpenApiServer[];
  /** Descriptions and order of tags. Every other tag follows. @default none */
  readonly tags?: readonly {
    readonly name: string;
    readonly description?: string;
    readonly externalDocs?: ExternalDocs;
  }[];
  /** @default none */
  readonly externalDocs?: ExternalDocs;
  /** The ways to prove who the client is, by the name that `security` uses. @default none */
  readonly securitySchemes?: Readonly<Record<string, SecurityScheme>>;
  /**
   * What routes need that have no `security` of their own, nor a group with one: any of these alternatives.
   * @default none
   */
  readonly security?: readonly SecurityRequirement[];
}
